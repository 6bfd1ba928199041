"""One card a channel: how it is doing, the switch, and for the Official Account its tokens."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from db.models import SwitchMode
from db.queries import channels as queries
from db.queries import operations, turns
from desk.change import required
from desk.errors import FieldMissing
from staff.access import Console, Page, Right, Visit
from staff.forms import FormFault, Typed
from staff.questions import KNOWN_CHANNELS
from staff.texts import name_of, names_of, word

CHANNELS_PATH = "/staff/kenh"
NOTICE_LIMIT = 600
TOKEN_LIMIT = 4000
LATELY = dt.timedelta(days=7)


@dataclass(frozen=True)
class Card:
    """Everything about one channel."""

    name: str
    is_configured: bool
    mode: SwitchMode
    notice: str
    switched_at: dt.datetime | None
    seen: turns.ChannelOverview
    troubles: queries.ChannelTroubles
    alerts: list[Row[Any]]

    @property
    def is_failing(self) -> bool:
        """Whether the last thing that happened was an error."""
        seen = self.seen
        failed = seen.last_error_at is not None
        return self.is_configured and failed and (seen.last_sent_at is None or seen.last_error_at > seen.last_sent_at)  # type: ignore[operator]

    @property
    def state(self) -> str:
        """The word on the card: ``on``, ``paused``, ``off``, ``missing`` or ``failing``."""
        if not self.is_configured:
            return "missing"
        if self.mode is not SwitchMode.ON:
            return self.mode.value
        return "failing" if self.is_failing else "on"


def read_cards(
    connection: Connection, *, department_id: int, channels: tuple[str, ...], now: dt.datetime
) -> list[Card]:  # fmt: skip
    """A card for every channel that is configured, was ever used, or is known to people."""
    seen = turns.channel_overviews(connection, department_id=department_id, channels=channels)
    troubles = queries.troubles(connection, department_id=department_id, since=now - LATELY)
    switches = {row.channel: row for row in queries.list_switches(connection, department_id=department_id)}
    alerts = operations.open_alerts(connection, department_id=department_id)
    cards = []
    for name in dict.fromkeys((*KNOWN_CHANNELS, *channels, *seen)):
        switch = switches.get(name)
        cards.append(
            Card(
                name, name in channels, SwitchMode(switch.mode) if switch else SwitchMode.ON,
                (switch.notice if switch else None) or "", switch.changed_at if switch else None,
                seen.get(name, turns.ChannelOverview(name)), troubles.get(name, queries.ChannelTroubles()),
                [alert for alert in alerts if alert.key.partition(":")[0] == name],
            )
        )  # fmt: skip
    return cards


async def show_channels(console: Console, request: Request, visit: Visit) -> Response:
    """Every channel."""
    return await _channels(console, visit, done=request.query_params.get("xong", ""))


async def _channels(
    console: Console, visit: Visit, *, typed: Typed | None = None, done: str = "", consent: str | None = None
) -> Response:
    now, zalo = console.now(), console.zalo

    def read(connection: Connection) -> tuple[list[Card], Row[Any] | None]:
        cards = read_cards(connection, department_id=console.department_id, channels=console.channels, now=now)
        pair = queries.zalo_pair(connection, department_id=console.department_id, oa_id=zalo.oa_id) if zalo else None
        return cards, pair

    cards, pair = await console.database.read(read)
    return await console.page(
        "channels.html", visit, status=400 if typed else 200, cards=cards, pair=pair, typed=typed or Typed(),
        done=done, consent=consent, zalo=zalo, modes=list(SwitchMode), alert_words=alert_words,
        notice_limit=NOTICE_LIMIT, lately=LATELY.days,
    )  # fmt: skip


def alert_words(alert: Row[Any]) -> str:
    """What an alert means; those of a family share their words."""
    known = names_of("alert")
    family = next((code for code in known if alert.kind.startswith(code)), None)
    return known[family] if family else name_of("alert", alert.kind)


async def switch_channel(console: Console, request: Request, visit: Visit) -> Response:
    """On, paused with a notice, or off; every process takes it over within seconds."""
    channel, form, now = str(request.path_params["channel"]), visit.form, console.now()
    known = set(names_of("channel"))
    if channel not in known:
        return await console.problem("missing", visit, status=404)
    try:
        mode, notice = _read_switch(form)
    except FormFault as fault:
        return await _channels(console, visit, typed=Typed(channel, str(fault), form))

    def write(connection: Connection) -> None:
        before = queries.set_switch(
            connection, department_id=console.department_id, channel=channel, mode=mode, notice=notice,
            staff_member_id=visit.signed_in.id, now=now,
        )  # fmt: skip
        operations.audit(
            connection, department_id=console.department_id, action="channel.switched", now=now,
            staff_member_id=visit.signed_in.id, channel=channel, before=before, mode=mode, notice=notice,
        )  # fmt: skip

    await console.database.write(write)
    return RedirectResponse(f"{CHANNELS_PATH}?xong=chuyen-kenh#kenh-{channel}", 303)


def _read_switch(form: Mapping[str, str]) -> tuple[SwitchMode, str | None]:
    """Raises FormFault."""
    try:
        mode = SwitchMode(form.get("mode", ""))
    except ValueError:
        raise FormFault("choose", label=word("field.mode")) from None
    label = word("field.notice")
    try:
        return mode, required("notice", form.get("notice"), limit=NOTICE_LIMIT)
    except FieldMissing as error:
        if error.fields["limit"]:
            raise FormFault("too_long", label=label, limit=NOTICE_LIMIT) from None
        if mode is SwitchMode.PAUSED:
            raise FormFault("missing", label=label) from None
        return mode, None


# -- the Official Account's tokens --------------------------------------------------------------------------------


async def ask_consent(console: Console, request: Request, visit: Visit) -> Response:
    """A link to Zalo's consent page, shown this once: the browser may not be sent there by a form."""
    del request
    zalo = console.zalo
    if zalo is None or not zalo.has_callback:
        return await console.problem("missing", visit, status=404)
    link = await zalo.consent_link()
    await _audit(console, visit, "channel.consent_asked")
    return await _channels(console, visit, consent=link)


