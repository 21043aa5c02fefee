"""The web chat's rooms: what brings a woman without a name back to her talk, and the passes of open pages."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from storage.models.base import digest, id_field, moment, reference


class ChatRoom(SQLModel, table=True):
    """One anonymous talk; its id is the address of her identity on the channel.

    Receipt and word are kept as keyed hashes only. `tries` counts wrong words since the last right one.
    """

    __tablename__ = "chat_room"

    id: str = id_field()
    receipt_digest: bytes = digest(unique=True)
    word_digest: bytes | None = digest(nullable=True)
    scene: str = Field(default="", max_length=32)  # the link or QR code she came by
    tries: int = 0
    tried_at: datetime | None = moment(nullable=True)
    created_at: datetime = moment()


class ChatPass(SQLModel, table=True):
    """The token of one open page, as a keyed hash; forgotten when the page closes or falls silent."""

    __tablename__ = "chat_pass"

    id: str = id_field()
    token_digest: bytes = digest(unique=True)
    room_id: str = reference("chat_room.id", index=True)
    used_at: datetime = moment(index=True)
