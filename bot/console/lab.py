"""The language lab: what the bot makes of a sentence and why; questions left open; sentences to learn from."""

from typing import Any

from aiohttp import web

from bot import clock
from bot.console import words
from bot.console.visit import BadForm, Visit
from nlp.meaning import INTENTS
from nlp.retrieval import ENOUGH
from nlp.text import normalise, tokens
from nlp.understanding import understand
from storage.repositories import questions

_LONGEST = 2000
_LONGEST_EXAMPLE = 200


async def try_sentence(visit: Visit) -> web.StreamResponse:
    """Tokens, intent, risk, entities, articles — and why. What is typed here is kept nowhere."""
    text = visit.form.get("text", "").strip()[:_LONGEST]
    seen = _see(visit, text) if text else None
    if visit.wants_json:
        return visit.json(seen or {})
    return visit.page("lab.html", text=text, seen=seen)


async def show_questions(visit: Visit) -> web.StreamResponse:
    """Questions the bot could not answer, or answered without use; opening the list is an audit entry."""
    async with visit.house.database.transaction() as tx:
        found = await questions.list_open(tx, await visit.scope(tx))
        await visit.record(tx, "questions.viewed", "unanswered_question", str(len(found)))
    if visit.wants_json:
        return visit.json(
            [{"id": one.id, "reason": one.reason, "asked_at": one.asked_at.isoformat()} for one in found]
        )
    return visit.page("questions.html", questions=found, library=visit.house.library)


async def label(visit: Visit) -> web.StreamResponse:
    """Say what a question meant: the sentence, rewritten so that it tells of nobody, is learned from."""
    question_id = visit.part("question")
    if visit.request.method == "GET":
        async with visit.house.database.transaction() as tx:
            question = await questions.find(tx, question_id)
            await visit.record(tx, "question.read", f"unanswered_question:{question_id}")
        form = {"text": question.text, "intent": question.intent, "category": question.category}
        return visit.page("label.html", question=question, form=form, problems={}, choices=choices())
    try:
        text, intent, category = _read(visit.form)
    except BadForm as error:
        if visit.wants_json:
            raise
        async with visit.house.database.reading() as tx:
            question = await questions.find(tx, question_id)
        return visit.page(
            "label.html", status=400, question=question, form=visit.form, problems=error.problems, choices=choices()
        )
    async with visit.house.database.transaction() as tx:
        await questions.add_example(tx, text, intent, category, staff_id=visit.me.id, now=clock.now())
        await questions.settle(tx, question_id, visit.me.id, "labelled", clock.now())
        await visit.record(tx, "example.added", f"unanswered_question:{question_id}")
    return visit.json({}) if visit.wants_json else visit.go("/console/questions")


async def settle(visit: Visit) -> web.StreamResponse:
    """Answered otherwise, or not worth it."""
    question_id, outcome = visit.part("question"), visit.form.get("outcome", "")
    if outcome not in ("answered", "dismissed"):
        raise BadForm({"outcome": "请选择怎么处理"})
    async with visit.house.database.transaction() as tx:
        await questions.settle(tx, question_id, visit.me.id, outcome, clock.now())
        await visit.record(tx, "question.settled", f"unanswered_question:{question_id}", outcome)
    return visit.json({}) if visit.wants_json else visit.go("/console/questions")


def _see(visit: Visit, text: str) -> dict[str, Any]:
    meaning = understand(text, None, clock.local(clock.now(), visit.zone))
    found = visit.house.library.explain(text, category=meaning.category)
    return {
        "tokens": tokens(normalise(text)),
        "intent": meaning.intent,
        "category": meaning.category,
        "detail": meaning.detail,
        "confidence": meaning.confidence,
        "because": list(meaning.because),
        "risk": meaning.risk.level,
        "urgent": meaning.risk.urgent,
        "risk_kinds": list(meaning.risk.kinds),
        "reasons": list(meaning.risk.reasons),
        "entities": {name: str(value) for name, value in meaning.entities.items()},
        "articles": [
            {
                "id": one.hit.article.id,
                "title": one.hit.article.title,
                "score": round(one.hit.score, 3),
                "said": one.hit.score >= ENOUGH,
                "wording": one.wording,
                "shared": list(one.shared),
            }
            for one in found
        ],
    }


def choices() -> list[tuple[str, str]]:
    """Intent and category as one choice: (value, words)."""
    found = []
    for intent in INTENTS:
        group = words.group("label_categories").get(intent)
        if group is None:
            found.append((intent, words.name("intents", intent)))
            continue
        for key, word in words.group(group).items():
            found.append((f"{intent}:{key}", f"{words.name('intents', intent)} · {word}"))
    return found


def _read(form: dict[str, str]) -> tuple[str, str, str]:
    problems = {}
    text = " ".join(form.get("text", "").split())
    intent, _, category = form.get("label", "").partition(":")
    if not 2 <= len(text) <= _LONGEST_EXAMPLE:
        problems["text"] = f"例句写 2 到 {_LONGEST_EXAMPLE} 字"
    elif any(character.isdigit() for character in text) and len([one for one in text if one.isdigit()]) >= 7:
        problems["text"] = "例句里像是有号码，请改写掉"
    if form.get("label", "") not in {value for value, _ in choices()}:
        problems["label"] = "请选择她想说的是什么"
    if not form.get("nobody"):
        problems["nobody"] = "请确认例句已改写，看不出是谁"
    if problems:
        raise BadForm(problems)
    return text, intent, category
