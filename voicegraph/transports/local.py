"""A call over this computer's microphone and loudspeaker."""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Annotated, Any, Protocol

from voicegraph.call import Call, this_call
from voicegraph.durations import Duration
from voicegraph.errors import AudioError
from voicegraph.frames import Audio, TTSAudio
from voicegraph.node import node
from voicegraph.ports import Rate
from voicegraph.settings import Spoken
from voicegraph.transports.playout import Playout

FRAMES_PER_SECOND = 50

Exchange = Callable[[bytes], bytes]
"""Takes a block of PCM16 from the microphone, gives one of the same length to the loudspeaker. Called in any thread."""


class Device(Protocol):
    """A microphone and a loudspeaker at work. latency: seconds from `exchange` to the ear."""

    @property
    def latency(self) -> float: ...

    def close(self) -> None: ...


@node("local.call", line=True, extra="mic", packages=("sounddevice",))
class LocalCall:
    """Talks over the microphone and the loudspeaker of this computer. Use headphones: there is no echo cancellation.

    microphone, loudspeaker: number or part of the name of a device, as `python -m sounddevice` lists them; the
    system's own choice otherwise. rate: in Hz; one that the devices have. lead: how much audio is taken ahead of what
    is being heard. greeting: what the agent says first.
    """

    microphone: int | str | None = None
    loudspeaker: int | str | None = None
    rate: int = 16_000
    lead: Duration = 0.2
    greeting: Spoken = ""
    call: Call = this_call()

    def __post_init__(self) -> None:
        self._to_play = _ToPlay(self.rate)
        self._caller: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._moved = asyncio.Event()
        self._device = _Opened()
        self._told: dict[int, float] = {}
        self._listening = False
        self._over = False  # nothing is played any more

    async def __aenter__(self) -> LocalCall:
        loop = asyncio.get_running_loop()

        def tell(function: Callable[..., None], *args: Any) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
                loop.call_soon_threadsafe(function, *args)

        def exchange(heard: bytes) -> bytes:
            sound, played = self._to_play.take(len(heard))
            tell(self._exchanged, heard, played)
            return sound

        def open_it() -> None:
            devices, block = (self.microphone, self.loudspeaker), self.rate // FRAMES_PER_SECOND
            self._device.put(open_device(devices, self.rate, block, exchange, lambda: tell(self._gone)))

        try:
            await self.call.offload(open_it)
        except BaseException:
            self._over = True
            self._device.close()
            raise
        return self

    async def __aexit__(self, *_: Any) -> None:
        self._over = True
        await self.call.offload(self._device.close)

    async def listen(self) -> AsyncIterator[Annotated[Audio, Rate("rate")]]:
        """Until the device is gone."""
        self._listening = True
        if self.greeting:
            self.call.say(self.greeting)
        samples = 0
        while (pcm := await self._caller.get()) is not None:
            yield Audio(pcm, rate=self.rate, at=samples / self.rate)
            samples += len(pcm) // 2

    async def play(self, audio: Annotated[TTSAudio, Rate("rate")]) -> None:
        """Waits until there is room."""
        await self._until(self.lead)
        self._to_play.add(audio)

    def clear(self) -> None:
        """What the device has got cannot be taken back: it counts as heard, since this is the last word on the rest."""
        self._tell(self._to_play.clear())
        self._moved.set()

    def pause(self) -> None:
        self._to_play.pause()

    def resume(self) -> None:
        self._to_play.resume()

    async def drain(self) -> None:
        await self._until(0.0)
        if not self._over:
            await asyncio.sleep(self._device.latency)

    async def _until(self, left: float) -> None:
        """Waits until no more than so many seconds are still to be handed to the device, if it is there."""
        while not (self._to_play.has_room(left) or self._over):
            self._moved.clear()
            await self._moved.wait()

    def _exchanged(self, heard: bytes, played: dict[int, float]) -> None:
        if self._listening:  # what comes before is nobody's yet, and would all be late
            self._caller.put_nowait(heard)
        self._moved.set()
        if played:
            asyncio.get_running_loop().call_later(self._device.latency, self._tell, played)

    def _tell(self, played: dict[int, float]) -> None:
        """Tells the call, unless a `clear` has told of it before it came out."""
        for turn, seconds in played.items():
            if seconds > self._told.get(turn, 0.0):
                self._told[turn] = seconds
                self.call.played(turn, seconds)

    def _gone(self) -> None:
        """The device has stopped. If not because the call is over, the call is over because of that."""
        if self._over:
            return
        self._over = True
        self._caller.put_nowait(None)
        self._moved.set()
        self.call.hang_up("the sound device is gone")


