"""local.call, with a device that the tests turn by hand."""

from __future__ import annotations

import asyncio
import builtins
import importlib
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.transports.quiet_call import QuietCall, run
from voicegraph.call import give_call
from voicegraph.errors import AudioError
from voicegraph.frames import Audio, TTSAudio
from voicegraph.node import node_type
from voicegraph.transports import local

RATE = 8_000
BLOCK = b"\x01\x00" * (RATE // 50)


class FakeDevice:
    """Stands for microphone and loudspeaker: each `turn` is 20 ms of both, in a thread of its own."""

    latency = 0.03

    def __init__(self) -> None:
        self.closed = False

    def __call__(
        self, devices: Any, rate: int, block: int, exchange: local.Exchange, finished: Callable[[], None]
    ) -> FakeDevice:
        assert block == len(BLOCK) // 2
        self.exchange = exchange
        self.finished = finished
        return self

    async def turn(self, times: int = 1) -> bytes:
        """What the loudspeaker got."""
        played: list[bytes] = []
        for _ in range(times):
            thread = threading.Thread(target=lambda: played.append(self.exchange(BLOCK)))
            thread.start()
            thread.join()
            await asyncio.sleep(0.02)
        return b"".join(played)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> FakeDevice:
    fake = FakeDevice()
    monkeypatch.setattr(local, "open_device", fake)
    return fake


def line(**values: Any) -> tuple[Any, QuietCall]:
    made = node_type(local.LocalCall).configure({"rate": RATE, **values})
    call = QuietCall()
    give_call(made, cast(Any, call))
    return made, call


def voice(blocks: float, turn: int = 1, sample: int = 7, *, must: bool = False) -> TTSAudio:
    """must: it must be said to its end."""
    pcm = sample.to_bytes(2, "little") * round(RATE * blocks / 50)
    return TTSAudio(pcm, rate=RATE, turn=turn, interruptible=not must)


def samples(sound: bytes) -> list[int]:
    return memoryview(sound).cast("h").tolist()


async def say(made: Any, *chunks: TTSAudio) -> None:
    for chunk in chunks:
        await made.play(chunk)


def test_the_microphone_is_heard_from_the_source_s_beginning_until_the_device_is_gone(device: FakeDevice) -> None:
    async def call() -> None:
        made, call = line(greeting="Hello.")
        heard: list[Audio] = []

        async def listen() -> None:
            heard.extend([frame async for frame in made.listen()])

        async with made:
            await device.turn(50)  # the other nodes take their time to begin
            listening = asyncio.create_task(listen())
            await asyncio.sleep(0)
            await device.turn(3)
            device.finished()
            await listening
        assert call.said == ["Hello."]
        assert [(frame.at, frame.rate, frame.pcm) for frame in heard] == [(n * 0.02, RATE, BLOCK) for n in range(3)]
        assert device.closed

    run(call())


def test_a_device_that_goes_away_ends_the_call_and_nobody_waits_for_it(device: FakeDevice) -> None:
    async def call() -> None:
        made, call = line(lead="40ms")
        async with made:
            speaking = asyncio.create_task(say(made, voice(2), voice(2), voice(2)))
            await device.turn()
            draining = asyncio.create_task(made.drain())
            await asyncio.sleep(0)
            assert not speaking.done()
            threading.Thread(target=device.finished).start()
            async with asyncio.timeout(1):
                await asyncio.gather(speaking, draining)
        assert call.hung_up == ["the sound device is gone"]

    run(call())


def test_closing_the_device_at_the_end_is_no_loss_of_it(device: FakeDevice) -> None:
    async def call() -> None:
        made, call = line()
        async with made:
            pass
        device.finished()  # PortAudio tells of this end too
        await asyncio.sleep(0)
        assert call.hung_up == []

    run(call())
    device.exchange(BLOCK)  # the loop is closed: a late block does no harm


@pytest.mark.parametrize("opened_first", [True, False])
def test_a_call_that_is_cancelled_while_the_device_opens_closes_it(opened_first: bool, device: FakeDevice) -> None:
    async def call() -> None:
        made, call = line()
        late: list[Callable[[], None]] = []

        async def offload(function: Callable[[], None]) -> None:
            if opened_first:
                function()
            else:
                late.append(function)
            await asyncio.Event().wait()

        call.offload = offload  # type: ignore[method-assign, assignment]
        entering = asyncio.create_task(made.__aenter__())
        await asyncio.sleep(0)
        entering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await entering
        for function in late:  # the thread goes on to its end
            function()
        assert device.closed

    run(call())


def test_the_loudspeaker_gets_the_voice_and_silence_around_it(device: FakeDevice) -> None:
    async def call() -> None:
        made, _ = line()
        async with made:
            assert await device.turn() == bytes(len(BLOCK))
            await say(made, voice(1.5), voice(1, sample=9))
            played = samples(await device.turn(3))
        assert played == [7] * 240 + [9] * 160 + [0] * 80

    run(call())


def test_played_is_told_when_it_comes_out_and_adds_up_exactly(device: FakeDevice) -> None:
    async def call() -> None:
        made, call = line()
        async with made:
            chunks = [voice(0.7), voice(1.9), voice(0.9)]
            await say(made, *chunks)
            await device.turn(5)
        assert [when for when, *_ in call.played_at] == pytest.approx([0.03, 0.05, 0.07, 0.09])
        assert [seconds for *_, seconds in call.played_at] == pytest.approx([0.02, 0.04, 0.06, 0.07])
        assert call.heard(1) == sum(len(chunk.pcm) for chunk in chunks) / (2 * RATE)

    run(call())


def test_it_takes_no_more_than_its_lead(device: FakeDevice) -> None:
    async def call() -> None:
        made, _ = line(lead="40ms")
        async with made:
            saying = asyncio.create_task(say(made, voice(2), voice(2), voice(2)))
            await asyncio.sleep(0)
            assert not saying.done()
            await device.turn(2)
            assert saying.done()

    run(call())


def test_clear_silences_it_and_lets_drain_go(device: FakeDevice) -> None:
    async def call() -> None:
        made, call = line(lead="10s")
        async with made:
            await say(made, voice(10))
            assert set(samples(await device.turn())) == {7}
            draining = asyncio.create_task(made.drain())
            await asyncio.sleep(0)
            made.clear()
            assert await device.turn() == bytes(len(BLOCK))
            await draining
            assert call.heard(1) == pytest.approx(0.02)
            await say(made, voice(1, turn=2, sample=9))
            assert set(samples(await device.turn())) == {9}
            await made.drain()
            assert call.heard(2) == pytest.approx(0.02)

    run(call())


def test_a_clear_has_the_last_word_on_what_was_heard(device: FakeDevice) -> None:
    """What the device has got is heard, although it has not come out yet; it is told once."""

    async def call() -> None:
        made, call = line(lead="10s")
        async with made:
            await say(made, voice(10), voice(1, turn=2))
            await device.turn(4)
            assert call.heard(1) == pytest.approx(0.06)
            made.clear()
            assert call.heard(1) == pytest.approx(0.08)
            told = list(call.played_at)
            await device.turn(4)
            assert call.played_at == told

    run(call())


def test_a_pause_is_silence_and_then_the_next_sample(device: FakeDevice) -> None:
    async def call() -> None:
        made, call = line(lead="10s")
        async with made:
            await say(made, voice(1.5), voice(1.5, sample=9))
            assert samples(await device.turn(1)) == [7] * 160
            draining = asyncio.create_task(made.drain())
            made.pause()
            made.pause()
            assert await device.turn(10) == bytes(10 * len(BLOCK))
            assert call.heard(1) == 0.02
            assert not draining.done()
            made.resume()
            made.resume()
            assert samples(await device.turn(3)) == [7] * 80 + [9] * 240 + [0] * 160
            await draining
            assert call.heard(1) == 0.06

    run(call())


def test_in_a_pause_room_comes_only_by_a_clear(device: FakeDevice) -> None:
    async def call() -> None:
        made, _ = line(lead="40ms")
        async with made:
            made.pause()
            saying = asyncio.create_task(say(made, voice(3), voice(1, turn=2, sample=9)))
            await device.turn(10)
            assert not saying.done()
            made.clear()
            await saying
            assert await device.turn() == bytes(len(BLOCK))
            made.resume()
            assert samples(await device.turn()) == [9] * 160

    run(call())


@pytest.mark.parametrize("paused", [False, True])
def test_what_must_be_said_survives_an_interrupt_and_moves_up(paused: bool, device: FakeDevice) -> None:
    async def call() -> None:
        made, call = line(lead="10s")
        async with made:
            await say(made, voice(3), voice(1, sample=8, must=True), voice(1, sample=9))
            await device.turn()
            if paused:
                made.pause()
            made.clear()
            made.resume()
            await say(made, voice(1, turn=2, sample=10))
            assert samples(await device.turn(3)) == [8] * 160 + [10] * 160 + [0] * 160
            await made.drain()
            assert (call.heard(1), call.heard(2)) == (0.04, 0.02)

    run(call())


# --- opening the real thing ------------------------------------------------------------------------------------------


class Refused(Exception):
    pass


def refuse(**_: Any) -> None:
    raise Refused("Error querying device -1")


def open_with(monkeypatch: pytest.MonkeyPatch, imported: Any) -> local.Device:
    """Opens a device through this stand-in for the package sounddevice, or with the failure of its import."""

    def load(name: str) -> Any:
        if isinstance(imported, Exception):
            raise imported
        return imported

    monkeypatch.setattr(importlib, "import_module", load)
    return local.open_device((None, None), RATE, 160, lambda heard: heard[::-1], lambda: None)


@pytest.mark.parametrize(
    ("imported", "says"),
    [
        (ImportError("sounddevice"), r"pip install 'voicegraph\[mic\]'"),
        (builtins.OSError("PortAudio library not found"), "apt install libportaudio2"),
        (SimpleNamespace(RawStream=refuse, PortAudioError=Refused), r"no microphone .*8000 Hz .*device -1.*file\.call"),
    ],
)
def test_without_a_device_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, imported: Any, says: str) -> None:
    with pytest.raises(AudioError, match=says):
        open_with(monkeypatch, imported)


def test_a_stream_exchanges_blocks_and_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []

    class RawStream:
        latency = (0.01, 0.02)

        def __init__(self, **options: Any) -> None:
            self.callback = options["callback"]

        def start(self) -> None:
            sound = bytearray(4)
            self.callback(b"abcd", sound, 2, None, None)
            events.append(sound.decode())

        def close(self) -> None:
            events.append("closed")

    device = open_with(monkeypatch, SimpleNamespace(RawStream=RawStream, PortAudioError=Refused))
    assert device.latency == 0.02
    device.close()
    assert events == ["dcba", "closed"]


def test_a_stream_that_cannot_start_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []

    def stream(**_: Any) -> Any:
        return SimpleNamespace(start=refuse, close=lambda: closed.append(True))

    with pytest.raises(AudioError):
        open_with(monkeypatch, SimpleNamespace(RawStream=stream, PortAudioError=Refused))
    assert closed == [True]
