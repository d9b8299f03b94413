"""The page of `browser.call`: its files, how they are served, and who may call from which page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from html import escape
from importlib.resources import files
from urllib.parse import SplitResult, urlsplit

import msgspec

from voicegraph.serve.doors import Answer, Page, Request, Socket

SOCKET = "/browser"
ABOUT = "/browser/about"
"""Whether a call can be taken now: browsers do not tell a page why its WebSocket was refused."""
INDEX = "index.html"
MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
HEADERS = {
    # only our own files, no inline script or style, in nobody's frame
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
}
_PORTS = {"http": 80, "https": 443}


def doors(title: str, origins: Collection[str]) -> Sequence[Page | Socket]:
    """The page at `/`, its files beside the socket, and the socket. See BrowserCall for the arguments."""
    names = sorted(entry.name for entry in files("voicegraph").joinpath("web").iterdir())
    rest = [name for name in names if name != INDEX and name.rpartition(".")[2] in MEDIA_TYPES]
    return [
        Page("/", _file(INDEX, title)),
        Socket(SOCKET, lambda request: refusal(request, origins)),
        Page(ABOUT, _about),
        *(Page(f"{SOCKET}/{name}", _file(name, title)) for name in rest),
    ]


def refusal(request: Request, origins: Collection[str]) -> str | None:
    """Why a handshake is refused: a foreign page could otherwise use its visitors' browsers to call here.

    Only browsers send an `Origin`, and they always do; what sends none is not one, and is refused too.
    """
    origin = request.headers.get("origin", "")
    if origin in origins:
        return None
    try:
        page = urlsplit(origin)
        own = urlsplit(f"{page.scheme}://{request.headers.get('host', '')}")  # a proxy may have taken TLS off
        same = page.hostname and (page.hostname, _port(page)) == (own.hostname, _port(own))
    except ValueError:  # no address
        same = False
    return None if same else "origin"


def _port(url: SplitResult) -> int | None:
    return url.port or _PORTS.get(url.scheme)


def _file(name: str, title: str) -> Callable[[Request, bool], Awaitable[Answer]]:
    body = files("voicegraph").joinpath("web", name).read_bytes()
    if name == INDEX:
        body = body.replace(b"{{title}}", escape(title).encode())
    answer = Answer(200, body, MEDIA_TYPES[name.rpartition(".")[2]], HEADERS)

    async def give(request: Request, free: bool) -> Answer:
        return answer

    return give


async def _about(request: Request, free: bool) -> Answer:
    return Answer(200, msgspec.json.encode({"free": free}), "application/json", HEADERS | {"cache-control": "no-store"})
