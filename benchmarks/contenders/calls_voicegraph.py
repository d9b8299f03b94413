"""`python -m ...calls_voicegraph PORT WATCH [WIRE]`: an agent on `twilio.call`, until SIGTERM.

With WIRE it writes there, at its end, when each frame of each stream reached the first node (`nodes`, by the clock that
all processes share), how long that was after it was read from the socket, and how long after an interrupt the `clear`
was written to it (`read`, `clear`, in ms).
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

from loguru import logger

from benchmarks.contenders.calls_shape import HEARS_AT, SPEAKS_AT, Caller, arguments, beeps, watch
from voicegraph import Audio, Interrupt, Sentence, TTSAudio, UserTurn, node
from voicegraph.call import Call, this_call
from voicegraph.graph import compile_plan, loads
from voicegraph.phrases import in_memory
from voicegraph.ports import Rate
from voicegraph.serve.app import App
from voicegraph.serve.limits import Limits
from voicegraph.serve.server import Server, configuration, listen, settle
from voicegraph.serve.socket import Event, Socket
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
wire: dict[str, Any] = {"read": [], "clear": [], "nodes": defaultdict(list)}


@node("calls.hear")
class Hear:
    """Interrupts when the caller begins to speak, and opens a turn when they are done."""

    call: Call = this_call()

    def __post_init__(self) -> None:
        self._caller = Caller()

    def hear(self, audio: Annotated[Audio, Rate(HEARS_AT)]) -> Iterator[Interrupt | UserTurn]:
        if WIRE:
            note(self.call.line)
        match self._caller.hear(audio.pcm):
            case "started":
                if WIRE:
                    decided[self.call.line.phone.stream] = perf_counter()
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


decided: dict[str, float] = {}
read: dict[Socket, deque[float]] = defaultdict(deque)
"""When each message was read that waits to be taken."""
taken: dict[Any, float] = {}
"""When the one was read that a task is at."""


def note(line: TwilioCall) -> None:
    """A frame is at the first node."""
    now = perf_counter()
    wire["nodes"][line.phone.stream].append(now)
    if at := taken.pop(asyncio.current_task(), None):
        wire["read"].append((now - at) * 1000)


def measure_wire() -> None:
    data_received, take, write = Socket.data_received, Socket.take, Socket.write

    def received_at(self: Socket, data: bytes) -> None:
        now, before = perf_counter(), len(self.queue)
        data_received(self, data)
        read[self].extend([now] * (len(self.queue) - before))

    async def taken_at(self: Socket) -> Event:
        event = await take(self)
        if at := read[self]:
            taken[asyncio.current_task()] = at.popleft()
        return event

    def written_at(self: Socket, *messages: str | bytes) -> bool:
        sent = write(self, *messages)
        if isinstance(messages[0], str) and '"clear"' in messages[0]:
            stream = json.loads(messages[0])["streamSid"]
            wire["clear"].append((perf_counter() - decided.pop(stream)) * 1000)
        return sent

    Socket.data_received = received_at  # type: ignore[method-assign]
    Socket.take = taken_at  # type: ignore[method-assign]
    Socket.write = written_at  # type: ignore[method-assign]


async def beside(_: App) -> None:
    await watch(arguments()[1])


WIRE = Path(sys.argv[3]) if len(sys.argv) > 3 else None


def main() -> None:
    limits = Limits(max_calls=10_000, max_lag=60.0, drain=1.0)
    if WIRE:
        measure_wire()
    app = App(
        compile_plan(loads(GRAPH)), limits=limits, phrases=in_memory(), beside=beside, warmed=lambda error: settle()
    )
    Server(configuration(app, limits)).run(sockets=[listen("127.0.0.1", arguments()[0])])
    if WIRE:
        WIRE.write_text(json.dumps(wire))


if __name__ == "__main__":
    main()
