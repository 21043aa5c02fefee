"""The jobs by name, and the function RQ calls for each of them."""

from collections.abc import Awaitable, Callable

from bot import pulling
from workers import (
    campaigns,
    case_reminders,
    erasure,
    escalation,
    links,
    media,
    members,
    occasions,
    outbox,
    process,
    recall,
    referrals,
    reminders,
    retention,
    sending,
    sla,
    stored,
    transfers,
    typing,
)
from workers.house import WorkerHouse


async def deliver_live(house: WorkerHouse) -> None:
    """Answers and staff messages that are due."""
    await outbox.deliver(house, outbox.LIVE)


async def work_bulk(house: WorkerHouse) -> None:
    """Reminders that are due."""
    await outbox.deliver(house, outbox.BULK)


async def send_campaigns(house: WorkerHouse) -> None:
    """Plan campaigns, send what is planned, end what is over."""
    await campaigns.plan_all(house)
    if await sending.send(house):
        await campaigns.plan_all(house)


async def apply_reports(house: WorkerHouse) -> None:
    """Work off what platforms reported of our messages."""
    await sending.apply_reports(house)


async def sweep(house: WorkerHouse) -> None:
    """Find what a lost job forgot: sends, unhandled messages, due rows; danger nobody answers or takes, transfers."""
    await outbox.recover(house)
    await sla.hand_back(house)
    await escalation.escalate(house)
    await transfers.expire(house)
    await stored.handle_stored(house)
    await recall.run(house)
    await links.fulfil(house)
    await outbox.deliver(house, outbox.LIVE)


async def pull(house: WorkerHouse) -> None:
    """Fetch what platforms keep for us: a callback may have been lost."""
    await pulling.pull_all(house.database, house.pipeline, house.channels.values())


#: Every job; `workers.jobs.run` is what stands in Redis, with one of these names.
JOBS: dict[str, Callable[[WorkerHouse], Awaitable[object]]] = {
    "deliver_live": deliver_live,
    "handle_stored": stored.handle_stored,
    "work_bulk": work_bulk,
    "send_campaigns": send_campaigns,
    "apply_reports": apply_reports,
    "fetch_media": media.fetch,
    "pull": pull,
    "recall": recall.run,
    "show_typing": typing.show,
    "tell_members": members.tell,
    "sweep": sweep,
    "remind": reminders.remind,
    "propose": occasions.propose,
    "remind_cases": case_reminders.remind_cases,
    "close_silent": sla.close_silent,
    "erase_due": erasure.erase_due,
    "fulfil_links": links.fulfil,
    "expire": retention.expire,
    "chase_referrals": referrals.chase,
}


def run(name: str) -> None:
    """What RQ calls: run the job on this process's loop. Raises KeyError for a name nobody knows."""
    process.run_job(JOBS[name])
