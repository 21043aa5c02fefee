"""What spreads a notice beside the channels: as typed, short links, groups no bot is in, who forwarded."""

from datetime import datetime

from sqlalchemy import BigInteger, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.models.base import id_field, moment, reference, sealed


class CampaignDraft(SQLModel, table=True):
    """A campaign as it was typed, variables and all; `campaign` and its variants hold what goes out."""

    __tablename__ = "campaign_draft"

    campaign_id: str = Field(foreign_key="campaign.id", primary_key=True, max_length=26)
    #: JSON: text, link, and by channel and way what was typed for it.
    written: str = Field(sa_type=Text)


class CampaignLink(SQLModel, table=True):
    """A short address of ours that leads to one stored address and counts how often: never who, never when."""

    __tablename__ = "campaign_link"

    id: str = id_field()
    campaign_id: str = reference("campaign.id", index=True)
    code: str = Field(unique=True, max_length=16)
    #: Of a poster: the area it hangs in; none: the link of the texts.
    area_id: str | None = reference("area.id", nullable=True)
    target: str = Field(sa_type=Text)
    clicks: int = Field(default=0, sa_type=BigInteger)
    created_at: datetime = moment()


class PlainGroup(SQLModel, table=True):
    """An ordinary WeChat or QQ group no bot can be in: typed in by cadres, reached through its keeper."""

    __tablename__ = "plain_group"

    id: str = id_field()
    kind: str = Field(max_length=8)  # wechat, qq
    title_sealed: bytes | None = sealed()  # what cadres call it, by the house key
    area_id: str | None = reference("area.id", nullable=True)
    keeper_id: str | None = reference("staff.id", nullable=True)
    created_at: datetime = moment()
    removed_at: datetime | None = moment(nullable=True)


class Forwarding(SQLModel, table=True):
    """A keeper says that she has put a campaign into a group; the group is of either register."""

    __table_args__ = (UniqueConstraint("campaign_id", "group_id"),)

    id: str = id_field()
    campaign_id: str = reference("campaign.id")
    group_id: str = Field(max_length=26)
    staff_id: str = reference("staff.id")
    at: datetime = moment()
