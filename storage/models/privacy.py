"""What becomes of her data when she wants it gone."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from storage.models.base import id_field, moment, reference


class ErasureRequest(SQLModel, table=True):
    """A wish to be forgotten: waiting for a check, in its days of grace, put off, taken back, or done.

    `source`: asked (her own wish), unfollowed (she left the platform: only what came from there).
    `due_at` None: nobody has made sure yet that it is she who asks. `postponed`: the duty that stands in the way.
    """

    __tablename__ = "erasure_request"

    id: str = id_field()
    contact_id: str = reference("contact.id", index=True)
    source: str = Field(default="asked", max_length=16)
    asked_at: datetime = moment()
    checked_by: str | None = reference("staff.id", nullable=True)  # None with a due date: her own word
    due_at: datetime | None = moment(nullable=True, index=True)
    postponed: str = Field(default="", max_length=16)  # "", minor, danger, case, sign_up
    revoked_at: datetime | None = moment(nullable=True)
    revoked_by: str | None = reference("staff.id", nullable=True)  # None: she herself
    done_at: datetime | None = moment(nullable=True, index=True)
