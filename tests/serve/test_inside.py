"""What a server shows of its inside, to whom, and that its calls do not notice."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.serve.served import HOST, Service, seconds_of_sound, serving, until_ended
from voicegraph.observe.exporting import Exports
from voicegraph.observe.stats import Stats
from voicegraph.serve.guard import TOKEN, refuse
from voicegraph.serve.request import WebRequest
from voicegraph.serve.tap import ROOM, TAPS

SECRET = "7-series-Ann"


def stats(server: Service) -> Stats:
    return msgspec.json.decode(server.ask("/stats").text, type=Stats)


class Watching:
    """Somebody who watches a call, over a socket of their own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.status = 0
        self._lines: list[bytes] = []
        self._rest = b""

    async def begin(self, path: str) -> None:
        self._writer.write(f"GET {path} HTTP/1.1\r\nhost: {HOST}\r\n\r\n".encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        self.status = int(head.split()[1])

    async def line(self) -> dict[str, Any]:
        """The next. Chunks of HTTP hold some lines each."""
        async with asyncio.timeout(20):
            while not self._lines:
                size = int(await self._reader.readline(), 16)
                chunk = await self._reader.readexactly(size + 2)
                self._lines = chunk[:-2].splitlines()
        told: dict[str, Any] = json.loads(self._lines.pop(0))
        return told

    async def until(self, **fields: object) -> dict[str, Any]:
        """The next line that has these."""
        while True:
            line = await self.line()
            if all(line.get(name) == value for name, value in fields.items()):
                return line


async def until(come_true: Callable[[], bool]) -> None:
    """Waits for what the server's thread does."""
    async with asyncio.timeout(20):
        while not come_true():  # noqa: ASYNC110 - there is no event in another thread's loop
            await asyncio.sleep(0.01)


@asynccontextmanager
async def watching(server: Service, path: str = "/tap") -> AsyncGenerator[Watching]:
    reader, writer = await asyncio.open_connection(HOST, server.port)
    try:
        watch = Watching(reader, writer)
        await watch.begin(path)
        yield watch
    finally:
        writer.close()


# --- how it is -------------------------------------------------------------------------------------------------------


def test_how_a_server_is() -> None:
    async def talk() -> None:
        async with server.dial("/wire/media?name=" + "Ann") as call:
            await seconds_of_sound(call, 0.2)
            told = await asyncio.to_thread(stats, server)
            (live,) = told.calls
            assert (live.graph, live.line, live.turns, live.answer) == ("graph", "wire.call", 1, None)
            assert [node.name for node in told.nodes] == ["line", "answer", "tts"]
            assert told.breakers == {"tts (tone.tts)": "closed"}
            (process,) = told.processes
            assert (process.calls, process.max_calls, process.closed) == (1, 100, None)
            assert process.memory > 1_000_000
            assert "Ann" not in msgspec.json.encode(told).decode()
            await call.send("bye")
            await call.wait_closed()

    with serving() as server:
        asyncio.run(talk())
        asyncio.run(until_ended(server, "done"))
        assert stats(server).calls == ()


def test_errors_of_calls_that_are_over_still_count() -> None:
    async def fail() -> None:
        async with server.dial() as call:
            await seconds_of_sound(call, 0.1)
            await call.send("fail")
            await call.wait_closed()

    with serving() as server:
        asyncio.run(fail())
        asyncio.run(until_ended(server, "failed"))
        assert [node.errors for node in stats(server).nodes] == [1, 0, 0]


# --- frames of a call ------------------------------------------------------------------------------------------------


def test_frames_of_a_call_without_its_words() -> None:
    async def talk() -> None:
        async with server.dial(f"/wire/media?name={SECRET}") as call:
            await seconds_of_sound(call, 0.1)
            async with watching(server) as watch:
                begun = await watch.line()
                assert watch.status == 200
                assert (begun["tap"], begun["words"]) == ("begun", False)
                await call.send(bytes(320))
                audio = await watch.until(type="Audio")
                assert (audio["node"], audio["bytes"], audio["rate"]) == ("line", 320, 8_000)
                assert (audio["seconds"], audio["position"], audio["level"]) == (0.02, 0.0, -100.0)
                await call.send("7")
                key = await watch.until(type="Dtmf")
                assert key["characters"] == 1
                assert "digit" not in key
                sentence = await watch.until(type="Sentence")
                assert (sentence["node"], sentence["turn"]) == ("answer", 2)
                assert sentence["characters"] == len(f"key 7 {SECRET}")
                assert "text" not in sentence
                sound = await watch.until(type="TTSAudio")
                assert sound["level"] > -40
                await call.send("bye")
                over = await watch.until(tap="over")
                assert over["why"] == "done"

    with serving() as server:
        asyncio.run(talk())


def test_words_for_who_asks_where_they_may_be_seen() -> None:
    async def talk() -> None:
        async with server.dial(f"/wire/media?name={SECRET}") as call:
            await seconds_of_sound(call, 0.1)
            async with watching(server, "/tap?node=answer&words=1") as watch, watching(server) as other:
                assert (await watch.line())["words"] is True
                assert (await other.line())["words"] is False
                await call.send("7")
                assert (await watch.line())["text"].startswith("key 7 7-series")
                assert "text" not in await other.until(type="Sentence")

    with serving(exports=Exports(words=True)) as server:
        asyncio.run(talk())


def test_what_cannot_be_watched() -> None:
    async def talk() -> None:
        assert await asked("/tap") == (404, "no call is on\n")
        async with server.dial() as one:
            await seconds_of_sound(one, 0.1)
            assert server.app.calls is not None
            (first,) = server.app.calls.live
            assert await asked("/tap?call=nobody") == (404, f"no call nobody is on. Calls that are on: {first}\n")
            assert await asked("/tap?node=llm") == (404, "graph has no node llm; it has line, answer, tts, tts~8000\n")
            status, why = await asked("/tap?words=1")
            assert (status, "--words" in why) == (403, True)
            assert (await asyncio.to_thread(server.ask, "/tap", "HEAD")).status == 405
            async with server.dial() as two:
                await seconds_of_sound(two, 0.1)
                status, why = await asked("/tap")
                assert (status, "choose one with --call" in why) == (409, True)
                async with watching(server, f"/tap?call={first}") as watch:
                    assert (await watch.line())["call"] == first

    async def asked(path: str) -> tuple[int, str]:
        return await asyncio.to_thread(server.ask, path)

    with serving() as server:
        asyncio.run(talk())


def test_watchers_come_and_go() -> None:
    async def talk() -> None:
        async with server.dial() as call:
            await seconds_of_sound(call, 0.1)
            assert server.app.calls is not None
            (live,) = server.app.calls.live.values()
            before = len(live.session.taps)
            for _ in range(2 * TAPS):
                async with watching(server) as watch:
                    await watch.line()
                    assert len(live.session.taps) == before + 1
                await until(lambda: not live.taps)
            assert len(live.session.taps) == before
            watchers = [watching(server) for _ in range(TAPS)]
            for each in watchers:
                assert (await each.__aenter__()).status == 200
            assert (await asyncio.to_thread(server.ask, "/tap")).status == 503
            for each in watchers:
                await each.__aexit__(None, None, None)

    with serving() as server:
        asyncio.run(talk())


def test_what_a_watcher_does_not_take_is_dropped_and_told() -> None:
    async def talk() -> None:
        async with server.dial() as call:
            await seconds_of_sound(call, 0.1)
            assert server.app.calls is not None
            (live,) = server.app.calls.live.values()
            async with watching(server, "/tap?node=line") as watch:
                await watch.line()
                (tap,) = live.taps
                frame = await first_frame(call, watch)
                for _ in range(ROOM + 5):
                    tap.given("line", frame)
                    tap.given("tts", frame)  # which is not watched
                assert (await watch.until(tap="dropped"))["frames"] >= 5

    async def first_frame(call: Any, watch: Watching) -> Any:
        from voicegraph.frames import Dtmf

        await call.send("5")
        await watch.until(type="Dtmf")
        return Dtmf("5", born=0.0)

    with serving() as server:
        asyncio.run(talk())


# --- to whom ---------------------------------------------------------------------------------------------------------


def request(peer: str = "127.0.0.1:9", host: str = "localhost:8080", **headers: str) -> WebRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return WebRequest("GET", "", "/tap", peer, {"host": host, **named}, {})


@pytest.mark.parametrize(
    "asked",
    [
        request(peer="10.0.0.7:9"),
        request(peer=""),
        request(host="desk.example"),
        request(host="127.0.0.1.desk.example"),
        request(host=""),
        request(x_forwarded_for="10.0.0.7"),
        request(forwarded="for=10.0.0.7"),
        request(via="1.1 proxy"),
    ],
)
def test_frames_are_for_this_machine_only(asked: WebRequest) -> None:
    assert refuse(asked, near=True, environment={}) == "elsewhere"
    assert refuse(asked, near=False, environment={}) is None


@pytest.mark.parametrize(
    "asked",
    [
        request(),
        request(host="127.0.0.1"),
        request(peer="::1:9", host="[::1]:8080"),
        request(peer="::ffff:127.0.0.1:9"),
    ],
)
def test_who_is_on_this_machine(asked: WebRequest) -> None:
    assert refuse(asked, near=True, environment={}) is None


def test_a_token_opens_from_anywhere_and_nothing_else_does() -> None:
    environment = {TOKEN: "s3cret"}
    shown = request(peer="10.0.0.7:9", host="desk.example", authorization="Bearer s3cret")
    assert refuse(shown, near=True, environment=environment) is None
    for wrong in (request(), request(authorization="Bearer s3cre"), request(authorization="Basic s3cret")):
        assert refuse(wrong, near=True, environment=environment) == "token"
        assert refuse(wrong, near=False, environment=environment) == "token"


def test_a_server_with_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, "s3cret")
    with serving() as server:
        for path in ("/stats", "/tap", "/calls", "/metrics"):
            assert server.ask(path).status == 401
        for path in ("/health", "/ready"):
            assert server.ask(path).status == 200
        connection = http.client.HTTPConnection(HOST, server.port, timeout=20)
        connection.request("GET", "/stats", headers={"authorization": "Bearer s3cret"})
        assert connection.getresponse().status == 200
        connection.close()
        assert server.count("voicegraph_refused_total", why="token") == 4


# --- spans of its calls ----------------------------------------------------------------------------------------------


def test_spans_of_a_served_call(tmp_path: Path) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"

    async def talk() -> None:
        header = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
        async with server.dial(f"/wire/media?name={SECRET}", additional_headers=header) as call:
            await seconds_of_sound(call, 0.1)
            await call.send("bye")
            await call.wait_closed()

    with serving(exports=Exports(spans=tmp_path / "spans.jsonl")) as server:
        asyncio.run(talk())
        asyncio.run(until_ended(server, "done"))
    lines = [json.loads(line) for line in (tmp_path / "spans.jsonl").read_text().splitlines()]
    assert lines[-1]["name"] == "call graph"
    assert lines[-1]["kind"] == "server"
    assert lines[-1]["attributes"]["voicegraph.call.end"] == "done"
    assert {line["trace"] for line in lines} == {trace}
    assert SECRET not in (tmp_path / "spans.jsonl").read_text()
