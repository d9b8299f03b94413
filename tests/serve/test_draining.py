"""The command, in a process of its own: SIGTERM, workers, and a graph that cannot be made ready."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.serve.served import GRAPH, HOST, IMPORTING, seconds_of_sound, until_closed


class Process(NamedTuple):
    running: subprocess.Popen[str]
    port: int

    def tell(self, number: signal.Signals) -> None:
        self.running.send_signal(number)

    def dial(self) -> connect:
        return connect(f"ws://{HOST}:{self.port}/wire/media", compression=None)

    def until(self, pattern: str) -> str:
        """Reads what it says until a line has this."""
        assert self.running.stderr is not None
        said: list[str] = []
        for line in self.running.stderr:
            said.append(line)
            if re.search(pattern, line):
                return line
        raise AssertionError("".join(said))


@contextmanager
def command(folder: Path, *options: str, ready: int = 1, code: int = 0) -> Generator[Process]:
    """ready: processes that have to say so. code: it is to exit with."""
    path = folder / "wire.yaml"
    path.write_text(IMPORTING + GRAPH)
    arguments = [sys.executable, "-m", "voicegraph", "-v", "serve", str(path), "--port", "0", "--emulate", *options]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as running:
        try:
            process = Process(running, 0)
            process = Process(running, int(process.until(r"ws://").split("/")[2].partition(":")[2]))
            for _ in range(ready):
                process.until("^ready|is ready")
            yield process
            assert running.wait(30) == code
        finally:
            running.terminate()


async def ask(process: Process, path: str) -> bytes:
    """The body of what it answers."""
    reader, writer = await asyncio.open_connection(HOST, process.port)
    writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
    said = await reader.read()
    writer.close()
    await writer.wait_closed()
    return said.partition(b"\r\n\r\n")[2]


async def ask_until(process: Process, answer: bytes) -> None:
    """Asks whether it is ready until it answers so."""
    async with asyncio.timeout(20):
        while answer not in await ask(process, "/ready"):
            pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_call_that_is_on_goes_on_and_no_new_one_is_taken(tmp_path: Path, number: signal.Signals) -> None:
    async def talk(process: Process) -> None:
        async with process.dial() as call:
            await seconds_of_sound(call, 0.1)
            process.tell(number)
            await ask_until(process, b'"why":"draining"')
            with pytest.raises(InvalidStatus, match="503"):
                await process.dial()
            await call.send("5")
            await seconds_of_sound(call, 0.3)
            await call.send("bye")
            await call.wait_closed()
            assert call.close_reason == "done"

    with command(tmp_path) as process:
        asyncio.run(talk(process))


def test_who_was_told_to_come_is_waited_for_and_taken(tmp_path: Path) -> None:
    async def talk(process: Process) -> None:
        reader, writer = await asyncio.open_connection(HOST, process.port)
        writer.write(b"POST /wire HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        assert b"come" in await reader.read()
        writer.close()
        process.tell(signal.SIGTERM)
        await ask_until(process, b'"why":"draining"')
        async with process.dial() as call:
            await seconds_of_sound(call, 0.1)
            await call.send("bye")
            await call.wait_closed()
            assert call.close_reason == "done"

    with command(tmp_path) as process:
        asyncio.run(talk(process))


def test_nobody_waits_behind_a_ctrl_c(tmp_path: Path) -> None:
    async def talk(process: Process) -> None:
        async with process.dial() as call:
            await seconds_of_sound(call, 0.1)
            process.tell(signal.SIGTERM)
            await ask_until(process, b'"why":"draining"')
            process.tell(signal.SIGINT)
            await until_closed(call)
            assert call.close_code == 1012

    with command(tmp_path, "--drain", "10m") as process:
        asyncio.run(talk(process))


def test_a_call_that_does_not_end_is_ended(tmp_path: Path) -> None:
    async def talk(process: Process) -> None:
        async with process.dial() as call:
            await seconds_of_sound(call, 0.1)
            process.tell(signal.SIGTERM)
            await until_closed(call)
            assert (call.close_code, call.close_reason) == (1012, "deadline")

    with command(tmp_path, "--drain", "10ms") as process:
        asyncio.run(talk(process))


def test_several_processes_count_together_and_end_together(tmp_path: Path) -> None:
    async def talk(process: Process) -> None:
        async with process.dial() as one, process.dial() as two:
            await seconds_of_sound(one, 0.1)
            await seconds_of_sound(two, 0.1)
            reader, writer = await asyncio.open_connection(HOST, process.port)
            writer.write(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            told = (await reader.read()).decode()
            writer.close()
            assert "voicegraph_calls 2.0" in told
            assert "voicegraph_ready 2.0" in told
            process.tell(signal.SIGTERM)
            await one.send("bye")
            await two.send("bye")
            await one.wait_closed()
            await two.wait_closed()
            assert (one.close_reason, two.close_reason) == ("done", "done")

    with command(tmp_path, "--workers", "2", ready=2) as process:
        asyncio.run(talk(process))


def test_whoever_is_asked_knows_the_calls_of_all_processes(tmp_path: Path) -> None:
    async def talk(process: Process) -> None:
        async with AsyncExitStack() as stack:
            for _ in range(10):
                await stack.enter_async_context(process.dial())
            for _ in range(4):
                told = json.loads(await ask(process, "/calls"))
                assert (len(told["calls"]), told["max_calls"]) == (10, 200)
            process.tell(signal.SIGTERM)

    with command(tmp_path, "--workers", "2", "--drain", "10ms", ready=2) as process:
        asyncio.run(talk(process))


def test_processes_whose_parent_is_killed_do_not_stay(tmp_path: Path) -> None:
    with command(tmp_path, "--workers", "2", ready=2, code=-signal.SIGKILL) as process:
        process.tell(signal.SIGKILL)
        for _ in range(2):
            process.until("draining")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_graph_that_cannot_be_made_ready(tmp_path: Path, workers: str) -> None:
    (tmp_path / "cold.py").write_text(
        "from voicegraph import Dtmf, Sentence, VoicegraphError, node\n"
        "@node('cold.answer')\n"
        "class Cold:\n"
        "    def warm(self) -> None:\n"
        "        raise VoicegraphError('the key was refused')\n"
        "    def on_key(self, key: Dtmf) -> Sentence: ...\n"
    )
    path = tmp_path / "wire.yaml"
    path.write_text((IMPORTING.replace("]", ", cold.py]") + GRAPH).replace("wire.answer", "cold.answer"))
    done = subprocess.run(
        [sys.executable, "-m", "voicegraph", "serve", str(path), "--port", "0", "--workers", workers],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "the key was refused" in done.stderr
    assert "Traceback" not in done.stderr
