"""The reviewed articles the bot answers from, their versions, what women thought of them, and questions left open."""

from datetime import date, datetime

from sqlalchemy import Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.models.base import SealedBytes, id_field, moment, reference, sealed


class Article(SQLModel, table=True):
    """One article, by its slug; `version` is the one in use, 0 while none was ever published."""

    id: str = Field(primary_key=True, max_length=64)
    title: str = Field(max_length=128)
    category: str = Field(max_length=32)
    version: int = 1
    active: bool = True


class ArticleVersion(SQLModel, table=True):
    """One wording of an article: the Markdown with its front matter, whole.

    `state`: draft (being written), submitted (waits for a colleague), published (in use, or was until the next one).
    `written_by` None: it came with a release.
    """

    __tablename__ = "article_version"
    __table_args__ = (UniqueConstraint("article_id", "version"), Index("ix_article_version_state", "state"))

    id: str = id_field()
    article_id: str = Field(foreign_key="article.id", max_length=64)
    version: int
    source: str = Field(sa_type=Text)
    checksum: str = Field(max_length=64)
    review_by: date | None = Field(default=None, nullable=True)
    state: str = Field(default="published", max_length=16)
    #: What the colleague who read it said, or why it was made.
    note: str = Field(default="", max_length=255)
    imported_at: datetime = moment()
    written_by: str | None = reference("staff.id", nullable=True)
    published_at: datetime | None = moment(nullable=True)
    published_by: str | None = reference("staff.id", nullable=True)


class ArticleFeedback(SQLModel, table=True):
    """Whether an answer was of use to somebody: the last word of each woman on each article."""

    __tablename__ = "article_feedback"
    __table_args__ = (UniqueConstraint("article_id", "contact_id"),)

    id: str = id_field()
    article_id: str = Field(foreign_key="article.id", max_length=64)
    contact_id: str = reference("contact.id")
    useful: bool
    given_at: datetime = moment()


class UnansweredQuestion(SQLModel, table=True):
    """A question for staff: the bot honestly did not know (`unknown`), or its answer was of no use (`unhelpful`).

    `outcome` when settled: article (one was written), labelled (taken as an example), answered, dismissed.
    """

    __tablename__ = "unanswered_question"

    id: str = id_field()
    contact_id: str = reference("contact.id")
    conversation_id: str | None = Field(default=None, max_length=26)
    text_sealed: bytes = sealed(nullable=False)
    reason: str = Field(default="unknown", max_length=16)
    article_id: str | None = Field(default=None, max_length=64, nullable=True)
    intent: str = Field(default="", max_length=16)
    category: str = Field(default="", max_length=32)
    asked_at: datetime = moment(index=True)
    settled_at: datetime | None = moment(nullable=True)
    settled_by: str | None = reference("staff.id", nullable=True)
    outcome: str = Field(default="", max_length=16)


class Example(SQLModel, table=True):
    """A sentence the classifier learns from, rewritten by staff so that it tells of nobody."""

    id: str = id_field()
    text: str = Field(max_length=255, unique=True)
    intent: str = Field(max_length=16)
    category: str = Field(default="", max_length=32)
    added_by: str = reference("staff.id")
    added_at: datetime = moment()


class LanguageModel(SQLModel, table=True):
    """An intent model trained here, from the release's examples and those staff added.

    `state`: training, ready, refused (it would hear less danger, or understand less), failed, live, retired.
    """

    __tablename__ = "language_model"

    id: str = id_field()
    state: str = Field(default="training", max_length=16)
    #: The model file, compressed; empty while it is being made.
    content: bytes | None = Field(default=None, sa_type=SealedBytes, nullable=True)
    #: JSON: {before: {name: share}, after: {name: share}, examples: number, problems: [names]}.
    scores: str = Field(default="", sa_type=Text)
    begun_by: str = reference("staff.id")
    begun_at: datetime = moment()
    published_by: str | None = reference("staff.id", nullable=True)
    published_at: datetime | None = moment(nullable=True)
