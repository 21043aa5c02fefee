"""Her data (我的信息): her own word, what we hold, how her case stands, forget me, take that back, a copy.

Whoever holds the phone must not learn or destroy anything: without her own word (口令) staff check first. Taking a
wish to be forgotten back needs nothing: it only keeps what there is.
"""

from dataclasses import replace
from datetime import datetime

from bot import clock
from bot.dialogue import ANY, Flow, Reply, Turn
from handlers import words
from handlers.wording import texts

flow = Flow("mydata")

_SHORTEST, _LONGEST = 3, 12
#: Words the bot listens to anyway cannot be somebody's own word.
_TAKEN = ("leave", "resume", "skip", "agree", "disagree", "safe", "unsafe", "quiet")
_MOST_CASES = 5
#: How a case stands, in words that tell nothing of what it is about.
_STATES = {
    "open": "mydata.state_open",
    "working": "mydata.state_working",
    "waiting": "mydata.state_waiting",
    "reopened": "mydata.state_working",
    "closed": "mydata.state_closed",
}
#: What she hears while staff must check first, by what she asked for.
_BY_STAFF = {"holds": "mydata.holds_staff", "status": "mydata.status_staff"}
#: The duties that stand in the way of erasure, in words.
_KEPT = {"minor": "mydata.kept_minor", "danger": "mydata.kept_danger"}
#: Kinds of records, in words.
_KINDS = {
    "messages": "mydata.kind_messages",
    "replies": "mydata.kind_replies",
    "notices": "mydata.kind_notices",
    "files": "mydata.kind_files",
    "cases": "mydata.kind_cases",
    "referrals": "mydata.kind_referrals",
    "documents": "mydata.kind_documents",
    "assessments": "mydata.kind_assessments",
    "plans": "mydata.kind_plans",
    "sign_ups": "mydata.kind_sign_ups",
    "questions": "mydata.kind_questions",
    "feedback": "mydata.kind_feedback",
}


@flow.start
async def begin(turn: Turn) -> Reply:
    """Which of her rights she asks for."""
    if words.says("revoke_erasure", turn.text):
        return await _revoke(turn)
    if words.says("export", turn.text):
        return flow.end(texts("mydata.export"), call_human="export")
    if words.says("set_own_word", turn.text):
        return await _ask_new_word(turn)
    if words.says("holdings", turn.text) or turn.understanding.detail == "holds":
        return await _ask_word(turn, "holds")
    if words.says("status", turn.text) or turn.understanding.detail == "status":
        return await _ask_word(turn, "status")
    return await _ask_erase(turn)


@flow.step
async def hear_word(turn: Turn) -> Reply:
    """Her own word for what she asked for; three wrong ones go to staff."""
    wish = str(turn.data.get("wish", "status"))
    if words.command(turn.text) or (len(turn.text) > _LONGEST and turn.understanding.intent != "oos"):
        return Reply(hand_to=ANY)
    if not turn.text or len(turn.text) > _LONGEST:
        return flow.ask(texts("mydata.ask_word"), then=hear_word, wish=wish)
    match await turn.records.try_own_word(turn.text):
        case "fits":
            return await _grant(turn, wish)
        case "wrong":
            return _hidden(flow.ask(texts("mydata.ask_word_again"), then=hear_word, wish=wish))
        case _:
            if wish == "erase":
                await turn.records.ask_erasure(sure=False)
            return _hidden(flow.end(texts("mydata.shut"), call_human="own_word"))


@flow.step
async def hear_new_word(turn: Turn) -> Reply:
    """The word she will be asked for."""
    if not _is_usable(turn.text):
        return _hidden(flow.ask(texts("mydata.ask_new_again"), then=hear_new_word))
    await turn.records.set_own_word(turn.text)
    return _hidden(flow.end(texts("mydata.word_set")))


async def _ask_new_word(turn: Turn) -> Reply:
    """A word there is already must be said before it is changed."""
    match await turn.records.own_word_state():
        case "none":
            return flow.ask(texts("mydata.ask_new"), then=hear_new_word)
        case "open":
            return flow.ask(texts("mydata.ask_old"), then=hear_word, wish="word")
        case _:
            return flow.end(texts("mydata.shut"), call_human="own_word")


async def _ask_erase(turn: Turn) -> Reply:
    standing = await turn.records.erasure()
    if standing is not None and standing.source == "asked" and standing.due_at is not None:
        return flow.end(_in_words(turn, standing.due_at, standing.postponed, "mydata.erase_running"))
    return await _ask_word(turn, "erase")


async def _ask_word(turn: Turn, wish: str) -> Reply:
    """Ask for her word; without one, staff check. The answer tells nothing of what there is."""
    match await turn.records.own_word_state():
        case "open":
            return flow.ask(texts("mydata.ask_word"), then=hear_word, wish=wish)
        case "shut":
            return flow.end(texts("mydata.shut"), call_human="own_word")
    if wish == "erase":
        await turn.records.ask_erasure(sure=False)
        return flow.end(texts("mydata.erase_staff"), call_human="erase")
    return flow.end(texts(_BY_STAFF[wish]))


async def _grant(turn: Turn, wish: str) -> Reply:
    match wish:
        case "word":
            return _hidden(flow.ask(texts("mydata.ask_new"), then=hear_new_word))
        case "holds":
            return _hidden(flow.end(await _holdings(turn)))
        case "status":
            return _hidden(flow.end(await _status(turn)))
    standing = await turn.records.ask_erasure(sure=True)
    assert standing.due_at is not None
    return _hidden(flow.end(_in_words(turn, standing.due_at, standing.postponed, "mydata.erase_begun")))


async def _revoke(turn: Turn) -> Reply:
    taken_back = await turn.records.revoke_erasure()
    return flow.end(texts("mydata.revoked" if taken_back else "mydata.nothing_to_revoke"))


def _in_words(turn: Turn, due_at: datetime, postponed: str, key: str) -> str:
    """When it will be done, and what law says against it."""
    said = texts(key, day=_day(turn, due_at))
    return f"{said}\n{texts(_KEPT[postponed])}" if postponed in _KEPT else said


async def _holdings(turn: Turn) -> str:
    lines = [
        texts(
            "mydata.holding",
            kind=texts(_KINDS[one.kind]),
            number=one.number,
            first=_day(turn, one.first),
            last=_day(turn, one.last),
        )
        for one in await turn.records.holdings()
    ]
    return texts("mydata.holdings", lines="\n".join(lines))


async def _status(turn: Turn) -> str:
    """Numbers and standing only: what a case holds never appears in the chat."""
    cases = await turn.records.my_cases()
    if not cases:
        return texts("mydata.status_none")
    lines = [
        texts(
            "mydata.status_line",
            number=case.number,
            day=_day(turn, case.opened_at),
            state=texts(_STATES[case.status]),
        )
        for case in cases[:_MOST_CASES]
    ]
    return texts("mydata.status", lines="\n".join(lines))


def _day(turn: Turn, moment: datetime) -> str:
    return f"{clock.local(moment, turn.house.zone):%Y年%-m月%-d日}"


def _hidden(reply: Reply) -> Reply:
    return replace(reply, secret=True)


def _is_usable(word: str) -> bool:
    """Long enough not to be guessed at once, and nothing the bot listens to anyway."""
    return (
        _SHORTEST <= len(word) <= _LONGEST
        and not words.command(word)
        and not any(words.says(name, word) for name in _TAKEN)
    )
