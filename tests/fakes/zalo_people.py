"""People on the fake Official Account: what they do, as the webhook events Zalo would send about it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.fakes.zalo import FakeZalo

Event = dict[str, Any]
HOUR_MS = 3_600_000


def media(kind: str, base: str) -> tuple[str, list[dict[str, Any]]]:
    """Event name and attachments of a kind of message, as in section 9.4 of the reference."""
    link = f"{base}/cdn/{kind}"
    thumbnail = f"{base}/cdn/thumb"
    payloads: dict[str, tuple[str, list[dict[str, Any]]]] = {
        "photo": ("user_send_image", [{"type": "image", "payload": {"thumbnail": thumbnail, "url": link}}]),
        "gif": ("user_send_gif", [{"type": "gif", "payload": {"thumbnail": thumbnail, "url": link}}]),
        "album": (
            "user_send_image",
            [{"type": "image", "payload": {"thumbnail": thumbnail, "url": f"{link}-{n}"}} for n in range(10)],
        ),
        "link": ("user_send_link", [{"type": "link", "payload": {"thumbnail": thumbnail, "description": "Trang",
                                                                "url": "https://example.vn/tin"}}]),
        "voice": ("user_send_audio", [{"type": "audio", "payload": {"url": link}}]),
        "video": ("user_send_video", [{"type": "video", "payload": {"url": link, "thumbnail": thumbnail,
                                                                   "description": ""}}]),
        "sticker": ("user_send_sticker", [{"type": "sticker", "payload": {"id": "40123", "url": link}}]),
        "location": ("user_send_location", [{"type": "location", "payload": {
            "coordinates": {"latitude": "22.8233", "longitude": "104.9784"}}}]),
        "file": ("user_send_file", [{"type": "file", "payload": {
            "url": link, "name": "don-de-nghi.pdf", "size": "183204",
            "checksum": "5d41402abc4b2a76b9719d911017c592", "type": "pdf"}}]),
        "contact": ("user_send_business_card", [{"type": "link", "payload": {
            "thumbnail": thumbnail, "description": '{"phone":"84901234567","qrCodeUrl":"https://qr.example/1"}',
            "url": "https://zalo.example/u"}}]),
        "future": ("user_send_hologram", [{"type": "hologram", "payload": {}}]),
    }  # fmt: skip
    return payloads[kind]


@dataclass
class ZaloUser:
    """A citizen. ``messages`` is what the Official Account sent, as its API calls had it; newest last."""

    server: FakeZalo
    user_id: str
    name: str = "Trần Văn Mẫu"
    last_interaction: int | None = None
    follows: bool = False
    state: str = "reachable"  # or blocked, inactive, restricted
    messages: list[dict[str, Any]] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    shared_info: dict[str, Any] | None = None
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    # -- events as data -------------------------------------------------------------------------------------------

    def event(self, name: str, message: dict[str, Any] | None = None, *, at: int | None = None) -> Event:
        """An event from this person, in the envelope of section 9.4. Interactions open the window."""
        at = self.server.now_ms() if at is None else at
        body: Event = {
            "app_id": self.server.app_id, "user_id_by_app": f"9{self.user_id[1:]}", "event_name": name,
            "sender": {"id": self.user_id}, "recipient": {"id": self.server.oa_id},
        }  # fmt: skip
        if message is not None:
            body["message"] = message
        body["timestamp"] = str(at)
        if name.startswith("user_send_"):
            self.last_interaction = max(self.last_interaction or 0, at)
        return body

    def message_id(self) -> str:
        return f"{int(self.user_id) % 10**8:08d}{next(self._numbers):012d}"

    def text_event(self, text: str, *, at: int | None = None, quote: str | None = None) -> Event:
        message = {"text": text, "msg_id": self.message_id()} | ({"quote_msg_id": quote} if quote else {})
        event = self.event("user_send_text", message, at=at)
        self._remember(1, "text", message["msg_id"], text, int(event["timestamp"]))
        return event

    def media_event(self, kind: str, text: str = "", *, base: str | None = None) -> Event:
        name, attachments = media(kind, base or self.server.url)
        message = {"msg_id": self.message_id(), "attachments": attachments} | ({"text": text} if text else {})
        event = self.event(name, message)
        self._remember(1, {"album": "photo"}.get(kind, kind), message["msg_id"], text, int(event["timestamp"]))
        return event

    def follow_event(self, *, follows: bool = True, at: int | None = None) -> Event:
        at = self.server.now_ms() if at is None else at
        self.follows = follows
        if follows:
            self.last_interaction = max(self.last_interaction or 0, at)
        return {
            "app_id": self.server.app_id, "oa_id": self.server.oa_id,
            "event_name": "follow" if follows else "unfollow", "source": "oa_profile",
            "follower": {"id": self.user_id}, "user_id_by_app": f"9{self.user_id[1:]}", "timestamp": str(at),
        }  # fmt: skip

    def profile_event(self, name: str) -> Event:
        """``user_click_chatnow`` or ``user_withdraw``."""
        at = self.server.now_ms()
        if name == "user_click_chatnow":
            self.last_interaction = at
        return {
            "app_id": self.server.app_id, "oa_id": self.server.oa_id, "event_name": name, "user_id": self.user_id,
            "user_id_by_app": f"9{self.user_id[1:]}", "timestamp": str(at),
        }  # fmt: skip

    def info_event(
        self, *, old_form: bool = False, name: str | None = None, phone: str = "84901234567", ward: str = "Phường Mẫu",
        city: str = "Tỉnh Mẫu",
    ) -> Event:  # fmt: skip
        """What the person fills into Zalo's form for name and phone number."""
        info: dict[str, Any] = {"name": name or self.name, "phone": phone}
        if old_form:
            info |= {"phone": int(phone), "address": "Số 1", "city": city, "district": "", "ward": ward}
        else:
            info |= {"user_dob": "01/02/1990", "gender": "Nam", "full_address": {
                "user_city": city, "user_ward": ward, "user_address": "Số 1"}}  # fmt: skip
        event = self.event("user_submit_info")
        event["info"] = info
        self.shared_info = info
        return event

    def other_event(self, name: str) -> Event:
        """Any event of section 9.8, in the shape its kind has."""
        event: Event = {"app_id": self.server.app_id, "event_name": name, "timestamp": str(self.server.now_ms())}
        if name.endswith("_tag") or "_tag_" in name or "user_to_tag" in name or "user_from_tag" in name:
            return event | {"oa_id": self.server.oa_id, "tag": {"user_ids": [self.user_id], "name": "doanh-nghiep"}}
        if "group" in name or name.startswith("user_out"):
            return event | {"oa_id": self.server.oa_id, "group_id": "g1", "sender": {"id": self.user_id},
                            "message": {"text": "Nhóm nói chuyện", "msg_id": self.message_id()}}  # fmt: skip
        if "anonymous" in name:
            parties = [{"id": "anonymous-1"}, {"id": self.server.oa_id}]
            sender, recipient = parties[::-1] if name.startswith("oa_") else parties
            message = {"text": "Khách vãng lai", "msg_id": self.message_id(), "conversation_id": "c1"}
            return event | {"sender": sender, "recipient": recipient, "message": message}
        parties = [{"id": self.user_id}, {"id": self.server.oa_id}]
        sender, recipient = parties[::-1] if name.startswith("oa_") else parties
        return event | {"sender": sender, "recipient": recipient, "oa_id": self.server.oa_id,
                        "message": {"msg_id": self.message_id(), "react_icon": "/-heart"}}  # fmt: skip

    def reaction_event(self, message_id: str) -> Event:
        return self.event("user_reacted_message", {"msg_id": message_id, "react_icon": "/-heart"})

    def receipt_event(self, message_id: str, *, seen: bool) -> Event:
        """Delivered or seen; who is sender and who recipient is one of the server's doubts."""
        name = "user_seen_message" if seen else "user_received_message"
        message: dict[str, Any] = {"msg_ids": [message_id]} if seen else {"msg_id": message_id}
        event = self.event(name, message)
        if self.server.receipts_from_oa:
            event["sender"], event["recipient"] = event["recipient"], event["sender"]
        return event

    def echo_event(self, message: dict[str, Any], message_id: str, *, admin_id: str | None = None) -> Event:
        """What Zalo tells about a message of the Official Account: by API, or by an officer in the console."""
        attachment = message.get("attachment", {})
        name = "oa_send_file" if attachment.get("type") == "file" else "oa_send_text"
        kinds = {"media": "oa_send_image", "list": "oa_send_list"}
        name = kinds.get(attachment.get("payload", {}).get("template_type", ""), name)
        sender = {"id": self.server.oa_id} | ({"admin_id": admin_id} if admin_id else {})
        return {
            "app_id": self.server.app_id, "user_id_by_app": f"9{self.user_id[1:]}", "event_name": name,
            "sender": sender, "recipient": {"id": self.user_id},
            "message": {"text": message.get("text", ""), "msg_id": message_id},
            "timestamp": str(self.server.now_ms()),
        }  # fmt: skip

    # -- doing ----------------------------------------------------------------------------------------------------

    async def says(self, text: str, **options: Any) -> int:
        """Write a text; the status the webhook answered."""
        return await self.server.deliver(self.text_event(text, **options))

    async def sends(self, kind: str, text: str = "") -> int:
        return await self.server.deliver(self.media_event(kind, text))

    async def taps(self, title: str) -> int:
        """Tap a button of the newest message that has it: Zalo sends its payload as a text."""
        for message in reversed(self.messages):
            for button in buttons_of(message["message"]):
                if button["title"] == title:
                    return await self.says(str(button["payload"]))
        raise AssertionError(f"no button «{title}»")

    async def console_answers(self, text: str) -> int:
        """An officer answers in the console of the Official Account."""
        message_id = self.server.new_message_id()
        self._remember(0, "text", message_id, text, self.server.now_ms())
        return await self.server.deliver(self.echo_event({"text": text}, message_id, admin_id="6600550044003300220"))

    def received(self, message: dict[str, Any], message_id: str, quota: dict[str, Any] | None) -> None:
        """The Official Account wrote."""
        now = self.server.now_ms()
        self.messages.append({"message": message, "message_id": message_id, "at": now, "quota": quota})
        self._remember(0, "text", message_id, message.get("text", ""), now)

    def _remember(self, src: int, kind: str, message_id: str, text: str, at: int) -> None:
        oa, user = self.server.oa_id, self.user_id
        if not self.server.same_ids:
            message_id = f"x{message_id}"
        self.history.append({
            "src": src, "time": at, "type": kind, "message": text, "message_id": message_id,
            "from_id": user if src else oa, "to_id": oa if src else user, "from_display_name": self.name,
        })  # fmt: skip

    @property
    def texts(self) -> list[str]:
        """The texts the Official Account sent, in order."""
        return [message["message"].get("text", "") for message in self.messages]


def buttons_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The buttons below a message."""
    return list(message.get("attachment", {}).get("payload", {}).get("buttons", []))
