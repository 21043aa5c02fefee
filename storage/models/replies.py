"""Sentences staff use again and again."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from storage.models.base import id_field, moment, reference, sealed


class CannedReply(SQLModel, table=True):
    """A canned reply (常用语): public words without anybody's facts, its author's own or shared by all.

    `state`: own (only her author sees it), proposed (a supervisor decides), shared. What is published is the
    `version` the supervisor saw.
    """

    __tablename__ = "canned_reply"

    id: str = id_field()
    author_id: str = reference("staff.id", index=True)
    state: str = Field(default="own", max_length=16, index=True)
    category: str = Field(default="", max_length=32)
    title_sealed: bytes | None = sealed()  # by the house key
    text_sealed: bytes | None = sealed()  # by the house key
    version: int = 1
    changed_at: datetime = moment()