class _Opened:
    """Where the thread that opens a device leaves it, for a call that may be over by then."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._device: Device | None = None
        self._closed = False

    @property
    def latency(self) -> float:
        device = self._device
        return device.latency if device else 0.0

    def put(self, device: Device) -> None:
        with self._lock:
            self._device = device
        if self._closed:
            self.close()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            device, self._device = self._device, None
        if device is not None:
            device.close()


class _ToPlay:
    """What the loudspeaker has not got yet: filled by the loop, emptied by the device's thread, which is its clock."""

    def __init__(self, rate: int) -> None:
        self._lock = threading.Lock()
        self._sound: list[bytes] = []
        self._playout = Playout(rate, lambda _at, _turn, pcm: self._sound.append(pcm))
        self._samples = 0  # that the device has taken, silence included
        self._played: dict[int, float] = {}

    @property
    def _now(self) -> float:
        return self._samples / self._playout.rate

    def has_room(self, lead: float) -> bool:
        """Whether no more than so many seconds are left."""
        with self._lock:
            return self._playout.room_at(lead) <= self._now

    def add(self, audio: TTSAudio) -> None:
        with self._lock:
            self._playout.add(audio, self._now)

    def pause(self) -> None:
        with self._lock:
            self._playout.pause(self._now)

    def resume(self) -> None:
        with self._lock:
            self._playout.resume(self._now)

    def clear(self) -> dict[int, float]:
        """Drops what may be dropped. Returns the seconds taken in all of each turn."""
        with self._lock:
            self._playout.clear(self._now)
            return dict(self._played)

    def take(self, size: int) -> tuple[bytes, dict[int, float]]:
        """So many bytes, padded with silence, and the seconds taken in all of each turn that is in them."""
        with self._lock:
            self._samples += size // 2
            news = self._playout.advance(self._now)
            self._played |= news
            sound = b"".join(self._sound)
            self._sound.clear()
        return sound.ljust(size, b"\0"), news


def open_device(
    devices: tuple[int | str | None, int | str | None],
    rate: int,
    block: int,
    exchange: Exchange,
    finished: Callable[[], None],
) -> Device:
    """Opens (microphone, loudspeaker) through PortAudio, in blocks of so many samples. Raises AudioError."""
    try:
        sounddevice: Any = importlib.import_module("sounddevice")  # it has no type stubs
    except ImportError as error:
        raise AudioError("the microphone needs a package that is missing: pip install 'voicegraph[mic]'") from error
    except OSError as error:
        raise AudioError(
            "the library PortAudio is missing: `apt install libportaudio2` on Debian, `brew install portaudio` on a Mac"
        ) from error

    def callback(heard: Any, sound: Any, frames: int, time: Any, status: Any) -> None:
        sound[:] = exchange(bytes(heard))

    try:
        stream = sounddevice.RawStream(
            samplerate=rate, blocksize=block, device=devices, channels=1, dtype="int16", latency="low",
            callback=callback, finished_callback=finished,
        )  # fmt: skip
        _start(stream)
    except (sounddevice.PortAudioError, ValueError) as error:
        raise AudioError(
            f"no microphone and loudspeaker that work at {rate} Hz ({str(error).splitlines()[0]}). "
            "`python -m sounddevice` lists what there is: name one as `microphone` and one as `loudspeaker`, try "
            "`rate: 48000`, or use file.call instead of local.call."
        ) from error
    return _PortAudio(stream)


def _start(stream: Any) -> None:
    try:
        stream.start()
    except BaseException:
        stream.close()
        raise


class _PortAudio:
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    @property
    def latency(self) -> float:
        return float(self._stream.latency[1])

    def close(self) -> None:
        self._stream.close()
