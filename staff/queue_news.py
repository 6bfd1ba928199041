"""What came into the queue since a page was made: asked by the page itself, which moves nothing by itself."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from db.queries import request_queue
from staff.access import QUEUE_PATH, Console, Right, Visit
from staff.accounts import LARGEST_ID
from staff.questions import EPOCH
from staff.queue import NEWEST, SINCE, news_address, read_filter
from staff.rendering import render
from staff.texts import word

TOLD, NOTHING = "da-bao", "0-0"  # what the bar says already: filed, written


async def tell_news(console: Console, request: Request, visit: Visit) -> Response:
    """The bar with its sentence; 204 while it has nothing else to say than before."""
    member, now, given = visit.signed_in, console.now(), request.query_params
    asked = read_filter(given, member, now=now)
    newest, since = _whole(given.get(NEWEST, ""), LARGEST_ID), _whole(given.get(SINCE, ""), 10**16)
    if asked.search or newest is None or since is None:  # a search is an answer of its moment
        return Response(status_code=204)

    def read(connection: Connection) -> tuple[int, int]:
        viewer = request_queue.viewer_of(connection, member.id, sees_all=member.may(Right.SEE_ALL_REQUESTS))
        return request_queue.count_news(
            connection, viewer, asked.wanted, department_id=console.department_id, now=now, newest=newest,
            since=EPOCH + dt.timedelta(microseconds=since),
        )  # fmt: skip

    counts = await console.database.read(read)
    told = "-".join(map(str, counts))
    if told == given.get(TOLD, NOTHING):
        return Response(status_code=204)
    address = news_address(asked, newest=newest, since=since)
    return render(
        "news.html", text=_sentence(*counts), link=f"{QUEUE_PATH}?{asked.query}", news=f"{address}&{TOLD}={told}"
    )


def _sentence(filed: int, written: int) -> str:
    parts = [
        word(f"news.{key}", count=_shown(count)) for key, count in (("filed", filed), ("written", written)) if count
    ]
    return word("news.bar", news=", ".join(parts)) if parts else ""


def _shown(count: int) -> str:
    most = request_queue.COUNTED_AT_MOST
    return str(count) if count <= most else f"{most}+"


def _whole(text: str, most: int) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 17 and int(text) <= most else None
