"""The line of a telephone carrier: all that is the same for each of them. The rest is a `Carrier`, which does no I/O.

Inside, sound is PCM16 at 8 kHz; it is G.711 only between here and the carrier.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import suppress
from math import inf
from typing import Annotated, ClassVar, Self

from loguru import logger

from voicegraph.call import SLACK, Call
from voicegraph.errors import ProviderError, ToolError, VoicegraphError
from voicegraph.frames import Audio, Dtmf, TTSAudio
from voicegraph.ports import Rate
from voicegraph.serve.doors import Closed, Connection, told
from voicegraph.transports.carrier import KEYS, Carrier, Event, Key, Over, Played, Refused, Sound, Started, Unknown
from voicegraph.transports.send_ahead import G711, Format, Heard, SendAhead
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
"""Seconds that a timer is late on purpose: it may be so much early, and then all would be done twice."""

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
        self._carrier = self.answered_by()
        self._out = SendAhead(self.lead, self.form)
        self._connection: Connection | None = None
        self._phone: Started | None = None
        self._codec = ""  # until the carrier has said how its sound is coded
        self._gone = False  # nobody is left at the other end, or nobody of ours: nothing is sent any more
        self._ended_here = True
        self._sending: asyncio.Handle | None = None  # when there is more to send
        self._soon = False  # that is in the next step of the loop
        self._waits = False  # for the carrier to read what was sent
        self._awaited: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []  # what is waited for, and by whom
        self._to_press = 0.0  # seconds of the sound of keys, in all
        self._began = self._said_at = 0.0  # when the carrier said something first, and last
        self._rest, self._count = b"", 0  # of the caller's sound: less than a frame; and bytes of it in frames so far
        self._sizes = self.hertz, self.form.second, self.form.frame
        self._encode: Callable[[bytes], bytes] = bytes
        self._decode: Callable[[bytes], bytes] = bytes

    @property
    def form(self) -> Format:
        """Of the sound that the carrier takes and gives."""
        return G711

    @property
    def hertz(self) -> int:
        """Of the sound here."""
        return self.form.rate

    def answered_by(self) -> Carrier:
        """The carrier's protocol, for one call."""
        return self.CARRIER()

    def attach(self, connection: Connection) -> None:
        """The way to the carrier, before the call is run."""
        self._connection = connection

    def warm(self) -> None:
        super().warm()
        for codec in {*self.CARRIER.codecs.values()}:
            for way in ("encode", "decode"):
                _coder(way, codec)(b"")

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

    async def listen(self) -> AsyncIterator[Annotated[Audio | Dtmf, Rate("hertz")]]:
        """20 ms at a time, as they come in."""
        connection = self._connection
        assert connection is not None
        try:
            await self._until_started(connection)
            self.call.keep(self._watch(connection))
            if self.greeting:
                self.call.say(self.greeting)
            read, now = self._carrier.read, self.call.now
            while not isinstance(event := read(await connection.receive()), Over):
                self._said_at = now()
                for frame in self._heard(event):
                    yield frame
            await connection.close(*told("hung-up"))
            self._end("the caller hung up")
        except Refused as refused:
            logger.warning("{}: refused: {}", self.call.id, refused)
            await connection.close(*told(refused.reason))
            self._end(str(refused))
        except Closed:
            self._end("the connection is over")

    async def _until_started(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(BEGINS_WITHIN):
                while not isinstance(event := self._carrier.read(await connection.receive()), Started):
                    self._heard(event)
        except TimeoutError:
            raise Refused("silent", "the carrier does not begin the call") from None
        self.admit(event)
        self._phone = event
        self._codec = self._carrier.codecs[event.encoding]
        self._encode, self._decode = self._coder("encode"), self._coder("decode")
        self.call.variables.update(event.variables)
        self._said_at = self._began = self.call.now()
        self._look()

    def _heard(self, event: Event) -> Sequence[Audio | Dtmf]:
        """What the carrier has said, as frames."""
        if isinstance(event, Sound):
            return self._frames(event.codes)
        if isinstance(event, Played):
            self._tell(self._out.marked(event.mark, self._said_at))
            self._send_due()
        elif isinstance(event, Key):
            return [Dtmf(event.digit)]
        elif isinstance(event, Unknown):
            self.counts["unknown events"] += bool(event.event)
        return ()

    def _frames(self, codes: bytes) -> Sequence[Audio]:
        """Whole ones; what is left of the sound comes with the next."""
        codes, count, (rate, second, size) = self._rest + codes, self._count, self._sizes
        whole = len(codes) // size * size
        self._rest, self._count = codes[whole:], count + whole
        if self._count > (self._said_at - self._began + AHEAD) * second:
            raise Refused("flood", "sound comes faster than anybody speaks")
        decode = self._decode
        return [
            Audio(decode(codes[start : start + size]), rate=rate, at=(count + start) / second)
            for start in range(0, whole, size)
        ]

    def _end(self, why: str) -> None:
        """The other side has ended the call."""
        self._ended_here = False
        self._let_go()
        self.call.hang_up(why)

    def _let_go(self) -> None:
        self._gone = True
        self._send_when(inf)
        self._look()

    # --- the agent ---------------------------------------------------------------------------------------------------

    async def play(self, audio: Annotated[TTSAudio, Rate("hertz")]) -> None:
        """Waits until there is room."""
        backlog = max(BACKLOG, self.form.step)
        await self._until(lambda: self._phone is not None and self._out.backlog <= backlog)
        codes = self._encode(audio.pcm)
        self._out.add(audio.turn, codes, must=not audio.interruptible, word=bool(audio.text))
        self._send_soon()

    def clear(self) -> None:
        heard = self._out.clear(self.call.now())
        self._send_due()
        self._tell(heard)

    def pause(self) -> None:
        """What the carrier has is taken back, and sent again on `resume`. How exactly: see `send_ahead`."""
        heard = self._out.pause(self.call.now())
        self._send_due()
        self._tell(heard)

    def resume(self) -> None:
        self._out.resume()
        self._send_due()

    async def drain(self) -> None:
        await self._until(lambda: self._out.silent)

    async def transfer(self, to: str) -> None:
        """Puts the caller through to a number such as +15551234567, or to a SIP address. That ends our call."""
        if not _SOMEBODY.fullmatch(to):
            raise ToolError("`to` is a number in international form, such as +15551234567, or a SIP address")
        if not self.can_ask:
            raise ToolError("this line cannot put anybody through: its carrier's keys are not set")
        self._ended_here = False  # should our call end now, whoever is being put through is not to be hung up on
        try:
            await self.put_through(to)
        except ProviderError:
            self._ended_here = not self._gone
            raise
        self.call.hang_up("the caller was put through")

    async def send_dtmf(self, digits: str) -> None:
        """Presses keys, of 0-9, *, # and A-D. Returns when they have been heard, or told to the carrier."""
        if not digits or not KEYS.issuperset(digits):
            raise ToolError("`digits` are keys of a phone, one or more of 0-9, *, # and A-D, such as 42#")
        await self.press(digits)

    async def press(self, digits: str) -> None:
        """How the keys get to the other side: as sound, where a carrier has no better way."""
        from voicegraph.audio.dtmf import keys

        await self._until(lambda: self._phone is not None)
        codes = self._encode(keys(digits, self.hertz))
        self._out.add(0, codes, must=True)
        self._to_press += len(codes) / self.form.second
        due = self._to_press
        self._send_due()
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
        """`encode` or `decode`, as the carrier codes sound."""
        return _coder(way, self._codec)

    # --- sending -----------------------------------------------------------------------------------------------------

    def _send_due(self) -> None:
        """Sends what is due, in this step of the loop, and sees to it that the rest is sent when it is."""
        connection = self._connection
        if self._waits or self._gone or self._phone is None or connection is None:
            return
        now = self.call.now()
        self._tell(self._out.give_up_marks(now))
        messages: list[str] = []
        while (send := self._out.poll(now)) is not None:
            messages.append(self._carrier.write(send))
        if messages and not connection.send_now(*messages):
            self._waits = True
            self.call.keep(self._send_slowly(connection, messages))
            return
        self._look()
        self._send_when(max(self._out.wake_at(), now) + GRAIN)

    def _send_soon(self) -> None:
        """The same in the next step, to which much can be added in this one."""
        if not self._soon:
            self._send_when(-inf)

    def _send_when(self, at: float) -> None:
        """inf for never, -inf for the next step of the loop."""
        if self._sending is not None:
            self._sending.cancel()
        loop, self._soon = asyncio.get_running_loop(), at == -inf
        if self._soon:
            self._sending = loop.call_soon(self._send_due)
        else:
            self._sending = None if at == inf else loop.call_at(at, self._send_due)

    async def _send_slowly(self, connection: Connection, messages: Iterable[str]) -> None:
        """Waits until the carrier has read enough, and then sends all that has become due."""
        with suppress(Closed):  # whoever listens is told, too
            for message in messages:
                await connection.send(message)
            while not self._gone and (send := self._out.poll(self.call.now())) is not None:
                await connection.send(self._carrier.write(send))
            self._waits = False
            self._send_due()

    async def _watch(self, connection: Connection) -> None:
        """Sees to it that the carrier is there."""
        while (left := self._said_at + SILENT_FOR - self.call.now()) > 0:  # noqa: ASYNC110 - each message would set it
            await asyncio.sleep(left)
        await connection.close(*told("silent"))
        self._end("the carrier has fallen silent")

    async def _until(self, come_true: Callable[[], bool]) -> None:
        """Waits for that, or for the end of the call."""
        while not (self._gone or come_true()):
            waiter = asyncio.get_running_loop().create_future()
            self._awaited.append((come_true, waiter))
            await waiter

    def _look(self) -> None:
        """Wakes those who wait for what is so now."""
        for awaited in [each for each in self._awaited if self._gone or each[0]()]:
            self._awaited.remove(awaited)
            if not awaited[1].done():
                awaited[1].set_result(None)

    def _tell(self, heard: Heard) -> None:
        for turn, seconds in heard.items():
            self.call.played(turn, seconds)
        self._look()


def _coder(way: str, codec: str) -> Callable[[bytes], bytes]:
    """Of voicegraph.audio.g711, by its name there."""
    from voicegraph.audio import g711  # brings numpy

    coder: Callable[[bytes], bytes] = getattr(g711, f"{way}_{codec}")
    return coder
