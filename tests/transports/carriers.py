"""Carriers in memory: their side of a connection, with a playback clock, and calls on them without an engine."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, Self, TypeVar, cast

from tests.transports.quiet_call import QuietCall
from voicegraph.call import give_call
from voicegraph.frames import Frame, TTSAudio
from voicegraph.node import node_type
from voicegraph.serve.doors import Closed
from voicegraph.testing.virtual import run_virtual
from voicegraph.transports.plivo import PlivoCall
from voicegraph.transports.telnyx import TelnyxCall
from voicegraph.transports.twilio import TwilioCall

RATE = 8_000
T = TypeVar("T")
Message = dict[str, Any]


class Memory:
    """A connection whose other end is a carrier. Each message takes `delay` there, and again back.

    sent: (loop time at which it was handed over, message). closed: how we closed it. waits: nothing can be sent without
    waiting, as on some web servers.
    """

    path, peer = "/media", "192.0.2.1:1"

    def __init__(self, delay: float = 0.0) -> None:
        self.headers: Mapping[str, str] = {}
        self.query: Mapping[str, str] = {}
        self.delay = delay
        self.sent: list[tuple[float, Message]] = []
        self.closed: tuple[int, str] | None = None
        self.waits = False
        self.arrives: Callable[[Message], None] = lambda message: None
        self._inbox: asyncio.Queue[str | bytes | Closed] = asyncio.Queue()
        self._stalled_until = 0.0
        self._open = asyncio.Event()
        self._open.set()

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def receive(self) -> str | bytes:
        message = await self._inbox.get()
        if isinstance(message, Closed):
            self._inbox.put_nowait(message)
            raise message
        return message

    async def send(self, message: str | bytes) -> None:
        await self._open.wait()
        if self.closed:
            raise Closed(*self.closed)
        self._hand_over(message)

    def _hand_over(self, message: str | bytes) -> None:
        assert isinstance(message, str), "carriers take text only"
        said = json.loads(message)
        self.sent.append((self.now, said))
        at = self._stalled_until = max(self.now + self.delay, self._stalled_until)
        asyncio.get_running_loop().call_at(at, self.arrives, said)

    def send_now(self, *messages: str | bytes) -> bool:
        if self.waits or self.closed or not self._open.is_set():
            return False
        for message in messages:
            self._hand_over(message)
        return True

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.closed = self.closed or (code, reason)
        self._open.set()
        self.drop()

    def say(self, message: Message | str | bytes) -> None:
        """From the carrier."""
        text = message if isinstance(message, str | bytes) else json.dumps(message)
        asyncio.get_running_loop().call_later(self.delay, self._inbox.put_nowait, text)

    def drop(self) -> None:
        """There is no more connection."""
        self._inbox.put_nowait(Closed(1006))

    def stall(self, seconds: float) -> None:
        """The network holds back what is sent from now on."""
        self._stalled_until = self.now + seconds

    def stop_reading(self) -> None:
        """The peer reads no more: who sends has to wait."""
        self._open.clear()

    def read_on(self) -> None:
        self._open.set()

    def events(self) -> list[str]:
        return [said["event"] for _, said in self.sent]


class TwilioSide:
    """Twilio, as its pages describe it: plays what comes, and gives marks back when they are reached or flushed.

    heard: (loop time at which it began to be heard, sound). gaps: seconds of silence between two sounds.
    """

    KIND: type[Any] = TwilioCall
    second = RATE  # bytes of sound
    flushed_marks_return = True
    silence = b"\xff"

    def __init__(self, line: Memory) -> None:
        self.line = line
        self.heard: list[tuple[float, bytes]] = []
        self.marks: list[tuple[str, asyncio.TimerHandle]] = []
        self.came_back: list[tuple[float, str]] = []
        self.gaps: list[float] = []
        self.deaf = False  # it gives no marks back
        self._ends = -1.0
        line.arrives = self.arrives

    # --- the words of this carrier

    def start(self, **variables: str) -> Message:
        start = {
            "accountSid": "AC1", "streamSid": "MZ1", "callSid": "CA1", "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": variables,
        }  # fmt: skip
        return {"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": start}

    def media(self, codes: bytes, number: int = 1) -> Message:
        media = {"track": "inbound", "chunk": str(number), "timestamp": str(20 * number), "payload": _text(codes)}
        return {"event": "media", "sequenceNumber": str(number + 1), "streamSid": "MZ1", "media": media}

    def key(self, digit: str) -> Message:
        return {"event": "dtmf", "streamSid": "MZ1", "dtmf": {"track": "inbound_track", "digit": digit}}

    def mark_back(self, name: str) -> Message:
        return {"event": "mark", "sequenceNumber": "4", "streamSid": "MZ1", "mark": {"name": name}}

    def stop(self) -> Message:
        return {"event": "stop", "sequenceNumber": "5", "streamSid": "MZ1", "stop": {"accountSid": "AC1"}}

    def read(self, said: Message) -> tuple[str, str | bytes]:
        """What we said: ("media", sound), ("mark", name) or ("clear", "")."""
        assert said.pop("streamSid") == "MZ1"
        match said:
            case {"event": "media", "media": {"payload": payload, **rest}, **more} if not rest and not more:
                return "media", b64decode(payload)
            case {"event": "mark", "mark": {"name": name, **rest}, **more} if not rest and not more:
                return "mark", name
            case {"event": "clear", **more} if not more:
                return "clear", ""
            case _:
                raise AssertionError(f"Twilio ends the stream for this: {said}")

    # --- its playback

    def arrives(self, message: Message) -> None:
        kind, what = self.read(dict(message))
        now = self.line.now
        if isinstance(what, bytes):
            if 0 <= self._ends < now - 1e-9:
                self.gaps.append(now - self._ends)
            at = max(now, self._ends)
            self.heard.append((at, what))
            self._ends = at + len(what) / self.second
        elif kind == "mark":
            handle = asyncio.get_running_loop().call_at(max(now, self._ends), self._echo, what)
            self.marks.append((what, handle))
        else:
            self._flush(now)

    def _flush(self, now: float) -> None:
        cut = [(at, codes[: max(0, round((now - at) * self.second))]) for at, codes in self.heard]
        self.heard = [(at, codes) for at, codes in cut if codes]
        self._ends = now
        names = [name for name, handle in self.marks if not handle.cancelled() and handle.when() > now]
        for _, handle in self.marks:
            handle.cancel()
        self.marks.clear()
        for name in names if self.flushed_marks_return else ():
            self._echo(name)

    def _echo(self, name: str) -> None:
        if not self.deaf:
            self.came_back.append((self.line.now, name))
            self.line.say(self.mark_back(name))

    def sound(self) -> bytes:
        """All that was heard, without the pauses."""
        return b"".join(codes for _, codes in self.heard)

    def heard_by(self, when: float) -> bytes:
        return b"".join(codes[: max(0, round((when - at) * self.second))] for at, codes in self.heard if at < when)


class TelnyxSide(TwilioSide):
    KIND: type[Any] = TelnyxCall
    encoding = "PCMU"

    def start(self, **variables: str) -> Message:
        start = {
            "call_control_id": "v3:abc", "from": "+1", "to": "+2", "custom_parameters": variables,
            "media_format": {"encoding": self.encoding, "sample_rate": 8000, "channels": 1},
        }  # fmt: skip
        return {"event": "start", "sequence_number": "1", "stream_id": "ST1", "start": start}

    def media(self, codes: bytes, number: int = 1) -> Message:
        media = {"track": "inbound", "chunk": str(number), "timestamp": str(20 * number), "payload": _text(codes)}
        return {"event": "media", "sequence_number": str(number), "stream_id": "ST1", "media": media}

    def key(self, digit: str) -> Message:
        return {"event": "dtmf", "stream_id": "ST1", "sequence_number": "5", "dtmf": {"digit": digit}}

    def mark_back(self, name: str) -> Message:
        return {"event": "mark", "sequence_number": "4", "stream_id": "ST1", "mark": {"name": name}}

    def stop(self) -> Message:
        return {"event": "stop", "sequence_number": "5", "stream_id": "ST1", "stop": {"call_control_id": "v3:abc"}}

    def read(self, said: Message) -> tuple[str, str | bytes]:
        assert "stream_id" not in said
        if said["event"] == "media":
            codes = b64decode(said["media"]["payload"])
            assert 160 <= len(codes) <= 240_000, "20 ms to 30 s"
            return "media", codes
        return said["event"], said.get("mark", {}).get("name", "")


class PlivoSide(TwilioSide):
    KIND: type[Any] = PlivoCall
    flushed_marks_return = False

    def start(self, **variables: str) -> Message:
        start = {
            "callId": "c-1", "streamId": "s-1", "accountId": "MA1", "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000},
        }  # fmt: skip
        headers = ";".join(f"{name}={value}" for name, value in variables.items())
        return {"event": "start", "sequenceNumber": 1, "start": start, "extra_headers": headers}

    def media(self, codes: bytes, number: int = 1) -> Message:
        media = {"track": "inbound", "chunk": number, "timestamp": "1700000000000", "payload": _text(codes)}
        return {"event": "media", "sequenceNumber": number + 1, "streamId": "s-1", "media": media}

    def key(self, digit: str) -> Message:
        return {"event": "dtmf", "sequenceNumber": 5, "streamId": "s-1", "dtmf": {"track": "inbound", "digit": digit}}

    def mark_back(self, name: str) -> Message:
        return {"event": "playedStream", "sequenceNumber": 6, "streamId": "s-1", "name": name}

    def stop(self) -> Message:
        return {"event": "stop", "sequenceNumber": 7, "streamId": "s-1"}

    def read(self, said: Message) -> tuple[str, str | bytes]:
        if said["event"] == "playAudio":
            assert said["media"]["contentType"] == "audio/x-mulaw"
            assert said["media"]["sampleRate"] == 8000
            return "media", b64decode(said["media"]["payload"])
        if said["event"] == "checkpoint":
            return "mark", said["name"]
        assert said == {"event": "clearAudio", "streamId": "s-1"}
        return "clear", ""


CARRIERS = (TwilioSide, TelnyxSide, PlivoSide)


def _text(codes: bytes) -> str:
    return b64encode(codes).decode()


class PhoneCall(QuietCall):
    """A call without an engine, which owns what runs beside the line."""

    def __init__(self) -> None:
        super().__init__()
        self.variables: dict[str, str] = {}
        self.tasks: list[asyncio.Task[None]] = []

    async def until(self, come_true: Callable[[], object]) -> None:
        """Lets others run until that is so."""
        async with asyncio.timeout(20):
            while not come_true():  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0)

    def keep(self, work: Awaitable[None], *, grace: float = 0.0) -> asyncio.Task[None]:
        self.tasks.append(asyncio.ensure_future(cast("Coroutine[Any, Any, None]", work)))
        return self.tasks[-1]


class Phone:
    """A call on a carrier, begun when this is entered. frames: what the line gave of the caller."""

    def __init__(
        self, side: type[TwilioSide] = TwilioSide, *, delay: float = 0.0, begin: bool = True, **settings: Any
    ) -> None:
        self.connection = Memory(delay)
        self.carrier = side(self.connection)
        self.call = PhoneCall()
        self.line: Any = node_type(side.KIND).configure({"unsigned": True, **settings})
        give_call(self.line, cast(Any, self.call))
        self.line.attach(self.connection)
        self.frames: list[Frame] = []
        self._begin = begin
        self.listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.line.__aenter__()
        self.listening = asyncio.create_task(self._listen())
        if self._begin:
            self.connection.say(self.carrier.start())
            await asyncio.sleep(2 * self.connection.delay + 0.001)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.listening is not None
        await self.line.__aexit__(None, None, None)
        for task in (self.listening, *self.call.tasks):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _listen(self) -> None:
        async for frame in self.line.listen():
            self.frames.append(frame)

    async def say(
        self,
        pcm: bytes,
        turn: int = 1,
        *,
        must: bool = False,
        every: float = 0.02,
        text: str = "",
        rate: int = RATE,
    ) -> None:
        """The agent says this, in pieces of so many seconds."""
        size = 2 * round(every * rate)
        for start in range(0, len(pcm), size):
            word = text if start == 0 else ""
            await self.line.play(
                TTSAudio(pcm[start : start + size], rate=rate, turn=turn, interruptible=not must, text=word)
            )


def run(work: Coroutine[Any, Any, T]) -> T:
    return run_virtual(work)
