"""`python -m ...calls_voicegraph PORT WATCH [WIRE]`: an agent on `twilio.call`, until SIGTERM.

With WIRE it writes there how long it took, in ms: a message that came in to reach the first node as a frame, and an
interrupt to become a `clear` on the socket.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

from loguru import logger

from benchmarks.contenders.calls_shape import HEARS_AT, SPEAKS_AT, Caller, arguments, beeps, watch
from voicegraph import Audio, Interrupt, Sentence, TTSAudio, UserTurn, node
from voicegraph.graph import compile_plan, loads
from voicegraph.phrases import in_memory
from voicegraph.ports import Rate
from voicegraph.serve.app import App
from voicegraph.serve.connection import WebConnection
from voicegraph.serve.limits import Limits
from voicegraph.serve.server import Server, configuration, listen
from voicegraph.transports.twilio import TwilioCall

GRAPH = """
nodes:
  line: {use: twilio.call, with: {public_url: "https://agent.example.com", unsigned: true}}
  hear: calls.hear
  llm: calls.llm
  tts: calls.tts
flow: line -> hear -> llm -> tts -> line
"""
logger.remove()
wire: dict[str, list[float]] = {"in": [], "clear": []}
received: dict[Any, float] = {}
decided: dict[Any, float] = {}


@node("calls.hear")
class Hear:
    """Interrupts when the caller begins to speak, and opens a turn when they are done."""

    def __post_init__(self) -> None:
        self._caller = Caller()

    def hear(self, audio: Annotated[Audio, Rate(HEARS_AT)]) -> Iterator[Interrupt | UserTurn]:
        task = asyncio.current_task()
        if WIRE and (at := received.pop(task, None)):
            wire["in"].append((perf_counter() - at) * 1000)
        match self._caller.hear(audio.pcm):
            case "started":
                if WIRE:
                    decided[task] = perf_counter()
                yield Interrupt("barge-in")
            case "stopped":
                yield UserTurn("Go on.")
            case _:
                pass


@node("calls.llm")
class LLM:
    """One sentence."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Sentence]:
        yield Sentence("Beep.")


@node("calls.tts")
class TTS:
    """Beeps."""

    async def on_sentence(self, sentence: Sentence) -> AsyncIterator[Annotated[TTSAudio, Rate(SPEAKS_AT)]]:
        async for pcm in beeps():
            yield TTSAudio(pcm, SPEAKS_AT, "Beep.")


def measure_wire() -> None:
    """Notes when a message came in, in the task that handles it; and when the `clear` it leads to is on the socket."""
    receive, send, clear = WebConnection.receive, WebConnection.send, TwilioCall.clear
    under_way: dict[Any, float] = {}

    async def received_at(self: WebConnection) -> str | bytes:
        message = await receive(self)
        received[asyncio.current_task()] = perf_counter()
        return message

    def cleared(self: TwilioCall) -> None:
        if at := decided.pop(asyncio.current_task(), None):  # the line is told in the step of the decision
            under_way[self._connection] = at
        clear(self)

    async def sent_at(self: WebConnection, message: str | bytes) -> None:
        await send(self, message)
        if isinstance(message, str) and '"clear"' in message and (at := under_way.pop(self, None)):
            wire["clear"].append((perf_counter() - at) * 1000)

    WebConnection.receive = received_at  # type: ignore[method-assign]
    WebConnection.send = sent_at  # type: ignore[method-assign]
    TwilioCall.clear = cleared  # type: ignore[method-assign]


async def beside(_: App) -> None:
    await watch(arguments()[1])


WIRE = Path(sys.argv[3]) if len(sys.argv) > 3 else None


def main() -> None:
    limits = Limits(max_calls=10_000, max_lag=60.0, drain=1.0)
    if WIRE:
        measure_wire()
    app = App(compile_plan(loads(GRAPH)), limits=limits, phrases=in_memory(), beside=beside)
    Server(configuration(app, limits)).run(sockets=[listen("127.0.0.1", arguments()[0])])
    if WIRE:
        WIRE.write_text(json.dumps(wire))


if __name__ == "__main__":
    main()
