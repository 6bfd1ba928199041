"""The form as a pure function: what is read as what, what is remembered, what is hidden."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.notices import word
from handlers import desk_turn, form_answers
from handlers.commands import FileRequest, SaveForm
from handlers.context import Decision, DepartmentProfile, TurnContext
from handlers.dialogue import decide
from handlers.form import Form, Step
from handlers.form_prompts import review
from handlers.masking import mask_name, mask_name_in, mask_personal_data
from handlers.messages import IncomingMessage, MessageKind, Reply, SentFile
from handlers.standing import ChannelTraits, DeskNeeded, KeptForm, Standing
from handlers.state import DialogueState
from handlers.texts import say
from knowledge.understanding import Understander

DEPARTMENT = DepartmentProfile(id=1, name="Sở X", short_name="Sở X", phones=("0272 3826 199",))
NOW = dt.datetime(2026, 11, 21, 3, 0, tzinfo=dt.UTC)  # a Saturday
FULL = Form(
    agreed=True, kind="doanh-nghiep", name="Nguyễn Thị Hoa", organisation="Mắm Ba Làng", tax_code="0100109106",
    phone="+84912345678", province="tay-ninh", old_province="long-an", place="Tân Trạch",
    description="Gọi Nguyễn Thị Hoa, 0912345678, hay hỏi Sở 02723826199", done=tuple(step.value for step in Step),
)  # fmt: skip


def context_of(understander: Understander, standing: Standing | None, *, masked: bool = False) -> TurnContext:
    traits = ChannelTraits(masks_people=masked)
    return TurnContext(understander, DEPARTMENT, NOW, turn_key="turn000001", traits=traits, standing=standing)


def take(context: TurnContext, state: DialogueState, message: str | IncomingMessage) -> Decision:
    if isinstance(message, str):
        message = IncomingMessage(MessageKind.TEXT, message)
    return decide(context, state, [message])


def test_an_ordinary_question_needs_nothing_of_the_desk(understander: Understander) -> None:
    context, state = context_of(understander, None), DialogueState(greeted=True)
    for text in (
        "đăng ký nhãn hiệu cần giấy tờ gì",
        "menu",
        "xin chào",
        "thời tiết hôm nay",
        "2205/QĐ-TTg",
        "riêng tư",
    ):
        assert take(context, state, text).replies
    for text in ("gửi yêu cầu hỗ trợ", "gặp cán bộ", "HT26-1T55FA", "xoá dữ liệu của tôi", "yêu cầu của tôi"):
        with pytest.raises(DeskNeeded):
            take(context, state, text)


def test_deciding_twice_decides_the_same(understander: Understander) -> None:
    standing = Standing(form=KeptForm(1, "a" * 32, FULL.to_json()))
    context, state = context_of(understander, standing), DialogueState(greeted=True, awaiting="form")
    for text in ("gửi", "sửa", "tiếp tục", "quay lại", "đăng ký sáng chế mất bao lâu?", "thôi", "làm lại"):
        assert take(context, state, text) == take(context, state, text)


def test_only_the_button_of_this_form_sends_it(understander: Understander) -> None:
    context = context_of(understander, Standing(form=KeptForm(1, "a" * 32, FULL.to_json())))
    state = DialogueState(greeted=True, awaiting="form")
    sent = take(context, state, IncomingMessage(MessageKind.TAP, data="s:send:" + "a" * 12))
    assert [type(command) for command in sent.commands] == [FileRequest]
    old = take(context, state, IncomingMessage(MessageKind.TAP, data="s:send:" + "b" * 12))
    assert old.commands == ()
    assert old.replies[-1].choices[0].label == say("form.send")


def _saved(decision: Decision) -> Form:
    return Form.from_json(next(command.data for command in decision.commands if isinstance(command, SaveForm)))


def test_the_topic_of_a_request_can_be_changed(understander: Understander) -> None:
    def after(form: Form, message: str | IncomingMessage) -> Decision:
        kept = Standing(form=KeptForm(1, "a" * 32, form.to_json()))
        return take(context_of(understander, kept), DialogueState(greeted=True, awaiting="form"), message)

    def tapped(data: str) -> IncomingMessage:
        return IncomingMessage(MessageKind.TAP, data=data)

    told = "Xin Sở chỉ giúp cách đăng ký mã vạch cho chai nước mắm"
    form = replace(FULL, topic="nhan-hieu", description=told)
    assert "s:e:topic" in [choice.data for choice in after(form, "sửa").replies[-1].choices]
    asked = after(form, tapped("s:e:topic"))
    assert [choice.data for choice in asked.replies[-1].choices][:1] == ["s:t:ma-so-ma-vach"]
    assert asked.replies[-1].choices[-1].label == say("form.topic_open")
    form = _saved(asked)
    label = understander.knowledge.label("ma-so-ma-vach")
    for answer in ("mã vạch", tapped("s:t:ma-so-ma-vach")):
        changed = after(form, answer)
        assert label in changed.replies[-1].body
        assert changed.replies[-1].heading == say("form.review")
        assert (
            next(c for c in after(_saved(changed), "gửi").commands if isinstance(c, FileRequest)).topic
            == "ma-so-ma-vach"
        )
    unclear = after(form, "qwerty zxcvb")
    assert unclear.commands == ()
    assert len({choice.data for choice in unclear.replies[-1].choices}) == len(unclear.replies[-1].choices)
    left = _saved(after(form, tapped("s:t:")))
    assert left.topic is None
    assert left.next_step(Standing()) is Step.REVIEW


def test_the_log_keeps_nothing_of_the_form(understander: Understander) -> None:
    form = Form(agreed=True, kind="nong-dan", done=("share", "news", "kind"))
    context = context_of(understander, Standing(form=KeptForm(1, "a" * 32, form.to_json())))
    decision = take(context, DialogueState(greeted=True, awaiting="form"), "Nguyễn Thị Hoa")
    assert isinstance(decision.commands[-1], SaveForm)
    assert decision.commands[-1].data["name"] == "Nguyễn Thị Hoa"
    assert (decision.log.text, decision.log.outcome) == (None, None)
    assert "Hoa" not in str(decision.state.to_json())


@pytest.mark.parametrize("name", ["Nguyễn Văn Sao", "Trần Thị Gì", "Đặng Quỹ", "Lê Nhãn Hiệu", "Hoa"])
def test_a_name_is_not_taken_for_a_question(understander: Understander, name: str) -> None:
    form = Form(agreed=True, kind="nong-dan", done=("share", "news", "kind"))
    context = context_of(understander, Standing(form=KeptForm(1, "a" * 32, form.to_json())))
    decision = take(context, DialogueState(greeted=True, awaiting="form", topic="nhan-hieu"), name)
    assert [type(command) for command in decision.commands] == [SaveForm]


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("nguyen thi hoa", "Nguyen Thi Hoa"), ("NGUYỄN THỊ HOA", "Nguyễn Thị Hoa"),
        ("toi ten la dang van đức", "Dang Van Đức"), ("ẤN ĐỨC ƯỚC", "Ấn Đức Ước"), ("h'hen niê", "H'Hen Niê"),
        ("hoa", "Hoa"), ("Nguyễn thị Hoa", "Nguyễn thị Hoa"), ("H'Hen Niê", "H'Hen Niê"),
    ],
)  # fmt: skip
def test_a_name_without_small_or_capital_letters_is_capitalised(typed: str, shown: str) -> None:
    context = TurnContext(None, DEPARTMENT, NOW, turn_key="x", standing=Standing())  # type: ignore[arg-type]
    form = Form(agreed=True, kind="doanh-nghiep")
    read = form_answers.read_answer(context, form, Step.NAME, typed)
    assert isinstance(read, form_answers.Answered)
    assert read.form.name == shown
    organised = form_answers.read_answer(context, form, Step.ORGANISATION, "CƠ SỞ MẮM BA LÀNG")
    assert isinstance(organised, form_answers.Answered)
    assert organised.form.organisation == "CƠ SỞ MẮM BA LÀNG"


def test_a_button_after_a_word_is_no_second_tap(understander: Understander) -> None:
    context = context_of(understander, Standing(form=KeptForm(1, "a" * 32, FULL.to_json())))
    change = IncomingMessage(MessageKind.TAP, data="s:e:name")
    first = take(context, DialogueState(greeted=True, awaiting="form"), change)
    assert first.replies
    assert take(context, first.state, change).replies == ()
    word = take(context, first.state, "sửa")
    assert take(context, word.state, change).replies == first.replies


def test_the_masked_review_shows_no_name_phone_or_tax_code(understander: Understander) -> None:
    context = context_of(understander, Standing(), masked=True)
    text = review(context, FULL, (), "a" * 32).text
    assert not any(
        secret in text for secret in ("Nguyễn Thị Hoa", "0912345678", "912345678", "0100109106", "Tân Trạch")
    )
    assert "02723826199" in text  # the department's own number is nobody's secret
    assert "Nguyễn Thị Hoa" in review(context_of(understander, Standing()), FULL, (), "a" * 32).text


def test_the_longest_review_is_shown_whole_enough_to_be_sent(understander: Understander) -> None:
    long = Form(agreed=True, kind="nong-dan", description="ừ " * 1900)
    assert len(review(context_of(understander, Standing()), long, (), "a" * 32).text) < 4000


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("tôi muốn tố cáo cán bộ nhận tiền", "complaint"), ("đơn khiếu nại về quyết định số 5", "complaint"),
        ("bà con chúng tôi khiếu nại cây xăng đong thiếu", "complaint"), ("toi khieu nai", "complaint"),
        ("xin nộp hồ sơ công nhận doanh nghiệp KH&CN", "dossier"), ("gửi tờ khai đăng ký mã vạch", "dossier"),
        ("nộp hồ sơ ở đâu", None), ("hồ sơ gồm gì", None), ("tư vấn giúp tôi chọn máy sấy", None),
        ("cân sai thì báo ai", None),
    ],
)  # fmt: skip
def test_what_reads_as_a_complaint_or_a_dossier(text: str, kind: str | None) -> None:
    assert form_answers.reads_as(text) == kind


@given(st.text(max_size=60))
def test_any_text_is_an_answer_or_a_problem_in_words(text: str) -> None:
    context = TurnContext(None, DEPARTMENT, NOW, turn_key="x", standing=Standing())  # type: ignore[arg-type]
    for step in (Step.KIND, Step.NAME, Step.ORGANISATION, Step.TAX, Step.PHONE, Step.PLACE, Step.NEED):
        result = form_answers.read_answer(context, Form(agreed=True), step, text)
        assert isinstance(result, form_answers.Answered) or result.text


def test_form_message_and_reply_survive_json() -> None:
    assert Form.from_json(FULL.to_json() | {"of_another_release": 1}) == FULL
    file = SentFile(content_hash="a" * 64, kind="photo", media_type="image/png", size=3, may_be_identity_card=True)
    message = IncomingMessage(MessageKind.PHOTO, files=(file,))
    assert IncomingMessage.from_json(message.to_json()) == message
    reply = Reply("x", ask="phone", link="HT26-1T55FA")
    assert Reply.from_json(reply.to_json()) == reply


def test_masks() -> None:
    assert mask_name("Nguyễn Thị Hoa") == "N. T. Hoa"
    assert mask_name("Hoa") == "H•••"
    assert mask_name_in("tôi là nguyen  thi HOA, xã Hoa", "Nguyễn Thị Hoa") == "tôi là N. T. Hoa, xã Hoa"
    assert mask_name_in("Cô An lo an toàn, AN", "An") == "Cô A••• lo an toàn, AN"
    assert mask_name_in("không tên", None) == "không tên"
    assert mask_personal_data("gọi 0272 3826199", keep=("02723826199",)) == "gọi 0272 3826199"


def test_an_officers_word_says_how_to_write_back_where_there_are_no_buttons_and_what_was_hidden() -> None:
    row = {"notice": "request.replied", "fields": {"code": "HT26-1T55FA", "officer": "Ba", "text": "Gọi 0912345678"}}
    plain = word(row, with_choices=False)
    assert plain.body.split("\n")[1:] == ["Gọi 0912345678", say("notice.write_back", code="HT26-1T55FA")]
    assert (plain.note, plain.choices) == (None, ())
    masked = word(row, mask_personal_data)
    assert (masked.note, len(masked.choices)) == (say("notice.hidden"), 1)
    assert "trả lời HT26" not in masked.text
    assert "0912345678" not in masked.text


def test_commands_are_never_merged_with_their_neighbours() -> None:
    assert all(desk_turn.is_desk_command(words) for words in ("tiep tuc", "yeu cau cua toi", "xoa du lieu cua toi"))
