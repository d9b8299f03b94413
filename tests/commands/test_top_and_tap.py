"""`voicegraph top` and `voicegraph tap`, of servers that run."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.commands.calls import Outcome, voicegraph
from tests.serve.served import HOST, Service, seconds_of_sound, serving, until_ended
from tests.serve.test_draining import Process, command
from tests.serve.test_inside import until
from voicegraph.commands import asking
from voicegraph.observe.exporting import Exports
from voicegraph.serve.guard import TOKEN


def url(server: Service) -> str:
    return f"http://{HOST}:{server.port}"


def in_a_call(server: Service, what: Coroutine[Any, Any, Outcome]) -> Outcome:
    """What comes of it while a call is on."""

    async def talk() -> Outcome:
        async with server.dial() as call:
            await seconds_of_sound(call, 0.1)
            return await what

    return asyncio.run(talk())


def test_top_once() -> None:
    with serving() as server:
        shown = in_a_call(server, asyncio.to_thread(voicegraph, "top", url(server), "--once"))
        assert shown.exit_code == 0
        assert "1 of 100 calls" in shown.stdout
        for words in ("wire.call", "tone.tts", "MB", "loop lag"):
            assert words in shown.stdout


def test_top_for_programs() -> None:
    with serving() as server:
        shown = in_a_call(server, asyncio.to_thread(voicegraph, "top", url(server), "--once", "--json"))
        (line,) = shown.stdout.splitlines()
        assert json.loads(line)["calls"][0]["line"] == "wire.call"


def test_a_tap_ends_with_its_call() -> None:
    async def talk() -> Outcome:
        calls = server.app.calls
        assert calls is not None
        async with server.dial() as call:
            await seconds_of_sound(call, 0.1)
            (live,) = calls.live.values()
            tapping = asyncio.create_task(asyncio.to_thread(voicegraph, "tap", url(server), "answer", "--words"))
            await until(lambda: bool(live.taps))
            await call.send("7")
            await seconds_of_sound(call, 0.3)
            await call.send("bye")
            return await tapping

    with serving(exports=Exports(words=True)) as server:
        shown = asyncio.run(talk())
        asyncio.run(until_ended(server, "done"))
    assert shown.exit_code == 0
    lines = [json.loads(line) for line in shown.stdout.splitlines()]
    assert [line.get("tap") for line in lines] == ["begun", None, "over"]
    assert lines[1]["text"].startswith("key 7")


def test_what_is_refused_is_told() -> None:
    with serving() as server:
        shown = in_a_call(server, asyncio.to_thread(voicegraph, "tap", url(server), "llm"))
        assert (shown.exit_code, shown.stdout) == (1, "")
        assert "graph has no node llm" in shown.stderr
        shown = in_a_call(server, asyncio.to_thread(voicegraph, "tap", url(server), "--words"))
        assert "was not started with --words" in shown.stderr


def test_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, "s3cret")
    with serving() as server:
        assert voicegraph("top", url(server), "--once").exit_code == 0
        monkeypatch.setattr(asking, "TOKEN", "ANOTHER_VARIABLE")
        shown = voicegraph("top", url(server), "--once")
        assert shown.exit_code == 1
        assert "wants a token" in shown.stderr


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("http://127.0.0.1:1", "cannot ask http://127.0.0.1:1"),
        ("127.0.0.1:1", "cannot ask http://127.0.0.1:1"),
        ("ftp://127.0.0.1", "no address of a server"),
        ("http://127.0.0.1:x", "no address"),
    ],
)
def test_an_address_where_no_server_is(address: str, told: str) -> None:
    for arguments in (("top", address, "--once"), ("tap", address)):
        shown = voicegraph(*arguments)
        assert (shown.exit_code, shown.stdout) == (1, "")
        assert told in shown.stderr
        assert "Traceback" not in shown.stderr


def test_a_server_that_is_mounted_and_one_that_is_none() -> None:
    with serving(asgi=lambda app: Starlette(routes=[Mount("/voice", app)], lifespan=app.lifespan)) as server:
        assert "0 of 100 calls" in voicegraph("top", f"{url(server)}/voice/", "--once").stdout
        shown = voicegraph("top", url(server), "--once")
        assert shown.exit_code == 1
        assert "is it the address of a `voicegraph serve`" in shown.stderr


def test_ctrl_c_ends_a_tap_in_good_order() -> None:
    def interrupted() -> tuple[int, str]:
        arguments = [sys.executable, "-m", "voicegraph", "tap", url(server)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tap:
            assert tap.stdout is not None
            assert json.loads(tap.stdout.readline())["tap"] == "begun"
            tap.send_signal(signal.SIGINT)
            _, said = tap.communicate()
        return tap.returncode, said

    async def talk() -> None:
        calls = server.app.calls
        assert calls is not None
        async with server.dial() as call:
            await seconds_of_sound(call, 0.1)
            assert await asyncio.to_thread(interrupted) == (130, "stopped\n")
            (live,) = calls.live.values()
            await until(lambda: not live.taps)
            await call.send("7")
            await seconds_of_sound(call, 0.1)

    with serving() as server:
        asyncio.run(talk())


def test_several_processes_are_shown_as_one_server(tmp_path: Path) -> None:
    async def talk(process: Process) -> None:
        address = f"http://{HOST}:{process.port}"
        calls = [await process.dial() for _ in range(6)]
        for call in calls:
            await seconds_of_sound(call, 0.1)
        shown = await asyncio.to_thread(voicegraph, "top", address, "--once", "--json")
        told = json.loads(shown.stdout)
        assert len(told["processes"]) == 2
        assert len(told["calls"]) == 6
        tapping = [
            asyncio.create_task(asyncio.to_thread(_tapped, address, call["id"]))
            for call in told["calls"]  # each of which is in one of the two, and so is who answers
        ]
        assert [await each for each in tapping] == [call["id"] for call in told["calls"]]
        for call in calls:
            await call.send("bye")
            await call.wait_closed()
        process.tell(signal.SIGTERM)

    with command(tmp_path, "--workers", "2", ready=2) as process:
        asyncio.run(talk(process))


def _tapped(address: str, call: str) -> str:
    """The call of which the first line tells."""
    with closing(asking.Server(address).lines("/tap", {"call": call})) as lines:
        told: dict[str, str] = json.loads(next(lines))
    return told["call"]
