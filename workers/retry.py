"""What becomes of a send that failed: again when, or give up. Pure: error and attempt in, decision out."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.errors import SendError, Undecided
from bot.messages import DeliveryState

#: Seconds before attempt 2, 3, 4 …; the last one repeats.
_WAITS = (5, 20, 60, 180, 600, 1800)
_MOST_ATTEMPTS = 12
#: What could not be sent for so long is no longer an answer to anything.
_LONGEST = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Decision:
    """The row's next state; `not_before` when it waits, and what staff read."""

    state: DeliveryState
    not_before: datetime | None = None
    code: str = ""
    sentence: str = ""


def decide(
    error: SendError, *, attempt: int, now: datetime, created_at: datetime, idempotent: bool = False
) -> Decision:
    """What to do after attempt number `attempt` (from 1) failed with `error`.

    A send that may have reached her is never repeated: it is `unknown`, and a person decides. Only where the
    platform drops a second message under the same key (`idempotent`) is it sent again until an answer comes; an
    answer that leaves it open is final too, because the second would be dropped without a better one.
    """
    again = error.retryable
    if not error.known_unsent:
        if not idempotent or attempt >= _MOST_ATTEMPTS or isinstance(error, Undecided):
            return Decision(DeliveryState.UNKNOWN, code=error.code, sentence=error.sentence)
        again = True
    if not again or attempt >= _MOST_ATTEMPTS or now - created_at > _LONGEST:
        return Decision(DeliveryState.FAILED, code=error.code, sentence=error.sentence)
    wait = error.retry_after if error.retry_after is not None else _WAITS[min(attempt, len(_WAITS)) - 1]
    return Decision(DeliveryState.QUEUED, now + timedelta(seconds=wait), error.code, error.sentence)
