"""The tables, a file per noun."""

from db.models.conversation import Conversation, InboxMessage, InboxStatus, OutboxMessage, OutboxStatus, Turn
from db.models.department import Department, SignInThrottle, StaffMember, StaffRole, StaffSession
from db.models.desk import CalendarDay, DayKind, DeskSettings, Handover, RoutingRule, Unit, UnitMember
from db.models.knowledge import KnowledgeRecord, KnowledgeState, KnowledgeVersion, RecordStatus
from db.models.operations import Alert, AuditEvent, ChannelState, Job, Lease
from db.models.privacy import Consent, ConsentChoice, DataRight, DataTask, DataTaskStatus
from db.models.request import (
    LinkPurpose,
    MessageAuthor,
    Priority,
    PrivateLink,
    Request,
    RequestDraft,
    RequestFile,
    RequestHistory,
    RequestMessage,
    RequestStatus,
    RequestWord,
)
from db.models.zalo import MediaStatus, ZaloMedia, ZaloPerson, ZaloToken

__all__ = [
    "Alert",
    "AuditEvent",
    "CalendarDay",
    "ChannelState",
    "Consent",
    "ConsentChoice",
    "Conversation",
    "DataRight",
    "DataTask",
    "DataTaskStatus",
    "DayKind",
    "Department",
    "DeskSettings",
    "Handover",
    "InboxMessage",
    "InboxStatus",
    "Job",
    "KnowledgeRecord",
    "KnowledgeState",
    "KnowledgeVersion",
    "Lease",
    "LinkPurpose",
    "MediaStatus",
    "MessageAuthor",
    "OutboxMessage",
    "OutboxStatus",
    "Priority",
    "PrivateLink",
    "RecordStatus",
    "Request",
    "RequestDraft",
    "RequestFile",
    "RequestHistory",
    "RequestMessage",
    "RequestStatus",
    "RequestWord",
    "RoutingRule",
    "SignInThrottle",
    "StaffMember",
    "StaffRole",
    "StaffSession",
    "Turn",
    "Unit",
    "UnitMember",
    "ZaloMedia",
    "ZaloPerson",
    "ZaloToken",
]
