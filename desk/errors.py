"""What the desk refuses, as a key and fields; chat and console word it. Raised before anything is written."""

# ruff: noqa: N818 - they are states of affairs, not failures
from __future__ import annotations


class DeskError(Exception):
    """A refusal. ``key`` names its text, ``fields`` fill it in; neither holds personal data."""

    def __init__(self, key: str, **fields: object) -> None:
        super().__init__(key)
        self.key = key
        self.fields = fields


class RequestNotFound(DeskError):
    """No such request, or none of this person's: the two look the same from outside."""

    def __init__(self) -> None:
        super().__init__("desk.not_found")


class TransitionRefused(DeskError):
    """The request's status does not allow this, or not to this actor. Fields: ``action``, ``status``, ``code``."""

    def __init__(self, action: str, status: str, code: str) -> None:
        super().__init__("desk.transition_refused", action=action, status=status, code=code)


class StaleRequest(DeskError):
    """Somebody changed the request since the page was made. Fields: ``code``, ``version`` (now)."""

    def __init__(self, code: str, version: int) -> None:
        super().__init__("desk.stale", code=code, version=version)


class TooManyOpen(DeskError):
    """The conversation has its fill of open requests. Fields: ``limit``, ``codes``."""

    def __init__(self, limit: int, codes: list[str]) -> None:
        super().__init__("desk.too_many_open", limit=limit, codes=codes)


class FieldMissing(DeskError):
    """Something that must be said was not, or is too long. Fields: ``field``, ``limit`` (characters, 0 if missing)."""

    def __init__(self, field: str, limit: int = 0) -> None:
        super().__init__("desk.field_missing" if not limit else "desk.field_too_long", field=field, limit=limit)


class ConsentMissing(DeskError):
    """Personal data without the person's consent. Fields: ``purpose``."""

    def __init__(self, purpose: str) -> None:
        super().__init__("desk.consent_missing", purpose=purpose)


class TooLate(DeskError):
    """The time for it is over. Fields: ``action``, ``code``, ``days`` it was open for."""

    def __init__(self, action: str, code: str, days: int) -> None:
        super().__init__("desk.too_late", action=action, code=code, days=days)


class ExtendedAlready(DeskError):
    """A due time may be extended once, before it passes. Fields: ``code``."""

    def __init__(self, code: str) -> None:
        super().__init__("desk.extended_already", code=code)


class OpenRequestsRemain(DeskError):
    """Data cannot be erased while requests are open. Fields: ``codes``."""

    def __init__(self, codes: list[str]) -> None:
        super().__init__("desk.open_requests_remain", codes=codes)


class TooManyFiles(DeskError):
    """A request or draft holds its fill of files. Fields: ``limit``."""

    def __init__(self, limit: int) -> None:
        super().__init__("desk.too_many_files", limit=limit)


class UnknownTarget(DeskError):
    """A unit or staff member that does not exist here or is switched off. Fields: ``what``."""

    def __init__(self, what: str) -> None:
        super().__init__("desk.unknown_target", what=what)


class TaskNotFound(DeskError):
    """No such task about personal data, or it is finished."""

    def __init__(self) -> None:
        super().__init__("desk.task_not_found")
