"""The public pages: the web chat, its embeddable frame and script, the privacy notice; the headers of every page."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from handlers.context import TurnContext
from handlers.dialogue import privacy_notice

if TYPE_CHECKING:
    from bot.app import Service

TEMPLATES = Path(__file__).with_name("templates")
STATIC = Path(__file__).with_name("static")
YEAR_S = 365 * 24 * 3600


class SecurityHeaders:
    """Strict headers on every response. Only the chat frame may be embedded, and only by ``WIDGET_ORIGINS``."""

    def __init__(self, app: ASGIApp, widget_origins: tuple[str, ...]) -> None:
        self._app = app
        self._ancestors = " ".join(widget_origins) or "'none'"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers to the response's start."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        ancestors = self._ancestors if scope["path"] == "/widget" else "'none'"

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault(
                    "Content-Security-Policy",
                    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
                    f"frame-ancestors {ancestors}",
                )
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Referrer-Policy", "same-origin")
                headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
                if ancestors == "'none'":
                    headers.setdefault("X-Frame-Options", "DENY")
            await send(message)

        await self._app(scope, receive, with_headers)


class VersionedFiles(StaticFiles):
    """Files below an address that names their content: a browser keeps them and never asks again."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file, to be kept for a year."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = f"public, max-age={YEAR_S}, immutable"
        return response


def content_version(folder: Path) -> str:
    """A short name for the present content of all files of ``folder``."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file():
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


class PageRoutes:
    """The pages a person opens in a browser."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._assets = f"/static/{content_version(STATIC)}"
        self._templates = Environment(
            loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True, auto_reload=False,
        )  # fmt: skip
        self._templates.globals |= {"assets": self._assets}

    def routes(self) -> list[BaseRoute]:
        """All public pages, and the files they need."""
        return [
            Route("/", self.chat, methods=["GET"]),
            Route("/widget", self.widget, methods=["GET"]),
            Route("/widget.js", self.widget_script, methods=["GET"]),
            Route("/rieng-tu", self.privacy, methods=["GET"]),
            Mount(self._assets, VersionedFiles(directory=STATIC)),
        ]

    def page(self, template: str, status: int = 200, **values: object) -> Response:
        """A page made from a template."""
        html = self._templates.get_template(template).render({"department": self._service.department, **values})
        return HTMLResponse(html, status, headers={"Cache-Control": "no-cache"})

    async def chat(self, request: Request) -> Response:
        """The web chat."""
        del request
        return self.page("chat.html", framed=False)

    async def widget(self, request: Request) -> Response:
        """The web chat inside a frame of another site."""
        del request
        return self.page("chat.html", framed=True)

    async def widget_script(self, request: Request) -> Response:
        """What a site adds to show the round button and the frame."""
        del request
        script = self._templates.get_template("widget.js").render(department=self._service.department)
        return Response(script, media_type="text/javascript", headers={"Cache-Control": "public, max-age=300"})

    async def privacy(self, request: Request) -> Response:
        """How what people write is kept, in the same words as in the chat."""
        del request
        service = self._service
        context = TurnContext(
            understander=service.store.understander, department=service.department, now=dt.datetime.now(dt.UTC),
            turn_key="", retention_days=service.settings.retention_days,
        )  # fmt: skip
        lines = [line for line in privacy_notice(context).splitlines() if line.strip()]
        return self.page("privacy.html", lines=lines)

    async def not_found(self, request: Request, error: Exception) -> Response:
        """A page for people, one word for programs."""
        del error
        if "text/html" in request.headers.get("accept", ""):
            return self.page("not_found.html", status=404)
        return PlainTextResponse("not found", 404)
