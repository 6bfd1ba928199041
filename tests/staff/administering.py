"""What belongs into the forms of the administration pages, for the table over all routes."""

from __future__ import annotations

from tests.harness import Running
from tests.staff.driver import sql

SETTINGS = {
    "zalo_app_id": "111", "zalo_app_secret": "app", "zalo_oa_id": "222", "zalo_oa_secret": "oa",
    "zalo_api_url": "http://127.0.0.1:9", "zalo_oauth_url": "http://127.0.0.1:9", "public_url": "http://khcn.example",
}  # fmt: skip
# they answer with a page that is not to be come back to: it shows a link
SHOWS_ONCE = {"/staff/can-bo", "/staff/can-bo/{member_id:int}/lien-ket", "/staff/kenh/zalo/dong-y"}
PLACES = {"{member_id:int}": "1", "{unit_id:int}": "1", "{outbox_id:int}": "1", "{channel}": "web"}

AMOUNTS = {
    f"{name}-{part}": value
    for name in ("accept", "first_reply", "low", "normal", "high", "urgent", "topic")
    for part, value in (("amount", "3"), ("unit", "days"))
}
WEEK = {
    f"{day}-sang-{end}": at
    for day in ("mon", "tue", "wed", "thu", "fri")
    for end, at in (("tu", "07:00"), ("den", "11:00"))
}


async def fields_for(running: Running, path: str) -> dict[str, str]:
    """The fields of the form at ``path``; what it is about is made first."""
    if not path.startswith(("/staff/can-bo", "/staff/don-vi", "/staff/phan-viec", "/staff/thoi-han", "/staff/lich",
                            "/staff/ho-so", "/staff/kenh", "/staff/chua-gui")):  # fmt: skip
        return {}
    if path.startswith("/staff/chua-gui"):
        await sql(running.database, "UPDATE outbox_messages SET status = 'undeliverable', error = 'x: y'")
    return {
        "login": "moi", "name": "Tên mới", "role": "officer", "short_name": "Sở", "version": "1",
        "province": "ben-tre" if path == "/staff/ho-so" else "", "mode": "paused", "notice": "Tạm nghỉ ạ.",
        "refresh_token": "r" * 40, "day": "2026-12-31", "kind": "off", "document": "123/UBND", **AMOUNTS, **WEEK,
    }  # fmt: skip
