"""The form of a support request as data: its steps, what was answered, what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any

from desk.consent import Purpose
from handlers.messages import Choice
from handlers.standing import Standing


class Step(StrEnum):
    """What the form asks, in this order."""

    CONSENT = "consent"
    SHARE = "share"
    NEWS = "news"
    KIND = "kind"
    NAME = "name"
    ORGANISATION = "organisation"
    TAX = "tax"
    PHONE = "phone"
    PLACE = "place"
    COMMUNE = "commune"
    NEED = "need"
    FILES = "files"
    TOPIC = "topic"
    REVIEW = "review"


PURPOSES: Mapping[Step, Purpose] = {
    Step.CONSENT: Purpose.HANDLE_REQUEST, Step.SHARE: Purpose.SHARE_OUTSIDE, Step.NEWS: Purpose.ANNOUNCEMENTS,
}  # fmt: skip
PERSONAL = frozenset({Step.KIND, Step.NAME, Step.ORGANISATION, Step.TAX, Step.PHONE, Step.PLACE, Step.COMMUNE})
OPTIONAL = (PERSONAL - {Step.KIND}) | {Step.FILES}
EDITABLE = (
    Step.TOPIC, Step.KIND, Step.NAME, Step.ORGANISATION, Step.TAX, Step.PHONE, Step.PLACE, Step.NEED,
    Step.FILES,
)  # fmt: skip
ORGANISED = frozenset({"doanh-nghiep", "hop-tac-xa", "to-chuc"})  # of the taxonomy's audiences


@dataclass(frozen=True)
class Form:
    """What was filled in so far. ``done`` are the steps that were answered or skipped, in the order of answering.

    ``agreed``: whether the person consents to their data being kept for this request; None: not asked yet.
    ``asks_topic``: they want to choose the topic themselves, which otherwise is that of the conversation.
    ``is_plain``: they said that it is a question, not a complaint or a dossier. ``commune`` and ``former_unit`` are
    codes of ``desk.places``; ``place`` is what else of the address was typed. ``takes_files``: the channel has
    files.
    """

    topic: str | None = None
    asks_topic: bool = False
    question: str | None = None
    agreed: bool | None = None
    kind: str | None = None
    name: str | None = None
    organisation: str | None = None
    tax_code: str | None = None
    phone: str | None = None
    province: str | None = None
    old_province: str | None = None
    commune: str | None = None
    former_unit: str | None = None
    place: str | None = None
    description: str | None = None
    is_plain: bool = False
    takes_files: bool = True
    done: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """A JSON object that ``from_json`` reads back."""
        return {**asdict(self), "done": list(self.done)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Form:
        """The form a row holds; a field of another release is dropped, a missing one takes its default."""
        known = {field.name for field in fields(cls)}
        values = {key: value for key, value in data.items() if key in known}
        return cls(**{**values, "done": tuple(data.get("done", []))})

    def answered(self, step: Step, **values: Any) -> Form:
        """The form after an answer to ``step`` (without values: after skipping it)."""
        return replace(self, **values, done=(*(other for other in self.done if other != step), step))

    def without(self, step: Step) -> Form:
        """The form in which ``step`` is asked again, the commune with its province; everything else stays."""
        gone = {step, Step.COMMUNE} if step is Step.PLACE else {step}
        done = tuple(other for other in self.done if other not in gone)
        return replace(self, done=done, asks_topic=self.asks_topic or step is Step.TOPIC)

    def applies(self, step: Step, standing: Standing) -> bool:
        """Whether a step is asked of this person at all."""
        match step:
            case Step.CONSENT:
                return self.agreed is None
            case Step.SHARE | Step.NEWS:
                return bool(self.agreed) and PURPOSES[step] not in standing.consents
            case Step.COMMUNE:
                return bool(self.agreed) and self.province is not None
            case Step.ORGANISATION | Step.TAX:
                return bool(self.agreed) and self.kind in ORGANISED
            case Step.FILES:
                return self.takes_files
            case Step.TOPIC:
                return self.asks_topic
            case _ if step in PERSONAL:
                return bool(self.agreed)
            case _:
                return True

    def may_change(self, step: Step, standing: Standing) -> bool:
        """Whether the person can change a step on the review: what they were asked, and the topic."""
        return step is Step.TOPIC or self.applies(step, standing)

    def next_step(self, standing: Standing) -> Step:
        """The first step that is still to be answered; the review when there is none."""
        open_steps = (step for step in Step if step not in self.done and self.applies(step, standing))
        return next(open_steps, Step.REVIEW)

    def previous(self) -> Form:
        """The form one answer back. What was consented to stays: a receipt is not taken back by the way."""
        steps = [step for step in self.done if step not in PURPOSES]
        return self.without(Step(steps[-1])) if steps else self

    def requester(self) -> dict[str, str | None]:
        """The fields of ``desk.filing.Requester``; nothing about a person who did not agree."""
        if not self.agreed:
            return {}
        organised = self.kind in ORGANISED
        return {
            "kind": self.kind, "name": self.name, "organisation": self.organisation if organised else None,
            "tax_code": self.tax_code if organised else None, "phone": self.phone, "province": self.province,
            "old_province": self.old_province, "commune": self.commune, "former_unit": self.former_unit,
            "place": self.place,
        }  # fmt: skip


@dataclass(frozen=True)
class Answered:
    """A form after an answer; ``remark`` is said before the next question."""

    form: Form
    remark: str | None = None


@dataclass(frozen=True)
class Wrong:
    """What is wrong with an answer, in words; ``choices`` are what it may have meant.

    ``form``: what may be kept of the answer all the same.
    """

    text: str
    choices: tuple[Choice, ...] = ()
    form: Form | None = None


def begin(standing: Standing, *, topic: str | None, question: str | None, kind: str | None) -> Form:
    """A new form, prefilled with what the conversation was about. A consent given before on this text still counts."""
    agreed = True if standing.consents.get(Purpose.HANDLE_REQUEST) == "granted" else None
    return Form(topic=topic, question=question, agreed=agreed, kind=kind)
