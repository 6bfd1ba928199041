"""The dialogue as a pure function: state and messages in, replies and state out."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.bursts import is_free_text, says_nothing_alone
from handlers.context import Decision, DepartmentProfile, TurnContext
from handlers.dialogue import decide
from handlers.masking import mask_personal_data
from handlers.messages import IncomingMessage, MessageKind, Reply
from handlers.standing import Standing
from handlers.state import DialogueState
from knowledge.understanding import Understander

DEPARTMENT = DepartmentProfile(id=1, name="Sở Khoa học và Công nghệ tỉnh X", short_name="Sở KH&CN")
NOW = dt.datetime(2026, 11, 22, 3, 0, tzinfo=dt.UTC)


class Person:
    def __init__(self, understander: Understander) -> None:
        self._understander = understander
        self.state = DialogueState()
        self.now = NOW
        self._turns = 0

    def _take(self, *messages: IncomingMessage) -> Decision:
        self._turns += 1
        context = TurnContext(
            self._understander, DEPARTMENT, self.now, turn_key=f"turn{self._turns:06d}", standing=Standing()
        )
        decision = decide(context, self.state, messages)
        self.state = decision.state
        return decision

    def says(self, *texts: str) -> Decision:
        return self._take(*(IncomingMessage(MessageKind.TEXT, text) for text in texts))

    def taps(self, data: str) -> Decision:
        return self._take(IncomingMessage(MessageKind.TAP, data=data))

    def sends(self, kind: MessageKind) -> Decision:
        return self._take(IncomingMessage(kind))


@pytest.fixture
def person(understander: Understander) -> Person:
    return Person(understander)


def test_the_first_message_says_who_speaks_and_how_to_reach_a_person(person: Person) -> None:
    first = person.says("đăng ký nhãn hiệu cần giấy tờ gì").replies
    assert "trợ lý tự động của Sở Khoa học và Công nghệ tỉnh X" in first[0].text
    assert "gặp cán bộ" in first[0].text
    assert "riêng tư" in first[0].text
    assert len(person.says("thế phí bao nhiêu").replies) == 1


def test_an_answer_carries_source_and_validity_in_one_line(person: Person) -> None:
    reply = person.says("đăng ký nhãn hiệu cần giấy tờ gì").replies[-1]
    lines = [line for line in (reply.note or "").splitlines() if line.startswith("Nguồn:")]
    assert len(lines) == 1
    assert "hiệu lực" in lines[0] or "sửa đổi" in lines[0]
    assert "Kiểm tra ngày" in lines[0]
    assert len(reply.text) <= 1500


def test_the_menu_leads_from_field_to_topic_to_facet_by_numbers(person: Person) -> None:
    fields = person.says("menu").replies[-1].choices
    assert [c.data[:2] for c in fields[:6]] == ["f:"] * 6
    topics = person.says("1").replies[-1].choices
    assert topics[0].data == "t:nhan-hieu"
    facets = person.says("1").replies[-1].choices
    assert facets[0].data == "q:nhan-hieu:gioi-thieu"
    answer = person.says("1")
    assert (answer.log.outcome, answer.log.topic, answer.log.facet) == ("answer", "nhan-hieu", "gioi-thieu")


def test_every_topic_is_reachable_in_the_menu(person: Person, understander: Understander) -> None:
    seen: set[str] = set()
    for field in understander.knowledge.taxonomy.fields:
        todo = [f"f:{field}"]
        while todo:
            for choice in person.taps(todo.pop()).replies[-1].choices:
                if choice.data.startswith("f:"):
                    todo.append(choice.data)
                elif choice.data.startswith("t:"):
                    seen.add(choice.data[2:])
    assert seen == set(understander.knowledge.taxonomy.topics)


def test_a_number_outside_the_list_is_told(person: Person) -> None:
    count = len(person.says("menu").replies[-1].choices)
    assert f"chỉ có {count} mục" in person.says("99").replies[-1].text


def test_the_words_on_a_button_may_be_typed(person: Person) -> None:
    offered = person.taps("q:nhan-hieu:ho-so").replies[-1].choices
    details = next(choice for choice in offered if choice.data.startswith("x:"))
    assert person.says(f"{details.label}!").log.article == "nhan-hieu/ho-so"
    person.says("đổi tỉnh")
    person.says("nơi khác")
    assert person.state.province == "toan-quoc"


def test_the_same_button_after_a_word_is_no_second_tap(person: Person) -> None:
    person.says("menu")
    shown = person.taps("m").replies
    assert person.taps("m").replies == ()
    person.says("thôi")
    assert person.taps("m").replies == shown


def test_the_province_is_chosen_once_and_changed(person: Person) -> None:
    person.says("đổi tỉnh")
    person.says("2")
    assert person.state.province == "ben-tre"
    person.says("đổi tỉnh")
    person.says("Hưng Yên")
    assert person.state.province == "thai-binh"
    person.says("đổi tỉnh")
    person.says("Hà Nội")
    assert person.state.province == "toan-quoc"


@pytest.mark.parametrize(
    ("text", "province"),
    [("tui ở bến tre", "ben-tre"), ("Em ở tỉnh Thái Bình cũ ạ", "thai-binh"), ("tra vinh", "ben-tre")],
)
def test_a_province_said_in_passing_is_noted_and_the_topic_kept(person: Person, text: str, province: str) -> None:
    person.taps("q:nhan-hieu:ho-so")
    person.says(text)
    assert (person.state.province, person.state.topic) == (province, "nhan-hieu")


@pytest.mark.parametrize("text", ["đồng ý", "thuế", "an toàn", "tiến bộ", "công bằng", "cầu đất"])
def test_words_that_are_also_places_do_not_change_the_province(person: Person, text: str) -> None:
    person.taps("p:long-an")
    person.says(text)
    assert person.state.province == "long-an"


@pytest.mark.parametrize("text", ["báo ai", "vậy hồ sơ thì sao", "hồ sơ?", "còn phí thì sao"])
def test_a_follow_up_without_a_subject_stays_with_the_topic(person: Person, text: str) -> None:
    person.says("cho hỏi về mã số mã vạch")
    person.says(text)
    assert person.state.topic == "ma-so-ma-vach"
    assert person.state.province is None


def test_what_a_province_says_of_its_own_is_told_when_it_is_named(person: Person) -> None:
    person.taps("q:giai-thuong-chat-luong-quoc-gia:gioi-thieu")
    decision = person.says("tôi ở Thái Bình")
    assert decision.log.article == "giai-thuong-chat-luong-quoc-gia/gioi-thieu-thai-binh"
    assert len(decision.replies) == 2


def test_the_audience_is_chosen_once_and_changed(person: Person) -> None:
    person.says("tôi là ai")
    person.says("3")
    assert person.state.audience == "nong-dan"
    person.taps("a:doanh-nghiep")
    assert person.state.audience == "doanh-nghiep"


def test_an_answer_of_a_topic_with_provincial_entries_offers_to_choose_the_province(person: Person) -> None:
    labels = [choice.label for choice in person.taps("q:ho-tro-so-huu-tri-tue:muc-ho-tro").replies[-1].choices]
    assert "Chọn tỉnh" in labels
    person.taps("p:long-an")
    labels = [choice.label for choice in person.taps("q:ho-tro-so-huu-tri-tue:muc-ho-tro").replies[-1].choices]
    assert "Chọn tỉnh" not in labels


def test_a_double_tap_does_nothing_twice_and_a_later_one_answers_again(person: Person) -> None:
    person.says("menu")
    assert person.taps("q:nhan-hieu:ho-so").replies
    assert person.taps("q:nhan-hieu:ho-so").replies == ()
    person.now += dt.timedelta(minutes=5)
    assert person.taps("q:nhan-hieu:ho-so").replies


@pytest.mark.parametrize(
    "data", ["q:khong-co:ho-so", "e:000000000000", "zzz", "", "f:", "t:khong-co", "p:ha-noi", "u:!!"]
)
def test_an_old_or_foreign_button_leads_back_to_the_menu(person: Person, data: str) -> None:
    person.says("menu")
    assert any(choice.data.startswith("f:") for choice in person.taps(data).replies[-1].choices)


def test_feedback_is_recorded_for_its_turn(person: Person) -> None:
    useful = next(c for c in person.says("đăng ký nhãn hiệu cần giấy tờ gì").replies[-1].choices if c.data[:2] == "u:")
    decision = person.taps(useful.data)
    assert decision.feedback is not None
    assert (decision.feedback.turn_key, decision.feedback.verdict) == (useful.data[2:], "useful")


@pytest.mark.parametrize(
    "kind", [k for k in MessageKind if k not in {MessageKind.TEXT, MessageKind.TAP, MessageKind.START}]
)
def test_every_kind_of_message_gets_a_fitting_reply(person: Person, kind: MessageKind) -> None:
    assert person.sends(kind).replies[-1].text


def test_a_burst_is_read_as_one_question(person: Person) -> None:
    decision = person.says("em chào anh chị", "em muốn hỏi", "đăng ký nhãn hiệu cần giấy tờ gì")
    assert decision.log.topic == "nhan-hieu"


def test_taps_numbers_and_commands_are_never_merged() -> None:
    assert not any(
        is_free_text(IncomingMessage(MessageKind.TEXT, text)) for text in ("2", "menu", "thôi", "Giúp", "số 3")
    )
    assert is_free_text(IncomingMessage(MessageKind.TEXT, "tôi muốn đăng ký nhãn hiệu"))
    assert says_nothing_alone(IncomingMessage(MessageKind.TEXT, "Xin chào"))
    assert not says_nothing_alone(IncomingMessage(MessageKind.TEXT, "đăng ký nhãn hiệu"))


def test_what_the_department_lacks_is_said_to_be_unknown(person: Person) -> None:
    text = person.says("gặp cán bộ").replies[-1].text
    assert "chưa có địa chỉ, số điện thoại, giờ làm việc" in text


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("gọi tôi 0912 345 678 nhé", "345"),
        ("email nguyen.van.a@gmail.com", "gmail"),
        ("căn cước 079201001234", "0792"),
        ("mã số thuế 0312345678-001", "0312345678"),
        ("tôi tên Nguyễn Văn An hỏi nhãn hiệu", "Nguyễn"),
    ],
)
def test_personal_data_is_masked_in_the_log(text: str, gone: str) -> None:
    assert gone not in mask_personal_data(text)


def test_document_numbers_are_not_masked() -> None:
    assert mask_personal_data("nghị định 65/2023/NĐ-CP và 2205/QĐ-TTg") == "nghị định 65/2023/NĐ-CP và 2205/QĐ-TTg"


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=300))
def test_any_text_gets_a_reply_and_a_usable_state(understander: Understander, text: str) -> None:
    person = Person(understander)
    if not text.strip():
        return
    assert all(isinstance(reply, Reply) and reply.text for reply in person.says(text).replies)
    assert DialogueState.from_json(person.state.to_json()) == person.state


def test_hostile_texts_are_answered_or_politely_refused(person: Person) -> None:
    for text in (
        "x" * 20_000,
        "😀" * 500,
        "\u202eabc\u202c",
        "a\x00b",
        "đăng ký nhãn hiệu".encode().decode("utf-8"),
        "'; DROP TABLE turns; --",
    ):
        assert person.says(text).replies
