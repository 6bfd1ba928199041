"""What can go wrong, grouped by what the caller does next.

CommandError              tell the person at the terminal, exit
ChannelError
├── RetryLater            the messenger asked to wait: again after ``after_s``, not counted as an attempt
├── ChannelUnavailable    network, time-out, 5xx: again with back-off
├── CredentialsRejected   token, secret or set-up: stop sending, alert, again much later
├── RecipientUnreachable  blocked, left, deleted: stop this conversation until the person writes
├── RecipientMoved        the chat has another id now: again at once with ``external_id``
├── WindowClosed          nothing may be sent until the person writes: keep it, send it first then
└── PayloadRejected       this message will never be accepted: give it up
Unreadable                an update nobody can parse: set it aside
Unwanted                  an update that must not be kept: acknowledge it and forget it
"""

from __future__ import annotations


class CommandError(Exception):
    """Something the person at the terminal must do differently; the message is one sentence."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


class ChannelError(Exception):
    """Sending failed; ``code`` is the messenger's own."""

    def __init__(self, code: str = "") -> None:
        super().__init__(code)
        self.code = code


class RetryLater(ChannelError):  # noqa: N818 - named for what to do
    """The messenger asked to wait ``after_s`` seconds, with everything or with this recipient only."""

    def __init__(self, after_s: float, code: str = "429", *, recipient_only: bool = False) -> None:
        super().__init__(code)
        self.after_s = after_s
        self.recipient_only = recipient_only


class ChannelUnavailable(ChannelError):  # noqa: N818
    """The messenger cannot be reached at the moment."""


class CredentialsRejected(ChannelError):  # noqa: N818
    """The messenger does not accept our token."""


class RecipientUnreachable(ChannelError):  # noqa: N818
    """This person cannot be written to."""


class RecipientMoved(ChannelError):  # noqa: N818
    """The chat has another id now."""

    def __init__(self, external_id: str) -> None:
        super().__init__("moved")
        self.external_id = external_id


class WindowClosed(ChannelError):  # noqa: N818
    """Nothing may be sent to this person until they write again."""


class PayloadRejected(ChannelError):  # noqa: N818
    """This message will never be accepted."""


class Unreadable(Exception):  # noqa: N818
    """An update that cannot be parsed; ``key`` makes it one row however often it comes."""

    def __init__(self, reason: str, key: str = "") -> None:
        super().__init__(reason)
        self.key = key


class Unwanted(Exception):  # noqa: N818
    """An update that must not be kept, such as an older message of someone who asked to be erased."""
