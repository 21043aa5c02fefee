"""What becomes of a failed send: never twice what may have arrived, never for ever what cannot."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import RecipientGone, Rejected, SendError, Throttled, Unreachable, WindowClosed
from bot.messages import DeliveryState
from workers.retry import decide

NOW = datetime(2026, 3, 3, 2, 0, tzinfo=UTC)


def after(error: SendError, attempt: int = 1, age: timedelta = timedelta(0)) -> DeliveryState:
    return decide(error, attempt=attempt, now=NOW, created_at=NOW - age).state


def test_what_may_have_arrived_is_unknown_and_never_repeated() -> None:
    assert after(Unreachable("?", known_unsent=False)) is DeliveryState.UNKNOWN
    assert after(Throttled("?", known_unsent=False, retryable=True)) is DeliveryState.UNKNOWN


def test_what_did_not_go_out_is_tried_again_later_and_later() -> None:
    waits = []
    for attempt in range(1, 9):
        decision = decide(Unreachable("?"), attempt=attempt, now=NOW, created_at=NOW)
        assert decision.state is DeliveryState.QUEUED
        assert decision.not_before is not None
        waits.append((decision.not_before - NOW).total_seconds())
    assert waits == sorted(waits)
    assert waits[0] == 5
    assert waits[-1] == 1800


@pytest.mark.parametrize("kind", [Rejected, WindowClosed, RecipientGone])
def test_refusals_for_good_end_it(kind: type[SendError]) -> None:
    assert after(kind("不收")) is DeliveryState.FAILED


def test_platform_that_names_a_time_is_obeyed() -> None:
    decision = decide(Throttled("?", retry_after=3600), attempt=1, now=NOW, created_at=NOW)
    assert decision.not_before == NOW + timedelta(hours=1)


def test_twelve_attempts_or_a_day_are_enough() -> None:
    assert after(Unreachable("?"), attempt=12) is DeliveryState.FAILED
    assert after(Unreachable("?"), age=timedelta(hours=25)) is DeliveryState.FAILED
    assert after(Unreachable("?"), attempt=11, age=timedelta(hours=23)) is DeliveryState.QUEUED


@given(
    st.sampled_from([Unreachable, Throttled, Rejected, WindowClosed, RecipientGone]),
    st.booleans(),
    st.booleans(),
    st.integers(1, 30),
    st.integers(0, 100),
)
def test_every_decision_is_one_of_three_and_unknown_exactly_when_unsure(
    kind: type[SendError], retryable: bool, unsent: bool, attempt: int, hours: int
) -> None:
    error = kind("句子", code="7", retryable=retryable, known_unsent=unsent)
    decision = decide(error, attempt=attempt, now=NOW, created_at=NOW - timedelta(hours=hours))
    assert (decision.state is DeliveryState.UNKNOWN) == (not unsent)
    assert (decision.not_before is not None) == (decision.state is DeliveryState.QUEUED)
    assert decision.not_before is None or decision.not_before > NOW
    assert (decision.code, decision.sentence) == ("7", "句子")
