"""The line of a telephone carrier: all that is the same for each of them. The rest is a `Carrier`, which does no I/O.

Inside, sound is PCM16 at 8 kHz; it is G.711 only between here and the carrier.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from math import inf
from typing import Annotated, ClassVar, Self

from loguru import logger

from voicegraph.call import SLACK, Call
from voicegraph.errors import ProviderError, ToolError, VoicegraphError
from voicegraph.frames import Audio, Dtmf, TTSAudio
from voicegraph.ports import Rate
from voicegraph.serve.doors import Closed, Connection, told
from voicegraph.transports.carrier import Carrier, Key, Over, Played, Refused, Sound, Started, Unknown
from voicegraph.transports.send_ahead import FRAME, RATE, Heard, SendAhead
from voicegraph.transports.webhook import Webhook

BEGINS_WITHIN = 5.0
"""Seconds from the connection to the carrier's first word of the call. It follows at once."""
SILENT_FOR = 15.0
"""Seconds without a message after which the carrier is gone: it sends 50 a second, be the caller silent or not."""
AHEAD = 10.0
"""Seconds of sound that may come faster than anybody speaks, as after a stall of the network."""
BACKLOG = 0.1
"""Seconds that wait here, beside the lead, before whoever makes the sound has to wait."""
GRAIN = 0.001
"""Seconds. Nearer in time than this is now."""

_SOMEBODY = re.compile(r"\+[1-9]\d{1,14}|sips?:[^\s<>]{1,200}")


