"""The tables, a file per noun."""

from db.models.conversation import Conversation, InboxMessage, InboxStatus, OutboxMessage, OutboxStatus, Turn
from db.models.department import Department, SignInThrottle, StaffMember, StaffRole, StaffSession
from db.models.knowledge import KnowledgeRecord, KnowledgeState, KnowledgeVersion, RecordStatus
from db.models.operations import AuditEvent, ChannelState, Job, Lease

__all__ = [
    "AuditEvent",
    "ChannelState",
    "Conversation",
    "Department",
    "InboxMessage",
    "InboxStatus",
    "Job",
    "KnowledgeRecord",
    "KnowledgeState",
    "KnowledgeVersion",
    "Lease",
    "OutboxMessage",
    "OutboxStatus",
    "RecordStatus",
    "SignInThrottle",
    "StaffMember",
    "StaffRole",
    "StaffSession",
    "Turn",
]
