"""The public pages: the web chat, its embeddable frame and script, the privacy notice; the headers of every page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from bot.app import Service

TEMPLATES = Path(__file__).with_name("templates")


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


class PageRoutes:
    """The pages a person opens in a browser."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def routes(self) -> list[Route]:
        """All public pages."""
        return [Route("/", self.chat, methods=["GET"])]

    async def chat(self, request: Request) -> Response:
        """The web chat."""
        del request
        return FileResponse(TEMPLATES / "chat.html")
