"""ZBS template messages (formerly ZNS) of the fake: sections 10 and 13.6 of the reference.

The assistant sends none; what it must bear are the events that come to its webhook about them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.fakes.zalo_people import Event, ZaloUser
from tests.fakes.zalo_rules import Refused

PHONE = re.compile(r"\+?84\d{9}")
TRACKING_LIMIT = 48
FROM_ZBS = {"X-ZEvent-Server": "ZNS"}
STATES = {"unreachable": -114, "no_account": -118, "refuses_kind": -139, "refuses_oa": -141}


@dataclass
class Template:
    """A template and the parameters it takes: name to longest length."""

    template_id: str
    name: str
    params: dict[str, int]
    status: str = "ENABLE"
    tag: int = 1
    quality: str = "HIGH"
    price: int = 200
    by_user: bool = True


@dataclass
class SentTemplate:
    """A template message under way to ``to``: a phone number, its hash, or a user id."""

    message_id: str
    to: str
    tracking_id: str
    data: dict[str, Any] = field(default_factory=dict)
    delivered: bool = False


class ZaloZbs:
    """Templates, sending by phone, hashed phone and user id, quota, status, events."""

    app_id: str
    oa_id: str
    people: dict[str, ZaloUser]
    now_ms: Callable[[], int]
    new_message_id: Callable[[], str]
    authorise: Callable[[web.Request], None]
    deliver: Callable[..., Coroutine[Any, Any, int]]
    _later: Callable[[Any], None]

    def __init__(self) -> None:
        params = {"customer_name": 30, "code": 30, "status": 30}
        self.templates = {"512340": Template("512340", "Trạng thái hồ sơ", params)}
        self.template_messages: list[SentTemplate] = []
        self.administrators = {"84901234567"}
        self.phones: dict[str, str] = {}  # phone to one of STATES
        self.daily_quota, self.balance = 5000, 1_000_000
        self.night = False

    def zbs_routes(self, router: web.UrlDispatcher) -> None:
        for path in ("/message/template", "/message/template/hashphone", "/v3.0/oa/message/template",
                     "/template/create"):  # fmt: skip
            router.add_post(path, self._zbs)
        for path in ("/template/all", "/template/info/v2", "/message/status", "/message/quota", "/quality",
                     "/message/template-tag"):  # fmt: skip
            router.add_get(path, self._zbs)

    async def _zbs(self, request: web.Request) -> web.StreamResponse:
        by_user = request.path.startswith("/v3.0/")
        try:
            try:
                self.authorise(request)
            except Refused as refused:  # the same trouble has another number on this host
                raise refused if by_user else Refused(-124, refused.message) from None
            body = await _json(request) if request.method == "POST" else dict(request.query)
            answer: dict[str, Any] = {"error": 0, "message": "Success", "data": self._zbs_answer(request.path, body)}
        except Refused as refused:
            answer = {"error": refused.code, "message": refused.message}
        return web.json_response(answer)

    def _zbs_answer(self, path: str, body: dict[str, Any]) -> Any:
        match path:
            case "/message/template":
                phone = str(body.get("phone", ""))
                if not PHONE.fullmatch(phone):
                    raise Refused(-108, "phone number is invalid")
                return self._send_template(phone.removeprefix("+"), body)
            case "/message/template/hashphone":
                if not re.fullmatch(r"[0-9a-f]{64}", str(body.get("hash_phone", ""))):
                    raise Refused(-108, "hash_phone is invalid")
                return self._send_template(body["hash_phone"], body)
            case "/v3.0/oa/message/template":
                return self._send_by_user(body)
            case "/template/create":
                return self._create(body)
            case "/template/all":
                return [{"templateId": one.template_id, "templateName": one.name, "status": one.status,
                         "templateQuality": one.quality} for one in self.templates.values()]  # fmt: skip
            case "/template/info/v2":
                return self._info(self._template(body.get("template_id"), any_status=True))
            case "/message/status":
                sent = [one for one in self.template_messages if one.message_id == body.get("message_id")]
                status = -1 if not sent else int(sent[0].delivered)
                return {"status": status, "message": "", "delivery_time": str(self.now_ms()) if status == 1 else ""}
            case "/message/quota":
                return {"dailyQuota": "5000", "remainingQuota": str(self.daily_quota)}
            case "/quality":
                return {"oaCurrentQuality": "HIGH", "oa7dayQuality": "HIGH"}
            case _:
                return ["TRANSACTION", "CUSTOMER_CARE"]

    def _template(self, template_id: Any, *, any_status: bool = False) -> Template:
        template = self.templates.get(str(template_id))
        if template is None:
            raise Refused(-109, "template id is invalid")
        if template.status != "ENABLE" and not any_status:
            raise Refused(-146 if template.status == "DISABLE" else -131, "template is not enabled")
        return template

    @staticmethod
    def _info(template: Template) -> dict[str, Any]:
        return {
            "templateId": template.template_id, "templateName": template.name, "status": template.status,
            "templateTag": template.tag, "price_sdt": str(template.price), "price_uid": str(template.price // 2),
            "listButtons": [], "listParams": [
                {"name": name, "require": True, "type": "STRING", "maxLength": longest, "minLength": 1}
                for name, longest in template.params.items()
            ],
        }  # fmt: skip

    @staticmethod
    def _check_data(template: Template, data: Any) -> None:
        if not isinstance(data, dict) or not data:
            raise Refused(-111, "template_data is empty")
        for name, longest in template.params.items():
            if name not in data:
                raise Refused(-1122, f"{name} is missing")
            if not isinstance(data[name], str):
                raise Refused(-112, f"{name} has a wrong type")
            if not data[name].strip():
                raise Refused(-1124, f"{name} has a bad format")
            if len(data[name]) > longest:
                raise Refused(-1121, f"{name} is longer than {longest}")

    def _charge(self, price: int) -> None:
        if self.daily_quota <= 0:
            raise Refused(-144, "daily quota is used up")
        if self.balance < price:
            raise Refused(-115, "out of balance")
        if self.night:
            raise Refused(-133, "not between 22:00 and 06:00")
        self.daily_quota, self.balance = self.daily_quota - 1, self.balance - price

    def _send_template(self, to: str, body: dict[str, Any]) -> dict[str, Any]:
        template = self._template(body.get("template_id"))
        self._check_data(template, body.get("template_data"))
        tracking_id = body.get("tracking_id")
        if not isinstance(tracking_id, str) or not 0 < len(tracking_id) <= TRACKING_LIMIT:
            raise Refused(-1124, "tracking_id has a bad format")
        for phone, state in self.phones.items():
            if to in (phone, hashlib.sha256(phone.encode()).hexdigest()):
                raise Refused(STATES[state], f"person {state}")
        if body.get("mode") == "development":
            if to not in self.administrators:
                raise Refused(-127, "only administrators get messages of the development mode")
        else:
            self._charge(template.price)
        sent = self._under_way(to, tracking_id, body["template_data"])
        return {"msg_id": sent.message_id, "sent_time": str(self.now_ms()), "sending_mode": "1",
                "quota": {"dailyQuota": "5000", "remainingQuota": str(self.daily_quota)}}  # fmt: skip

    def _send_by_user(self, body: dict[str, Any]) -> dict[str, Any]:
        user = self.people.get(str(body.get("user_id")))
        if user is None:
            raise Refused(-213, "User has not followed OA")
        template = self._template(body.get("template_id"))
        if not template.by_user:
            raise Refused(-249, "template cannot be sent by user id")
        self._check_data(template, body.get("template_data"))
        self._charge(template.price // 2)
        sent = self._under_way(user.user_id, str(body.get("tracking_id", "")), body["template_data"])
        quota = {"quota_type": "purchase_quota", "remain": self.balance}
        return {"message_id": sent.message_id, "user_id": user.user_id, "sent_time": str(self.now_ms()), "quota": quota}

    def _under_way(self, to: str, tracking_id: str, data: dict[str, Any]) -> SentTemplate:
        sent = SentTemplate(self.new_message_id(), to, tracking_id, data)
        self.template_messages.append(sent)
        return sent

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        name, params = str(body.get("template_name", "")), body.get("params")
        if not 10 <= len(name) <= 60 or not isinstance(params, list):
            raise Refused(-1124, "template is invalid")
        template = Template(str(600_000 + len(self.templates)), name,
                            {str(param["name"]): int(param.get("maxLength", 30)) for param in params},
                            "PENDING_REVIEW", int(body.get("template_type", 1)))  # fmt: skip
        self.templates[template.template_id] = template
        return {"template_id": template.template_id, "template_status": template.status}

    # -- events -----------------------------------------------------------------------------------------------------

    def delivery_event(self, sent: SentTemplate) -> Event:
        """The phone got it, a while before the event comes."""
        sent.delivered = True
        return {
            "app_id": self.app_id, "event_name": "user_received_message", "sender": {"id": self.oa_id},
            "recipient": {"id": sent.to}, "timestamp": str(self.now_ms()),
            "message": {"msg_id": sent.message_id, "tracking_id": sent.tracking_id,
                        "delivery_time": str(self.now_ms() - 10_000)},
        }  # fmt: skip

    def review_event(self, template_id: str, status: str, reason: str = "") -> Event:
        """Zalo reviewed a template, or disabled it."""
        template = self.templates[template_id]
        before, template.status = template.status, status
        return {
            "app_id": self.app_id, "oa_id": self.oa_id, "event_name": "change_template_status",
            "template_id": template_id, "status": {"prev_status": before, "new_status": status}, "reason": reason,
            "timestamp": str(self.now_ms()),
        }  # fmt: skip

    async def arrives(self, sent: SentTemplate) -> int:
        """Tell the webhook that a template message was delivered; its status."""
        return await self.deliver(self.delivery_event(sent), extra=FROM_ZBS)

    async def reviews(self, template_id: str, status: str, reason: str = "") -> int:
        """Review a template and tell the webhook; its status."""
        return await self.deliver(self.review_event(template_id, status, reason), extra=FROM_ZBS)


async def _json(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except json.JSONDecodeError:
        raise Refused(-111, "body is not JSON") from None
    if not isinstance(body, dict):
        raise Refused(-112, "body is no object")
    return body
