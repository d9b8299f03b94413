"""An HTTP request, or a WebSocket's handshake, as the lines' doors see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class WebRequest:
    """See `voicegraph.serve.doors.Request`. peer: the address that it came from."""

    method: str
    url: str
    path: str
    peer: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""


def read(scope: Mapping[str, Any], body: bytes = b"") -> WebRequest:
    """From the scope of ASGI. The path is relative to where the app is mounted."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    host, port = scope.get("client") or ("", 0)
    is_form = headers.get("content-type", "").partition(";")[0].strip().lower() == FORM
    return WebRequest(
        method=scope.get("method", "GET"),
        url=_url(scope, headers.get("host", "")),
        path=path_of(scope),
        peer=f"{host}:{port}" if host else "",
        headers=headers,
        query=_pairs(scope.get("query_string", b"")),
        form=_pairs(body) if is_form else {},
        body=body,
    )


def path_of(scope: Mapping[str, Any]) -> str:
    """Behind the prefix of where the app is mounted."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", "")) or "/"


def _url(scope: Mapping[str, Any], host: str) -> str:
    if not host:
        name, port = scope.get("server") or ("localhost", None)
        host = f"{name}:{port}" if port else name
    query = scope.get("query_string", b"").decode("latin-1")
    return f"{scope['scheme']}://{host}{quote(scope['path'])}" + (f"?{query}" if query else "")


def _pairs(text: bytes) -> dict[str, str]:
    """Of a query or a form; of a name that comes twice, the first."""
    pairs: dict[str, str] = {}
    for name, value in parse_qsl(text.decode("latin-1"), keep_blank_values=True):
        pairs.setdefault(name, value)
    return pairs
