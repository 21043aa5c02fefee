"""What we keep of platforms: the groups our bots are in, and how far we have read their lists."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from storage.models.base import digest, id_field, moment, reference, sealed


class ChannelGroup(SQLModel, table=True):
    """A group the bot is in. What is said there is kept only where it was said to the bot.

    Area, keeper and whether notices may go there are set by cadres. The counts are of the running minute.
    """

    __tablename__ = "channel_group"

    id: str = id_field()
    channel: str = Field(max_length=32)
    account: str = Field(max_length=64)
    address_digest: bytes = digest(unique=True)
    address_sealed: bytes = sealed(nullable=False)  # the platform's id, by the house key
    title_sealed: bytes | None = sealed()  # what cadres call it, by the house key
    area_id: str | None = reference("area.id", nullable=True)
    keeper_id: str | None = reference("staff.id", nullable=True)
    notices_allowed: bool = False
    muted: bool = False  # the group told the platform that it wants nothing we start
    joined_at: datetime = moment()
    left_at: datetime | None = moment(nullable=True)
    heard_at: datetime | None = moment(nullable=True)
    minute_at: datetime | None = moment(nullable=True)
    minute_answers: int = 0


class ChannelCursor(SQLModel, table=True):
    """How far a list of a platform has been read: moved in the transaction that keeps what was read."""

    __tablename__ = "channel_cursor"

    channel: str = Field(primary_key=True, max_length=32)
    account: str = Field(primary_key=True, max_length=64)
    cursor: str = Field(default="", max_length=128)
    moved_at: datetime = moment()
