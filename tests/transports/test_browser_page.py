"""The page as it is served: its files, its policy, and who may call."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

import voicegraph
from tests.serve.served import Service, serving
from tests.transports.page import ECHO, Peer
from voicegraph.serve.doors import Answer, Page, Socket
from voicegraph.transports.browser import BrowserCall
from voicegraph.transports.browser_page import refusal

WEB = Path(voicegraph.__file__).parent / "web"
OTHERS = ("https://www.example.com", "http://localhost:3000")


@dataclass(frozen=True)
class Asked:
    path: str = "/"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    method: str = "GET"
    url: str = "http://localhost/"
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    form: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""


def pages(**settings: str) -> dict[str, Page]:
    line = BrowserCall(**settings)  # type: ignore[arg-type]
    return {door.path: door for door in line.doors() if isinstance(door, Page)}


def get(path: str, *, free: bool = True, **settings: str) -> Answer:
    answer = pages(**settings)[path].answer(Asked(path), free)
    return asyncio.run(_done(answer))


async def _done(answer: object) -> Answer:
    made = await answer  # type: ignore[misc]
    assert isinstance(made, Answer)
    return made


def test_all_that_the_page_asks_for_is_there() -> None:
    text = get("/").body.decode()
    asked = set(re.findall(r'(?:href|src)="([^"]+)"', text))
    for script in WEB.glob("*.js"):
        asked |= {f"browser/{name}" for name in re.findall(r'from "\./([^"]+)"', script.read_text())}
        asked |= {f"browser/{name}" for name in re.findall(r'new URL\("([\w.]+)", import', script.read_text())}
    assert {f"/{path}" for path in asked} == pages().keys() - {"/"}
    assert [door.path for door in BrowserCall().doors() if isinstance(door, Socket)] == ["/browser"]


@pytest.mark.parametrize("path", sorted(pages()))
def test_every_answer_allows_our_own_files_only(path: str) -> None:
    answer = get(path)
    policy = answer.headers["content-security-policy"]
    assert answer.status == 200
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_nothing_comes_from_elsewhere() -> None:
    for file in WEB.iterdir():
        addresses = re.findall(r"(?:https?:)?//[\w.-]+\.\w+", file.read_text())
        assert set(addresses) <= {"http://www.w3.org"}, file.name


def test_the_title_is_text() -> None:
    assert "<h1>A &lt;b&gt; &amp; c</h1>" in get("/", title="A <b> & c").body.decode()


@pytest.mark.parametrize("free", [True, False])
def test_the_page_learns_whether_a_call_can_be_taken(free: bool) -> None:
    answer = get("/browser/about", free=free)
    assert json.loads(answer.body) == {"free": free}
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"origin": "http://localhost:8000", "host": "localhost:8000"}, None),
        ({"origin": "https://agent.example", "host": "agent.example"}, None),
        ({"origin": "https://agent.example", "host": "agent.example:443"}, None),
        ({"origin": "https://www.example.com", "host": "agent.example"}, None),
        ({"origin": "http://localhost:3000", "host": "localhost:8000"}, None),
        ({"origin": "http://www.example.com", "host": "agent.example"}, "origin"),
        ({"origin": "https://evil.example", "host": "agent.example"}, "origin"),
        ({"origin": "https://agent.example.evil.example", "host": "agent.example"}, "origin"),
        ({"origin": "https://agent.example:444", "host": "agent.example"}, "origin"),
        ({"origin": "null", "host": "agent.example"}, "origin"),
        ({"origin": "https://[", "host": "agent.example"}, "origin"),
        ({"origin": "https://agent.example:port", "host": "agent.example"}, "origin"),
        ({"host": "agent.example"}, "origin"),
        ({"origin": "https://agent.example"}, "origin"),
        ({}, "origin"),
    ],
)
def test_only_the_page_itself_and_the_pages_that_are_named_may_call(headers: dict[str, str], why: str | None) -> None:
    assert refusal(Asked(headers=headers), OTHERS) == why


def test_the_socket_refuses_by_the_origins_of_the_line() -> None:
    line = BrowserCall(origins=OTHERS)
    (socket,) = (door for door in line.doors() if isinstance(door, Socket))
    assert socket.refuse(Asked(headers={"origin": OTHERS[0], "host": "agent.example"})) is None
    assert socket.refuse(Asked(headers={"origin": "https://evil.example", "host": "agent.example"})) == "origin"


def test_a_foreign_page_is_refused_by_the_server() -> None:
    async def dial(service: Service, origin: str) -> bytes | str:
        async with service.dial("/browser", origin=Origin(origin)) as call:
            return await call.recv()

    with serving(ECHO) as service:
        assert json.loads(asyncio.run(dial(service, f"http://127.0.0.1:{service.port}")))["type"] == "hello"
        with pytest.raises(InvalidStatus) as refused:
            asyncio.run(dial(service, "https://evil.example"))
        assert refused.value.response.status_code == 403
        assert service.count("voicegraph_refused_total", why="origin") == 1


def test_a_peer_is_a_connection() -> None:
    BrowserCall().attach(Peer())
