"""Who gets a notice, and who does not and why. Pure; the gate decides again when each one is sent."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time

from bot import gate
from bot.messages import OutboundClass
from storage.database import AnyRow
from storage.encryption import Keyring


@dataclass(frozen=True, slots=True)
class House:
    """The house's own rules for notices."""

    zone: str
    quiet_from: time
    quiet_to: time


def reasons(house: House, keys: Keyring, now: datetime) -> Callable[[AnyRow], str]:
    """A function that says of a row of `campaigns.candidates` why she is not among the recipients.

    It gives a name of gate.REASONS, or an empty text when she gets the notice, perhaps later at an hour that
    suits her.
    """

    def reason(row: AnyRow) -> str:
        if row.wrapped_key is None:
            return "erased"
        key = keys.contact_key(row.id, row.wrapped_key)
        verdict = gate.decide(
            gate.Situation(
                outbound_class=OutboundClass.CAMPAIGN,
                channel=row.channel,
                now=now,
                zone=house.zone,
                quiet_from=house.quiet_from,
                quiet_to=house.quiet_to,
                wishes=gate.read_wishes(key.open_json("contact.wishes", row.wishes_sealed, {})),
                locked=row.locked_at is not None,
                opted_out=row.opted_out_at is not None,
                stopped_all=row.stopped_all_at is not None,
                consented=row.consented_at is not None,
                unfollowed=row.unfollowed_at is not None,
                violence_case=row.violence_case_at is not None,
                erased=row.erased_at is not None,
            )
        )
        return "" if verdict.allowed or verdict.wait_until is not None else verdict.reason

    return reason
