"""What a piece of content must have. The same shapes are read from files and kept, as JSON, in the database."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from knowledge.taxonomy import NATIONAL, load_taxonomy

ANSWER_LIMIT = 700
DETAILS_LIMIT = 1400
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
FULL_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def _known(kind: str, ids: list[str]) -> AfterValidator:
    def check(value: str) -> str:
        if value not in ids:
            raise ValueError(f"«{value}» is not a {kind} of taxonomy.yaml")
        return value

    return AfterValidator(check)


def _nfc(value: str) -> str:
    if unicodedata.normalize("NFC", value) != value:
        raise ValueError("text is not in Unicode form NFC")
    if not value.strip():
        raise ValueError("text is empty")
    return value.strip()


_TAXONOMY = load_taxonomy()
TopicId = Annotated[str, _known("topic", list(_TAXONOMY.topics))]
FacetId = Annotated[str, _known("facet", list(_TAXONOMY.facets))]
ProvinceId = Annotated[str, _known("province", list(_TAXONOMY.provinces))]
AudienceId = Annotated[str, _known("audience", list(_TAXONOMY.audiences))]
Text = Annotated[str, AfterValidator(_nfc)]


class Confidence(StrEnum):
    """How sure the writers are; ``LOW`` is never worded as firm."""

    HIGH = "cao"
    MEDIUM = "trung-binh"
    LOW = "thap"


class DocumentStatus(StrEnum):
    """Whether a document is in force, as last checked."""

    IN_FORCE = "con-hieu-luc"
    EXPIRED = "het-hieu-luc"
    AMENDED = "da-sua-doi"
    UNKNOWN = "chua-ro"


class _Content(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceRef(_Content):
    """A place in a document of the register: its slug, and the article or page."""

    document: str
    clause: str | None = None


class Entry(_Content):
    """One answer. ``id`` is ``<topic>/<slug>``, the path of its file without suffix."""

    id: str
    kind: Literal["facet", "fact"]
    topic: TopicId
    facet: FacetId
    province: ProvinceId = NATIONAL
    audiences: tuple[AudienceId, ...] = ()
    title: Text
    questions: tuple[Text, ...] = Field(min_length=8)
    keywords: tuple[Text, ...] = ()
    answer: Text = Field(max_length=ANSWER_LIMIT)
    details: str | None = Field(default=None, max_length=DETAILS_LIMIT)
    sources: tuple[SourceRef, ...] = Field(min_length=1)
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None
    as_of: str | None = None
    checked: dt.date
    confidence: Confidence
    owner: Text
    next_steps: tuple[FacetId, ...] = Field(default=(), max_length=3)

    @field_validator("keywords", mode="before")
    @classmethod
    def _numbers_are_words(cls, value: object) -> object:
        return [str(item) for item in value] if isinstance(value, list) else value

    @field_validator("as_of", mode="before")
    @classmethod
    def _year_is_text(cls, value: object) -> object:
        return str(value) if isinstance(value, int) else value

    @model_validator(mode="after")
    def _lives_in_its_topic(self) -> Entry:
        topic, _, slug = self.id.partition("/")
        if topic != self.topic:
            raise ValueError(f"the file lies in the folder of «{topic}» but says topic: {self.topic}")
        if not SLUG.fullmatch(slug):
            raise ValueError(f"file name «{slug}» is not lower-case ASCII words joined by hyphens")
        return self


class NotApplicable(_Content):
    """A facet that makes no sense for a topic, and the facet that answers instead."""

    facet: FacetId
    instead: FacetId
    reason: Text


class Topic(_Content):
    """What people call a topic and how it shows up in their lives."""

    topic: TopicId
    label: Text = Field(max_length=30)
    names: tuple[Text, ...] = Field(min_length=4)
    situations: tuple[Text, ...] = Field(min_length=6)
    related: tuple[TopicId, ...] = ()
    ask_apart: Text
    not_applicable: tuple[NotApplicable, ...] = ()

    @property
    def id(self) -> str:
        """The topic id itself."""
        return self.topic


class Document(_Content):
    """A legal document, a plan or an official page of the register. ``id`` is its slug."""

    id: str
    number: Text | None
    kind: Text
    issuer: Text
    date: dt.date | str | None
    title: Text
    subject: Text
    topic: TopicId
    province: ProvinceId = NATIONAL
    status: DocumentStatus
    status_note: str | None = None
    effective_from: dt.date | str | None = None
    replaced_by: tuple[str, ...] = ()
    amended_by: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    names: tuple[Text, ...] = ()
    checked: dt.date
    confidence: Confidence
    url: str | None = None

    @field_validator("date", "effective_from", mode="before")
    @classmethod
    def _day_or_text(cls, value: object) -> object:
        """A whole day is a date, also when it comes as text from the database; a mere year or month stays text."""
        if isinstance(value, str) and FULL_DATE.fullmatch(value):
            return dt.date.fromisoformat(value)
        return str(value) if isinstance(value, int) else value

    @model_validator(mode="after")
    def _slug(self) -> Document:
        if not SLUG.fullmatch(self.id):
            raise ValueError(f"file name «{self.id}» is not lower-case ASCII words joined by hyphens")
        return self

    @property
    def article(self) -> str:
        """The id under which the register's answer about this document is reported."""
        return f"van-ban/{self.id}"


class Referral(_Content):
    """A matter another agency handles; answered with a kind word and where to go."""

    id: str
    title: Text
    agency: Text
    answer: Text = Field(max_length=400)
    questions: tuple[Text, ...] = Field(min_length=10)
    keywords: tuple[Text, ...] = Field(min_length=1)
    checked: dt.date
    confidence: Confidence

    @field_validator("keywords", mode="before")
    @classmethod
    def _numbers_are_words(cls, value: object) -> object:
        return [str(item) for item in value] if isinstance(value, list) else value


Record = Topic | Entry | Document | Referral
RECORD_KINDS: dict[str, type[Topic | Entry | Document | Referral]] = {
    "topic": Topic, "entry": Entry, "document": Document, "referral": Referral,
}  # fmt: skip


def kind_of(record: Record) -> str:
    """The name under which a record is kept: ``topic``, ``entry``, ``document`` or ``referral``."""
    return type(record).__name__.lower()
