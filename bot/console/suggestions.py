"""Articles near to what she last said, for whoever answers her: looked up, never sent by themselves."""

from dataclasses import dataclass

from bot import clock
from bot.console.visit import Visit
from handlers import article_text
from nlp.articles import FOR_STAFF, Article
from nlp.retrieval import NEAR
from storage.repositories.inbox import TalkView

_MOST = 3
#: A number or 「转人工」 tells nothing: so many of her last sentences are tried.
_SENTENCES, _SHORTEST = 4, 5
_QUOTED = 30


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One article; `text` is what goes into the composer, empty for articles that are for staff only."""

    article: Article
    text: str
    is_stale: bool


@dataclass(frozen=True, slots=True)
class Suggestions:
    """The nearest articles and the sentence of hers they were looked up by."""

    said: str = ""
    found: tuple[Suggestion, ...] = ()


def suggest(visit: Visit, talk: TalkView, category: str) -> Suggestions:
    """The three articles nearest to the last of her sentences that any is near to; none in a locked conversation."""
    if talk.locked or talk.state == "closed":
        return Suggestions()
    hers = [line.text for line in reversed(talk.lines) if line.who == "her" and len(line.text) >= _SHORTEST]
    today = clock.local(clock.now(), visit.zone).date().isoformat()
    for said in hers[:_SENTENCES]:
        hits = visit.house.library.find(said, _MOST, category=category, staff=True)
        found = tuple(_suggestion(hit.article, today) for hit in hits if hit.score >= NEAR)
        if found:
            return Suggestions(said[:_QUOTED] + ("…" if len(said) > _QUOTED else ""), found)
    return Suggestions()


def _suggestion(article: Article, today: str) -> Suggestion:
    text = "" if article.audience == FOR_STAFF else article_text(article, today)
    return Suggestion(article, text, article.review_by < today)
