"""Every error this service raises on purpose.

BotError
├── ConfigError            a setting is wrong; the sentence says which and how to mend it
├── UnverifiedRequest      a webhook call we cannot trust: refused with 4xx, nothing kept
│   └── Unsigned           it carries no proof at all
├── UnreadablePayload      a trusted call whose content makes no sense: refused with 4xx
├── NotFound               what was asked for does not exist, or may not be seen
├── StaleConversation      somebody else changed the conversation first
├── WrongState             what was asked is not possible in its present state; the sentence says why, in Chinese
├── StorageUnavailable     the database cannot be reached: nothing may be acknowledged
└── SendError              an outbound message was not accepted
    ├── Unreachable        no answer that tells whether it was accepted
    ├── Throttled          the platform asks us to wait
    ├── Rejected           the platform will never accept this message
    ├── Undecided          the platform took it, but has not said whether she gets it
    ├── WindowClosed       the time or the number of messages it allows is used up
    └── RecipientGone      she unfollowed, blocked us or does not exist
"""


class BotError(Exception):
    """Something this service knows how to name went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class ConfigError(BotError):
    """A setting is missing or wrong."""


class UnverifiedRequest(BotError):
    """The request is not signed by the platform it claims to come from."""


class Unsigned(UnverifiedRequest):
    """The request carries no proof at all."""


class UnreadablePayload(BotError):
    """The request is signed, but its content cannot be read."""


class NotFound(BotError):
    """There is no such thing, or you may not see it."""


class StaleConversation(BotError):
    """Somebody else changed this conversation first."""


class WrongState(BotError):
    """这一步现在不能做，请刷新页面看看最新状态。"""


class StorageUnavailable(BotError):
    """The database cannot be reached."""


class SendError(BotError):
    """An outbound message was not accepted.

    `retryable` says whether the same message may be tried again, `retry_after` when (seconds),
    and `sentence` tells staff in Chinese what happened and what to do. `code` is the platform's own.
    """

    retryable = False
    #: False where the platform may have accepted the message although no answer came.
    known_unsent = True

    def __init__(
        self,
        sentence: str,
        *,
        code: str = "",
        retryable: bool | None = None,
        retry_after: float | None = None,
        known_unsent: bool | None = None,
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code
        self.retry_after = retry_after
        if retryable is not None:
            self.retryable = retryable
        if known_unsent is not None:
            self.known_unsent = known_unsent


class Unreachable(SendError):
    """No answer came: `known_unsent` tells whether the request can have reached the platform."""

    retryable = True


class Throttled(SendError):
    """The platform asks us to wait before sending more."""

    retryable = True


class Rejected(SendError):
    """The platform refuses this message for good."""


class Undecided(SendError):
    """The platform took the message, but somebody there looks at it first: it may reach her or not."""

    known_unsent = False


class WindowClosed(SendError):
    """The time window or the number of messages the platform allows is used up."""


class RecipientGone(SendError):
    """She unfollowed, blocked the account, or the address does not exist."""
