"""What happens to a referral stands in the timeline of its case, under the referral's own name."""

from datetime import datetime

from storage.database import Transaction
from storage.repositories import cases
from storage.repositories.referrals.views import ReferralFile


async def note(
    tx: Transaction,
    referral: ReferralFile,
    code: str,
    now: datetime,
    *,
    staff_id: str | None = None,
    body: str = "",
) -> None:
    """One entry; `staff_id` None: the unit did it, or time."""
    await cases.add_event(
        tx,
        referral.key,
        referral.case_id,
        "referral",
        now=now,
        staff_id=staff_id,
        subject=referral.subject,
        code=code,
        body=body,
    )