class Telephone(Webhook):
    """A phone call. A subclass is the line of one carrier, and says how that is spoken to.

    counts: what was odd about the call and did no harm, by name.
    """

    call: Call
    CARRIER: ClassVar[type[Carrier]]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.counts: Counter[str] = Counter()
        self._carrier = self.CARRIER()
        self._out = SendAhead(self.lead)
        self._connection: Connection | None = None
        self._phone: Started | None = None
        self._codec = next(iter(self._carrier.codecs.values()))
        self._gone = False  # nobody is left at the other end, or nobody of ours: nothing is sent any more
        self._ended_here = True
        self._changed = asyncio.Event()  # there may be something to send
        self._moved = asyncio.Event()  # something was sent or heard
        self._to_press = 0.0  # seconds of the sound of keys, in all
        self._said_at = 0.0  # when the carrier said something

    def attach(self, connection: Connection) -> None:
        """The way to the carrier, before the call is run."""
        self._connection = connection

    def warm(self) -> None:
        super().warm()
        from voicegraph.audio import g711

        for name in {*self.CARRIER.codecs.values()}:
            for way in ("encode", "decode"):
                getattr(g711, f"{way}_{name}")(b"")

    async def __aenter__(self) -> Self:
        if self._connection is None:
            raise VoicegraphError(
                "a carrier calls this line: `voicegraph serve` the graph, or name a caller with --in question.wav"
            )
        self._said_at = self.call.now()
        return self

    async def __aexit__(self, *_: object) -> None:
        """The carrier ends the call when the agent does: we tell it to, or go, and it goes on with its document."""
        ended_here, self._ended_here = self._ended_here and self._phone is not None, False
        self._let_go()
        self.counts += Counter(self._out.counts)
        if ended_here and self.after == "hang_up" and self.can_ask:
            try:
                await self.hang_up_by_request()
            except ProviderError as error:
                logger.warning("{}: {}", self.call.id, error)

    # --- the caller --------------------------------------------------------------------------------------------------

    async def listen(self) -> AsyncIterator[Annotated[Audio | Dtmf, Rate(RATE)]]:
        """20 ms at a time, as they come in."""
        assert self._connection is not None
        try:
            await self._until_started(self._connection)
            self.call.keep(self._speak(self._connection))
            if self.greeting:
                self.call.say(self.greeting)
            async with aclosing(self._frames(self._connection)) as frames:
                async for frame in frames:
                    yield frame
            await self._connection.close(*told("hung-up"))
            self._end("the caller hung up")
        except Refused as refused:
            logger.warning("{}: refused: {}", self.call.id, refused)
            await self._connection.close(*told(refused.reason))
            self._end(str(refused))
        except Closed:
            self._end("the connection is over")

    async def _until_started(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(BEGINS_WITHIN):
                while not isinstance(event := self._carrier.read(await connection.receive()), Started):
                    self._note(event)
        except TimeoutError:
            raise Refused("silent", "the carrier does not begin the call") from None
        self.admit(event)
        self._phone = event
        self._codec = self._carrier.codecs[event.encoding]
        self.call.variables.update(event.variables)

    async def _frames(self, connection: Connection) -> AsyncGenerator[Audio | Dtmf, None]:
        """Until the carrier says that it is over."""
        began, rest, samples = self.call.now(), b"", 0
        decode = self._coder("decode")
        while True:
            event = self._carrier.read(await connection.receive())
            self._said_at = now = self.call.now()
            if isinstance(event, Sound):
                codes = rest + event.codes if rest else event.codes
                for start in range(0, len(codes) - FRAME + 1, FRAME):
                    yield Audio(decode(codes[start : start + FRAME]), rate=RATE, at=samples / RATE)
                    samples += FRAME
                rest = codes[len(codes) - len(codes) % FRAME :]
                if samples / RATE > now - began + AHEAD:
                    raise Refused("flood", "sound comes faster than anybody speaks")
            elif isinstance(event, Played):
                self._tell(self._out.marked(event.mark, now))
                self._changed.set()
            elif isinstance(event, Key):
                yield Dtmf(event.digit)
            elif isinstance(event, Over):
                return
            else:
                self._note(event)

    def _note(self, event: object) -> None:
        if isinstance(event, Unknown):
            self.counts["unknown events"] += bool(event.event)

    def _end(self, why: str) -> None:
        """The other side has ended the call."""
        self._ended_here = False
        self._let_go()
        self.call.hang_up(why)

    def _let_go(self) -> None:
        self._gone = True
        self._changed.set()
        self._moved.set()

    # --- the agent ---------------------------------------------------------------------------------------------------

    async def play(self, audio: Annotated[TTSAudio, Rate(RATE)]) -> None:
        """Waits until there is room."""
        await self._until(lambda: self._out.backlog <= BACKLOG)
        codes = self._coder("encode")(audio.pcm)
        self._out.add(audio.turn, codes, must=not audio.interruptible, word=bool(audio.text))
        self._changed.set()

    def clear(self) -> None:
        self._tell(self._out.clear(self.call.now()))
        self._changed.set()

    def pause(self) -> None:
        """What the carrier has is taken back, and sent again on `resume`. How exactly: see `send_ahead`."""
        self._tell(self._out.pause(self.call.now()))
        self._changed.set()

    def resume(self) -> None:
        self._out.resume()
        self._changed.set()

    async def drain(self) -> None:
        await self._until(lambda: self._out.silent)

    async def transfer(self, to: str) -> None:
        """Puts the caller through to a number such as +15551234567, or to a SIP address. That ends our call."""
        if not _SOMEBODY.fullmatch(to):
            raise ToolError("`to` is a number in international form, such as +15551234567, or a SIP address")
        if not self.can_ask:
            raise ToolError("this line cannot put anybody through: its carrier's keys are not set")
        await self.put_through(to)
        self._ended_here = False
        self.call.hang_up("the caller was put through")

    async def send_dtmf(self, digits: str) -> None:
        """Presses keys, of 0-9, *, # and A-D. Returns when they have been heard, or told to the carrier."""
        from voicegraph.audio.dtmf import keys

        codes = self._coder("encode")(keys(digits, RATE))
        self._out.add(0, codes, must=True)
        self._to_press += len(codes) / RATE
        due = self._to_press
        self._changed.set()
        await self._until(lambda: self._out.heard(0) >= due - SLACK)

    @property
    def phone(self) -> Started:
        """What the carrier said when the call began."""
        if self._phone is None:
            raise ToolError("there is no phone call yet")
        return self._phone

    async def send(self, message: str) -> None:
        """Says something to the carrier beside the sound."""
        if self._connection is not None and not self._gone:
            with suppress(Closed):
                await self._connection.send(message)

    def _coder(self, way: str) -> Callable[[bytes], bytes]:
        from voicegraph.audio import g711  # brings numpy

        coder: Callable[[bytes], bytes] = getattr(g711, f"{way}_{self._codec}")
        return coder

    async def _speak(self, connection: Connection) -> None:
        """Sends what is due, all through the call, and sees to it that the carrier is there."""
        out = self._out
        with suppress(Closed):  # whoever listens is told, too
            while not self._gone:
                now = self.call.now()
                self._tell(out.give_up_marks(now))
                if now - self._said_at >= SILENT_FOR:
                    await connection.close(*told("silent"))
                    self._end("the carrier has fallen silent")
                elif (send := out.poll(now)) is not None:
                    await connection.send(self._carrier.write(send))
                    self._moved.set()
                else:
                    self._changed.clear()
                    await self._sleep(self._changed, min(out.wake_at(), self._said_at + SILENT_FOR))

    async def _sleep(self, event: asyncio.Event, until: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout_at(None if until == inf else max(until, self.call.now() + GRAIN)):
                await event.wait()

    async def _until(self, come_true: Callable[[], bool]) -> None:
        """Waits for that, or for the end of the call."""
        while not (self._gone or come_true()):
            self._moved.clear()
            await self._moved.wait()

    def _tell(self, heard: Heard) -> None:
        for turn, seconds in heard.items():
            self.call.played(turn, seconds)
        self._moved.set()
