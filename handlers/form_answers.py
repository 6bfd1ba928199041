"""Reading what a person typed, tapped or shared at a step of the form: the form with it, or what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable

from desk.change import TEXT_LIMIT
from desk.identity import Problem, mask_phone, read_name, read_organisation, read_phone, read_tax_code
from desk.text import clean_text
from handlers import form_places
from handlers.context import TurnContext
from handlers.form import Answered, Form, Step, Wrong
from handlers.form_prompts import topic_choices
from handlers.masking import mask_personal_data
from handlers.texts import say
from knowledge.text import fold
from knowledge.understanding import Outcome, QuestionContext

NEED_SHORTEST = 6
_YES = frozenset({"dong y", "co", "ok", "oke", "duoc", "dong", "y", "yes", "cho phep"})
_NO = frozenset({"khong", "khong dong y", "ko", "k", "no", "tu choi", "thoi khong", "khong cho phep"})
_KIND_WORDS = {
    "doanh-nghiep": r"\b(?:doanh nghiep|cong ty|cty|ho kinh doanh|co so|tnhh|dn)\b",
    "hop-tac-xa": r"\b(?:hop tac xa|htx|to hop tac|hoi|hiep hoi)\b",
    "nong-dan": r"\b(?:nong dan|ho san xuat|trang trai|nha vuon|lam ruong|lam vuon)\b",
    "to-chuc": r"\b(?:to chuc|vien|truong|benh vien|phong kham|co quan|uy ban|so)\b",
    "ca-nhan": r"\b(?:ca nhan|sinh vien|hoc sinh|nghien cuu|khoi nghiep|nhom)\b",
}
_COMPLAINT = re.compile(
    r"\b(?:to cao|to giac|don (?:khieu nai|to cao|thua)|khieu kien|"
    r"(?:toi|minh|em|chung toi|gia dinh|ba con|xin|muon|lam don|gui don|de nghi)(?: \w+){0,3} khieu nai)\b"
)
_DOSSIER = re.compile(
    r"\b(?:nop|gui|dinh kem|chuyen)(?: \w+){0,3} (?:ho so|to khai|don dang ky|don xin cap|giay to dang ky)\b"
)
_ASKS_HOW = re.compile(
    r"\b(?:the nao|o dau|bao nhieu|bao lau|can gi|gom gi|nhu nao|ra sao|lam sao|duoc khong|hay khong)\b"
)


Result = Answered | Wrong


def _problem(problem: Problem) -> Wrong:
    return Wrong(say(f"problem.{problem.key}", **problem.fields))


def read_answer(context: TurnContext, form: Form, step: Step, text: str, *, near: str | None = None) -> Result:
    """The form after ``text`` at ``step``, or what is wrong with it.

    ``near`` is the province the person chose in the chat, if any: of places with one name those in it come first.
    """
    if step is Step.PLACE:
        return form_places.read_place(form, text, near=near or context.department.province)
    if step is Step.COMMUNE:
        return form_places.read_commune(form, text)
    return _READERS[step](context, form, text)


def read_choice(text: str) -> bool | None:
    """A yes or no in words; None for anything else. Silence and anything unclear is neither."""
    words = fold(text).strip(" .!,")
    return True if words in _YES else False if words in _NO else None


def _read_kind(context: TurnContext, form: Form, text: str) -> Result:
    del context
    words = fold(text)
    for kind, pattern in _KIND_WORDS.items():
        if re.search(pattern, words):
            return Answered(form.answered(Step.KIND, kind=kind))
    return Wrong(say("form.kind_unclear"))


def _read_name(context: TurnContext, form: Form, text: str) -> Result:
    del context
    name = read_name(_LEAD_IN.sub("", text, count=1))
    return _problem(name) if isinstance(name, Problem) else Answered(form.answered(Step.NAME, name=capitalised(name)))


def capitalised(name: str) -> str:
    """A name typed all in small or all in capital letters as names are written; any other as it was typed."""
    return name.title() if name.islower() or name.isupper() else name


_LEAD_IN = re.compile(
    r"^(?:dạ|da|vâng|vang|tôi|toi|tui|em|mình|minh|anh|chị|chi|con|cháu|chau|tên|ten|họ tên|ho ten|là|la)"
    r"(?:\s+(?:tên|ten|là|la|họ tên|ho ten))+[\s:]+",
    re.IGNORECASE,
)


def _read_topic(context: TurnContext, form: Form, text: str) -> Result:
    found = context.understander.understand(text, QuestionContext())
    if found.outcome is Outcome.ANSWER and found.topic:
        return Answered(form.answered(Step.TOPIC, topic=found.topic, asks_topic=False))
    if not found.candidates:
        return Wrong(say("form.topic_unclear"))
    return Wrong(say("form.topic_which"), topic_choices(context, [candidate.topic for candidate in found.candidates]))


def _read_organisation(context: TurnContext, form: Form, text: str) -> Result:
    del context
    name = read_organisation(text)
    if isinstance(name, Problem):
        return _problem(name)
    return Answered(form.answered(Step.ORGANISATION, organisation=name))


def _read_tax(context: TurnContext, form: Form, text: str) -> Result:
    code = read_tax_code(text, today=context.today)
    if isinstance(code, Problem):
        return _problem(code)
    remark = say("form.tax_personal") if code.kind == "personal" else None
    return Answered(form.answered(Step.TAX, tax_code=code.value), remark)


def _read_phone(context: TurnContext, form: Form, text: str) -> Result:
    del context
    phone = read_phone(text)
    if isinstance(phone, Problem):
        return _problem(phone)
    remark = say(f"form.phone_{phone.confirm}", phone=mask_phone(phone.e164)) if phone.confirm else None
    return Answered(form.answered(Step.PHONE, phone=phone.e164), remark)


def _read_need(context: TurnContext, form: Form, text: str) -> Result:
    del context
    description = clean_text(text)
    if len(description) > TEXT_LIMIT:
        return Wrong(say("problem.need.too_long", limit=TEXT_LIMIT, length=len(description)))
    if sum(character.isalpha() for character in description) < NEED_SHORTEST:
        return Wrong(say("problem.need.too_short"))
    remark = None
    if not form.agreed:
        hidden = mask_personal_data(description)
        remark = say("form.need_hidden") if hidden != description else None
        description = hidden
    return Answered(form.answered(Step.NEED, description=description), remark)


def reads_as(text: str) -> str | None:
    """``complaint`` or ``dossier`` for what is not taken in the chat; None for a question or a request."""
    words = " ".join(fold(text).split())
    if _COMPLAINT.search(words):
        return "complaint"
    if _DOSSIER.search(words) and not (_ASKS_HOW.search(words) or text.rstrip().endswith("?")):
        return "dossier"
    return None


_READERS: dict[Step, Callable[[TurnContext, Form, str], Result]] = {
    Step.KIND: _read_kind, Step.NAME: _read_name, Step.ORGANISATION: _read_organisation, Step.TAX: _read_tax,
    Step.PHONE: _read_phone, Step.NEED: _read_need, Step.TOPIC: _read_topic,
}  # fmt: skip