async def paste_tokens(console: Console, request: Request, visit: Visit) -> Response:
    """Take in a pair an administrator copied; what was typed is never shown again."""
    del request
    zalo = console.zalo
    if zalo is None:
        return await console.problem("missing", visit, status=404)
    access, refresh = (visit.form.get(name, "").strip() for name in ("access_token", "refresh_token"))
    if not refresh or not all(map(_can_be_token, (access, refresh))):
        return await _channels(console, visit, typed=Typed("ma", word("form.token")))
    await zalo.paste(access or None, refresh)
    await _audit(console, visit, "channel.tokens_pasted")
    return RedirectResponse(f"{CHANNELS_PATH}?xong=nhan-ma#kenh-zalo", 303)


def _can_be_token(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text and len(text) < TOKEN_LIMIT


async def _audit(console: Console, visit: Visit, action: str) -> None:
    now = console.now()
    await console.database.write(
        lambda c: operations.audit(
            c, department_id=console.department_id, action=action, now=now, staff_member_id=visit.signed_in.id,
            channel="zalo",
        )
    )  # fmt: skip


PAGES = (
    Page("GET", CHANNELS_PATH, show_channels, Right.SEE_SETTINGS),
    Page("POST", CHANNELS_PATH + "/zalo/dong-y", ask_consent, Right.CONNECT_CHANNELS),
    Page("POST", CHANNELS_PATH + "/zalo/ma", paste_tokens, Right.CONNECT_CHANNELS),
    Page("POST", CHANNELS_PATH + "/{channel}", switch_channel, Right.SWITCH_CHANNELS),
)
