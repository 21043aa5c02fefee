"""Whose object a part of an address names, and what refuses it to somebody who may not see it.

The door asks before the page runs, so that no page can forget to. Every part of every address in PAGES stands here;
one that does not stops the service from starting.
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from bot.console.visit import Visit
from bot.errors import ConfigError
from storage.repositories import campaigns, cases, inbox, questions, referrals, transfers

#: Raises NotFound unless she may see the object with this id.
Guard = Callable[[Visit, Any, str], Awaitable[None]]

_PART = re.compile(r"\{(\w+)\}")


async def _talk(visit: Visit, tx: Any, talk_id: str) -> None:
    await inbox.check_visible(tx, talk_id, await visit.scope(tx))


async def _alarm(visit: Visit, tx: Any, alarm_id: str) -> None:
    await inbox.check_alarm(tx, alarm_id, await visit.scope(tx))


async def _attachment(visit: Visit, tx: Any, attachment_id: str) -> None:
    await inbox.check_attachment(tx, attachment_id, await visit.scope(tx))


async def _question(visit: Visit, tx: Any, question_id: str) -> None:
    await questions.check_visible(tx, question_id, await visit.scope(tx))


async def _case(visit: Visit, tx: Any, case_id: str) -> None:
    await cases.check_visible(tx, case_id, await visit.scope(tx))


async def _transfer(visit: Visit, tx: Any, transfer_id: str) -> None:
    await transfers.check_visible(tx, transfer_id, await visit.scope(tx))


async def _referral(visit: Visit, tx: Any, referral_id: str) -> None:
    await referrals.find(tx, referral_id, await visit.scope(tx))


async def _campaign(visit: Visit, tx: Any, campaign_id: str) -> None:
    # Public once it is sent; until then, and how it went, is for those of its area.
    await campaigns.check_visible(tx, campaign_id, (await visit.scope(tx)).areas)


#: By the name of the part: `{talk}` in a path of PAGES is a conversation, and so on. What is a woman's, or an area's.
GUARDS: dict[str, Guard] = {
    "talk": _talk,
    "alarm": _alarm,
    "attachment": _attachment,
    "question": _question,
    "case": _case,
    "transfer": _transfer,
    "referral": _referral,
}

#: What is nobody's but an area's: refused to staff of other areas, whoever it is about.
PLACED: dict[str, Guard] = {"campaign": _campaign}

#: Parts that name nothing of anybody's: whoever may open the page may open each of them. Why.
OPEN = {
    "activity": "activities are public",
    "session": "dates of activities are public; browsers are found by whose they are",
    "occasion": "days of the year, the same for everybody",
    "campaign": "notices hold nothing of any woman; PLACED keeps those of other areas away",
    "article": "articles are public",
    "version": "wordings of articles, which hold nothing of anybody",
    "model": "language models hold nothing of anybody",
    "example": "sentences rewritten so that they tell of nobody",
    "reply": "canned replies hold nothing of any woman; own ones are found by whose they are",
    "unit": "partner units hold nothing of any woman",
    "plain": "groups typed in by hand are found within her areas by the page itself",
    "group": "groups are shown to cadres of their area by the page itself",
    "visit": "visits are found within their case only",
    "mediation": "mediations are found within their case only",
    "file": "files are found within their case only",
    "repeat": "pairs of cases are found within the case, and decided by who may see both",
    "person": "people are found within their case only",
    "message": "found only by the conversation it belongs to",
    "call": "found only by the conversation it belongs to",
    "recusal": "found only by the conversation or case it belongs to",
    "grant": "found only by the conversation or case it belongs to",
    "kind": "kinds of documents, the same for everybody",
    "shift": "rows of the duty roster, which hold nothing of any woman",
    "staff": "accounts of staff, for administrators",
}


async def check(visit: Visit) -> None:
    """Refuse what the address names and she may not see. Raises NotFound: it does not even say that there is one."""
    guards = GUARDS | PLACED
    parts = [(guards[name], value) for name, value in visit.request.match_info.items() if name in guards]
    if parts:
        async with visit.house.database.reading() as tx:
            for guard, value in parts:
                await guard(visit, tx, value)


def check_paths(paths: Iterable[str]) -> None:
    """Raises ConfigError for an address with a part nobody has decided about."""
    for path in paths:
        for name in _PART.findall(path):
            if name not in GUARDS and name not in OPEN:
                raise ConfigError(
                    f"{path}: say in bot/console/guards.py whose {{{name}}} is: a guard that refuses it to who may"
                    " not see it, or why it is open to everybody with the role"
                )
