"""The reviewed articles the bot answers from, their versions, and questions nobody could answer yet."""

from datetime import date, datetime

from sqlalchemy import Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.models.base import id_field, moment, reference, sealed


class Article(SQLModel, table=True):
    """One article, by its slug; `version` is the one in use."""

    id: str = Field(primary_key=True, max_length=64)
    title: str = Field(max_length=128)
    category: str = Field(max_length=32)
    version: int = 1
    active: bool = True


class ArticleVersion(SQLModel, table=True):
    """What an article said from `imported_at` on: the Markdown with its front matter, whole."""

    __tablename__ = "article_version"
    __table_args__ = (UniqueConstraint("article_id", "version"),)

    id: str = id_field()
    article_id: str = Field(foreign_key="article.id", max_length=64)
    version: int
    source: str = Field(sa_type=Text)
    checksum: str = Field(max_length=64)
    review_by: date | None = Field(default=None, nullable=True)
    imported_at: datetime = moment()
    imported_by: str | None = reference("staff.id", nullable=True)


class UnansweredQuestion(SQLModel, table=True):
    """What the bot honestly did not know: for staff to answer and to become an article."""

    __tablename__ = "unanswered_question"

    id: str = id_field()
    contact_id: str = reference("contact.id")
    conversation_id: str | None = Field(default=None, max_length=26)
    text_sealed: bytes = sealed(nullable=False)
    asked_at: datetime = moment(index=True)
    settled_at: datetime | None = moment(nullable=True)
