"""Agents that are gone, say what cannot be read, or never speak; and callers who are stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from websockets.asyncio.server import ServerConnection, serve

from tests.caller.agents import STREAM, Wire, media
from tests.caller.served import command, serving
from voicegraph.caller import load
from voicegraph.caller.dialling import LARGEST, NotConnected, Number, Over, look_up, read_twiml
from voicegraph.caller.leg import Leg
from voicegraph.caller.network import Trouble
from voicegraph.caller.phone import Phone
from voicegraph.caller.result import Result, Results, result_of
from voicegraph.caller.steps import Director, Manner, StepFailed, from_options
from voicegraph.caller.twilio import Identity, Messages
from voicegraph.caller.voices import simulated
from voicegraph.testing.virtual import run_virtual

SPOKEN = b"\x80" * 800


class Gone(Wire):
    """Nobody is there any more by the time that the first message is sent."""

    async def send(self, message: str) -> None:
        raise Over(1006, "")

    async def receive(self) -> str | bytes:
        raise Over(1006, "")


def phone_of(wire: Wire) -> Phone:
    return Phone(Leg(Messages(Identity("AC", "CA", STREAM))), wire, Trouble(), Random(1))


def director(*texts: str) -> Director:
    return Director(from_options(texts, None), simulated(), Manner(patience=2.0, deadline=5.0))


def test_an_agent_that_is_gone_at_once_ends_the_call() -> None:
    async def main() -> Phone:
        phone = phone_of(Gone())
        with pytest.raises(StepFailed, match=r"^the connection broke before the caller was done \(1006\)$"):
            await phone.run(director("Hello?"))
        return phone

    found = result_of(run_virtual(main(), seed=1), 0.0)
    assert (found.outcome, list(found.faults)) == ("lost", [31921])


def test_a_caller_who_is_stopped_hangs_up() -> None:
    async def main() -> tuple[Phone, Wire]:
        wire = Wire()
        phone = phone_of(wire)
        calling = asyncio.ensure_future(phone.run(director("Hello?")))
        await asyncio.sleep(0.5)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        return phone, wire

    phone, wire = run_virtual(main(), seed=1)
    assert [message["event"] for message in wire.sent][-1] == "stop"
    assert wire.closed
    assert result_of(phone, 0.0).outcome == "caller hung up"


def test_what_was_known_of_a_stopped_call_is_not_lost(tmp_path: Path) -> None:
    """Ctrl-C, on a real terminal's process."""

    async def main() -> tuple[str, int]:
        async with serving() as server:
            wav = tmp_path / "call.wav"
            words = [server.stream, "--voice", "simulated", "--record", str(wav), "--say", "Hello?"]
            caller = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "voicegraph", "call", *words, "--done-after", "60s"),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, "COLUMNS": "200"},
            )
            await server.called.wait()
            caller.send_signal(signal.SIGINT)
            told, _ = await caller.communicate()
            assert wav.stat().st_size >= 44
            return told.decode(), caller.returncode or 0

    told, code = asyncio.run(main())
    assert "(hangs up)" in told
    assert "At the caller's ear" in told
    assert code not in (0, 1)


BAD = [
    "ws://127.0.0.1:99999/x",
    "ws://[::bad/x",
    "http://[bad",
    "ftp://agent.example.com",
    "agent.example.com",
    "ws://",
]


@pytest.mark.parametrize("url", BAD)
def test_what_is_no_url_is_told(url: str) -> None:
    for number in (Number(url), Number("ws://127.0.0.1:9/x", at=url)):
        with pytest.raises(NotConnected, match=r"is no URL|is none of"):
            asyncio.run(look_up(number, Identity.make(Random(1))))


@pytest.mark.parametrize("url", BAD)
def test_a_url_in_twiml_that_is_none_is_told_with_its_code(url: str) -> None:
    with pytest.raises(NotConnected, match=r"31941: .*is no URL|31941: .*is none of"):
        read_twiml(f"<Response><Connect><Stream url='{url}'/></Connect></Response>", "http://a")


def test_a_redirect_to_nowhere_is_told() -> None:
    async def main(url: str) -> None:
        async with serving(twiml=f"<Response><Redirect>{url}</Redirect></Response>") as server:
            await look_up(Number(server.webhook), Identity.make(Random(1)))

    for url in ("http://[bad", "ftp://agent.example.com", "http://a:99999/"):
        with pytest.raises(NotConnected, match=r"12100: .*is no URL|12100: .*is none of"):
            asyncio.run(main(url))


def test_a_message_that_is_too_long_is_no_broken_connection() -> None:
    async def agent(socket: ServerConnection) -> None:
        await socket.send("x" * (LARGEST + 1))
        await socket.wait_closed()

    async def main() -> load.Made:
        async with serve(agent, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            plan = load.Plan(Number(f"ws://127.0.0.1:{port}/"), from_options(["Hello?"], None), simulated())
            return await load.call(plan, Random(1))

    made = asyncio.run(main())
    assert made.result.faults == {31951: 1}
    assert made.phone is not None
    assert f"more than {LARGEST} bytes" in made.phone.leg.events[0].text


def test_the_silence_before_the_first_sound_is_dead_air() -> None:
    async def late(wire: Wire) -> None:
        await asyncio.sleep(1.5)
        await wire.say(media(SPOKEN))
        while (await wire.heard())["event"] != "stop":
            pass

    async def main(agent: bool) -> float | None:
        wire = Wire()
        phone = phone_of(wire)
        answering = asyncio.ensure_future(late(wire)) if agent else None
        await phone.run(director())
        if answering:
            answering.cancel()
        return result_of(phone, 0.0).dead_air

    assert run_virtual(main(agent=True), seed=1) == pytest.approx(1.5, abs=0.02)
    assert run_virtual(main(agent=False), seed=1) == pytest.approx(2.0, abs=0.05)  # nobody said anything


def test_calls_that_never_were_are_in_no_figure() -> None:
    results = Results([Result("not connected"), Result("agent hung up", dead_air=0.5, late=0.001)])
    for name in ("dead_air", "late"):
        spread = results.spread(name)
        assert spread is not None
        assert spread["count"] == 1


def test_where_figures_cannot_be_written_is_told_before_the_call() -> None:
    result, server = command("{stream}", "--say", "Hi", "--json", "/no/such/folder/x.json")
    assert result.exit_code == 1
    assert server.starts == []


def test_nothing_is_nothing_to_say() -> None:
    result, server = command("{stream}", "--say", "Hi", "--say", " ")
    assert result.exit_code == 2
    assert "no words" in result.output
    assert server.starts == []


def test_a_webhook_that_does_not_answer_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicegraph.caller.dialling.TIMEOUT", 0.05)

    async def main() -> None:
        over = asyncio.Event()
        closed = asyncio.Event()

        async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await over.wait()
            writer.close()
            await writer.wait_closed()
            closed.set()

        async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            try:
                await look_up(Number(f"http://127.0.0.1:{port}/"), Identity.make(Random(1)))
            finally:
                over.set()
                await closed.wait()

    with pytest.raises(NotConnected, match=r"11205: .*: ReadTimeout$"):
        asyncio.run(main())
