"""A form whose session had ended when it was sent: kept in the page until its owner has signed in again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from staff.signing import Signer

PURPOSE = "kept form"
LIFE_S = 24 * 3600
FIELD = "giu"  # the hidden field that carries it through the sign-in
OF_THE_PAGE = frozenset({"token", "version", "tiep", "username", FIELD})
SECRET = frozenset({"password", "again", "current", "code", "access_token", "refresh_token"})  # never kept


@dataclass(frozen=True)
class Kept:
    """What was sent, where to, and whose it was; ``member_id`` None when that is not known any more."""

    path: str
    fields: Mapping[str, str]
    member_id: int | None

    @classmethod
    def of(cls, path: str, form: Mapping[str, str], member_id: int | None) -> Kept | None:
        """A form worth keeping; None when nothing was typed into it."""
        fields = {name: value for name, value in form.items() if name not in SECRET | {"token", FIELD}}
        typed = any(value.strip() for name, value in fields.items() if name not in OF_THE_PAGE)
        return cls(path, fields, member_id) if typed else None

    @property
    def shown(self) -> dict[str, str]:
        """What a person typed, to be looked at again."""
        return {name: value for name, value in self.fields.items() if is_text(name)}

    @property
    def hidden(self) -> dict[str, str]:
        """What goes along with it."""
        return {name: value for name, value in self.fields.items() if not is_text(name)}

    def is_for(self, member_id: int) -> bool:
        """Whether this member may see it."""
        return self.member_id in {None, member_id}

    def seal(self, signer: Signer) -> str:
        """For a hidden field: unreadable, and of no use to anybody else's installation."""
        return signer.seal(PURPOSE, json.dumps([self.path, dict(self.fields), self.member_id], ensure_ascii=False))


def is_text(name: str) -> bool:
    """Whether a field of that name holds words."""
    return name in {"text", "result", "reason", "agency", "where", "title", "name", "notice", "address"}


def open_kept(signer: Signer, sealed: str) -> Kept | None:
    """What ``Kept.seal`` made; None for anything else, and after a day."""
    text = signer.open(PURPOSE, sealed, life_s=LIFE_S) if sealed else None
    if text is None:
        return None
    path, fields, member_id = json.loads(text)
    return Kept(path, fields, member_id)
