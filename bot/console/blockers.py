"""What stands in the way of sending a notice, said before it is approved: what stops it, and what to know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot import clock, notices, plan
from bot.console import composing, words
from bot.console.visit import Visit
from storage.database import Transaction
from storage.repositories import campaigns, results, spreading
from storage.repositories.audiences import read_audience
from storage.repositories.campaigns import CampaignView, Variant

#: So many due texts to single women waiting are a jam; a campaign on top would hide it.
_JAM = 500


@dataclass(frozen=True, slots=True)
class Blocker:
    """A sentence, and whether it stops the notice or is only to be known."""

    sentence: str
    stops: bool = True


async def find(visit: Visit, tx: Transaction, campaign: CampaignView) -> list[Blocker]:
    """Everything but what counting the audience shows."""
    found = [Blocker(one) for one in await _of_text(visit, tx, campaign)]
    variants = await campaigns.variants_of(tx, campaign.id)
    found += _of_channels(visit, variants)
    areas = (await visit.scope(tx)).areas
    chosen = read_audience(campaign.audience).areas
    if areas is not None and not (chosen and areas.issuperset(chosen)):
        found.append(Blocker(_word("area")))
    now = clock.now()
    used = {name for name, _ in ((one.channel, one.way) for one in variants)} or set(visit.house.channels)
    for channel, said in (await results.failing(tx, now)).items():
        if channel in used:
            found.append(Blocker(_word("failing").format(channel=words.name("channels", channel), said=said), False))
    if (number := await results.waiting(tx, now)) >= _JAM:
        found.append(Blocker(_word("outbox").format(number=number), False))
    if await spreading.links(tx, campaign.id) and not visit.house.settings.web.public_url:
        found.append(Blocker(_word("public_url"), False))
    begin, end = campaign.scheduled_at or now, campaign.expires_at
    if end is not None and end <= max(begin, now):
        found.append(Blocker(_word("too_late")))
    if plan.House.of(visit.house.settings).is_quiet(max(begin, now)):
        found.append(Blocker(_word("quiet"), False))
    return found


def of_count(fallen: Mapping[str, int], reached: int) -> list[Blocker]:
    """What counting the audience shows."""
    said = [] if reached else [_word("nobody")]
    said += [
        _word(reason).format(number=fallen[reason]) for reason in ("month_full", "no_grant") if fallen.get(reason)
    ]
    return [Blocker(one, stops=False) for one in said]


async def _of_text(visit: Visit, tx: Transaction, campaign: CampaignView) -> list[str]:
    typed = await composing.typed_of(tx, campaign, visit.zone)
    return composing.unready(visit, typed, await composing.code_of(tx, campaign.id))


def _of_channels(visit: Visit, variants: Sequence[Variant]) -> list[Blocker]:
    there = {one.key for one in notices.places(visit.house.channels)}
    off = [one for one in variants if f"{one.channel}.{one.way}" not in there]
    found = [Blocker(_word("channel_off").format(channel=words.name("channels", one.channel))) for one in off]
    if not {f"{one.channel}.{one.way}" for one in variants} & there and not plan.lanes(visit.house.channels, ()):
        found.append(Blocker(_word("no_way")))
    return found


def _word(key: str) -> str:
    return words.name("blockers", key)
