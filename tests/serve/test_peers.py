"""What the processes of one server tell each other, over real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from voicegraph.serve import peers
from voicegraph.serve.peers import Peers, Question


def test_all_that_answer_are_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "WITHIN", 0.05)
    asking, hanging, failing = asyncio.Event(), Peers(tmp_path, _never, pid=4), Peers(tmp_path, _fail, pid=5)

    async def answer(question: Question) -> AsyncGenerator[bytes]:
        asking.set()
        yield str(question["ask"]).encode()
        yield b"!"

    async def run() -> None:
        one, two, three = (Peers(tmp_path, answer, pid=pid) for pid in (1, 2, 3))
        for each in (one, two, three, hanging, failing):
            await each.start()
        dead = socket.socket(socket.AF_UNIX)
        dead.bind(str(tmp_path / "6.sock"))
        dead.close()  # its file stays, as that of a process that was killed
        assert sorted(await one.ask_all({"ask": "seen"})) == [b"", b"seen!", b"seen!"]
        await two.stop()
        assert sorted(await one.ask_all({"ask": "seen"})) == [b"", b"seen!"]
        assert asking.is_set()
        for each in (one, three, hanging, failing):
            await each.stop()

    asyncio.run(run(), debug=False)
    assert list(tmp_path.glob("[1-5].sock")) == []


def test_who_leaves_is_noticed(tmp_path: Path) -> None:
    begun, closed = asyncio.Event(), asyncio.Event()

    async def pour(question: Question) -> AsyncGenerator[bytes]:
        try:
            yield b"some"
            begun.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    async def run() -> None:
        one, two = Peers(tmp_path, pour, pid=1), Peers(tmp_path, pour, pid=2)
        await two.start()
        pieces = one.stream(2, {"ask": "tap"})
        assert await anext(pieces) == b"some"
        await begun.wait()
        await pieces.aclose()
        async with asyncio.timeout(20):
            await closed.wait()
        await two.stop()

    asyncio.run(run())


def test_a_question_that_is_none(tmp_path: Path) -> None:
    async def run() -> None:
        one = Peers(tmp_path, _never, pid=1)
        await one.start()
        for nonsense in (b"\xff\n", b"{}x\n", b"[]\n", b""):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "1.sock")
            writer.write(nonsense)
            writer.write_eof()
            assert await reader.read() == b""
            writer.close()
        await one.stop()

    asyncio.run(run())


def test_a_folder_whose_name_is_too_long_for_a_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 120)
    deep.mkdir()

    async def run() -> None:
        one = Peers(deep, _never, pid=1)
        await one.start()
        await one.stop()

    asyncio.run(run())


async def _never(question: Question) -> AsyncGenerator[bytes]:
    await asyncio.Event().wait()
    yield b""


async def _fail(question: Question) -> AsyncGenerator[bytes]:
    if question:
        raise OSError
    yield b""
