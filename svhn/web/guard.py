"""What stands before the application: who may ask, how much, how many at a time, and what every answer forbids."""

import asyncio
import time
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from svhn.web.config import WebConfig
from svhn.web.engine import Busy, Engine
from svhn.web.problems import busy, problem

# The page loads nothing from elsewhere, and nothing elsewhere may hold it in a frame or read its answers.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_READING = ("GET", "HEAD", "OPTIONS")


class Guard:
    """An ASGI middleware.

    Parameters
    ----------
    app : ASGI application
    config : WebConfig
    engine : Engine
    at_work : collection of str
        Paths whose requests need a place in the engine.
    """

    def __init__(self, app: ASGIApp, config: WebConfig, engine: Engine, at_work: Collection[str]):
        self.app, self.config, self.engine, self.at_work = app, config, engine, frozenset(at_work)
        self.hosts = {*_LOOPBACK, config.host.lower(), *(host.lower() for host in config.allow_host)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        if refusal := self._refusal(scope):
            await problem(*refusal)(scope, receive, guarded_send)
        elif scope["path"] in self.at_work and scope["method"] == "POST":
            await self._with_a_place(scope, receive, guarded_send)
        else:
            await self.app(scope, self._limited(receive), guarded_send)

    async def _with_a_place(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with self.engine.place():
                await self.app(scope, self._limited(receive), send)
        except Busy as error:
            await self._drop(receive)
            await busy(error)(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Return status and reason where a request is not listened to."""
        headers = Headers(scope=scope)
        host = _host(f"//{headers.get('host', '')}")
        if host not in self.hosts:
            return 421, "this name is not one of this server; ask for it under its own, or start it with --allow-host"
        if scope["method"] not in _READING and not _is_same_origin(headers):
            return 403, "a page of another origin may not write here; open this server's own page"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self.config.max_bytes:
            return 413, self._too_large()
        return None

    def _too_large(self) -> str:
        return f"expected at most {self.config.max_bytes:,} bytes; make the photo smaller, or raise --max-bytes"

    def _limited(self, receive: Receive) -> Receive:
        """Return what receives a request's body, but no more than is allowed, and no longer."""
        deadline, received, complete = time.monotonic() + self.config.max_seconds, 0, False

        async def limited() -> Message:
            nonlocal received, complete
            if complete:
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), max(0.0, deadline - time.monotonic()))
            except asyncio.TimeoutError as error:
                raise HTTPException(408, f"the upload took longer than {self.config.max_seconds:g} s") from error
            received += len(message.get("body", b""))
            if received > self.config.max_bytes:
                raise HTTPException(413, self._too_large())
            complete = message["type"] != "http.request" or not message.get("more_body", False)
            return message

        return limited

    async def _drop(self, receive: Receive) -> None:
        """Read and forget a body: who is cut off while sending does not see the answer."""
        limited = self._limited(receive)
        try:
            while (message := await limited())["type"] == "http.request" and message.get("more_body", False):
                pass
        except HTTPException:
            return


def _host(url: str) -> str | None:
    """Return the name of a URL's host in small letters, without the port."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _is_same_origin(headers: Headers) -> bool:
    """Tell whether a browser says that a request comes from this server's own page; programs say nothing, and may."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")
