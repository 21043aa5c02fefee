"""The tables, one file a subject."""

from sqlmodel import SQLModel

from storage.models.access import AccessGrant, Recusal
from storage.models.assessments import DangerAssessment, SafetyPlan
from storage.models.base import new_id, table
from storage.models.campaigns import (
    Campaign,
    CampaignReview,
    CampaignVariant,
    Delivery,
    DeliveryBatch,
    NoticeGrant,
    OccasionPlan,
    PlatformReport,
    TopicSubscription,
)
from storage.models.casework import Case, CaseEvent, CasePerson
from storage.models.chat import ChatPass, ChatRoom
from storage.models.composing import ContactAllowance, ContactCall, Draft, Note
from storage.models.desk import Escalation, Shift, StaffDesk, StaffFeed, Transfer
from storage.models.followup import CaseDocument, CaseDraft, CaseLink, CaseMediation, CaseVisit, MediationSession
from storage.models.house import AuditEntry, HouseKey, Notice, SignInFailure, StaffSession
from storage.models.knowledge import (
    Article,
    ArticleFeedback,
    ArticleVersion,
    Example,
    LanguageModel,
    UnansweredQuestion,
)
from storage.models.people import Area, Contact, Identity, IdentityLink, ServicePoint, Staff
from storage.models.platforms import ChannelCursor, ChannelGroup
from storage.models.privacy import ErasureRequest
from storage.models.programme import Activity, ActivitySession, SignUp
from storage.models.referral import PartnerUnit, Referral, ReferralLink
from storage.models.replies import CannedReply
from storage.models.spreading import CampaignDraft, CampaignLink, Forwarding, PlainGroup
from storage.models.talk import Alarm, Attachment, Conversation, InboundMessage, Outbox

metadata = SQLModel.metadata

__all__ = [
    "AccessGrant",
    "Activity",
    "ActivitySession",
    "Alarm",
    "Area",
    "Article",
    "ArticleFeedback",
    "ArticleVersion",
    "Attachment",
    "AuditEntry",
    "Campaign",
    "CampaignDraft",
    "CampaignLink",
    "CampaignReview",
    "CampaignVariant",
    "CannedReply",
    "Case",
    "CaseDocument",
    "CaseDraft",
    "CaseEvent",
    "CaseLink",
    "CaseMediation",
    "CasePerson",
    "CaseVisit",
    "ChannelCursor",
    "ChannelGroup",
    "ChatPass",
    "ChatRoom",
    "Contact",
    "ContactAllowance",
    "ContactCall",
    "Conversation",
    "DangerAssessment",
    "Delivery",
    "DeliveryBatch",
    "Draft",
    "ErasureRequest",
    "Escalation",
    "Example",
    "Forwarding",
    "HouseKey",
    "Identity",
    "IdentityLink",
    "InboundMessage",
    "LanguageModel",
    "MediationSession",
    "Note",
    "Notice",
    "NoticeGrant",
    "OccasionPlan",
    "Outbox",
    "PartnerUnit",
    "PlainGroup",
    "PlatformReport",
    "Recusal",
    "Referral",
    "ReferralLink",
    "SafetyPlan",
    "ServicePoint",
    "Shift",
    "SignInFailure",
    "SignUp",
    "Staff",
    "StaffDesk",
    "StaffFeed",
    "StaffSession",
    "TopicSubscription",
    "Transfer",
    "UnansweredQuestion",
    "metadata",
    "new_id",
    "table",
]
