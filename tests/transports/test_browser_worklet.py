"""The page's audio thread, alone, in a real Chromium: what it plays and records, to the sample and without a clock."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page

from tests.serve.served import serving
from tests.transports.chromium import browsing, page_of
from tests.transports.page import ECHO

RATE = 16_000
PITCH = 440.0
RENDER = """async ({rate, source, seconds, microphone, steps}) => {
    const context = new OfflineAudioContext(1, Math.round(seconds * source), source);
    await context.audioWorklet.addModule("/browser/worklet.js");
    const options = {channelCount: 1, channelCountMode: "explicit", outputChannelCount: [1], processorOptions: {rate}};
    const node = new AudioWorkletNode(context, "call", options);
    const messages = [];
    node.port.onmessage = ({data}) => messages.push([...new Uint8Array(data.message)]);
    const play = new AudioBufferSourceNode(context, {buffer: context.createBuffer(1, microphone.length || 1, source)});
    play.buffer.copyToChannel(Float32Array.from(microphone), 0);
    play.connect(node).connect(context.destination);
    play.start();
    const give = (step) => node.port.postMessage(
        step.chunk ? {type: "sound", chunk: Uint8Array.from(step.chunk).buffer} : {type: step.type});
    const passing = () => new Promise((done) => setTimeout(done, 50));  // messages come to the audio thread
    for (const step of steps.filter((step) => !step.at)) give(step);
    for (const at of new Set(steps.map((step) => step.at).filter(Boolean)))
        context.suspend(at).then(async () => {
            for (const step of steps.filter((step) => step.at === at)) give(step);
            await passing();
            context.resume();
        });
    await passing();
    const sound = await context.startRendering();
    await passing();
    return {sound: [...sound.getChannelData(0)], messages};
}"""
Signal = NDArray[np.float64]


class Rendered(NamedTuple):
    """sound: that came out. frames: of the microphone. reports: with each of them, position and clears."""

    sound: Signal
    frames: list[bytes]
    reports: list[tuple[int, int]]

    @property
    def recorded(self) -> Signal:
        return np.frombuffer(b"".join(self.frames), "<i2") / 32768


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    with serving(ECHO) as service, page_of(browser, service.port) as (page, wrong):
        yield page
    assert wrong == []


def render(
    page: Page,
    *steps: dict[str, Any],
    source: int = 48_000,
    rate: int = RATE,
    seconds: float = 1.0,
    microphone: Sequence[float] = (),
) -> Rendered:
    """So many seconds of the processor's life. steps: what it is told, `at` a moment of that."""
    asked = {"rate": rate, "source": source, "seconds": seconds, "microphone": list(microphone), "steps": steps}
    made = page.evaluate(RENDER, asked)
    messages = [bytes(message) for message in made["messages"]]
    reports = [struct.unpack_from("<II", message) for message in messages]
    return Rendered(np.array(made["sound"]), [message[8:] for message in messages], reports)


def chunk(start: int, samples: Signal, *, must: bool = False, at: float = 0.0) -> dict[str, Any]:
    pcm = np.rint(samples * 32767).astype("<i2").tobytes()
    return {"chunk": list(struct.pack("<II", start, int(must)) + pcm), "at": at}


def tone(seconds: float, rate: int, level: float = 0.5) -> Signal:
    return level * np.sin(2 * np.pi * PITCH * np.arange(round(seconds * rate)) / rate)


def pitch(sound: Signal, rate: int) -> float:
    """Of the loudest part of its spectrum, in Hz."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 1 << 18))
    return float(np.argmax(spectrum)) * rate / (1 << 18)


def level(sound: Signal) -> float:
    return float(np.sqrt(np.mean(sound**2)))


def noise(sound: Signal, rate: int) -> float:
    """What of it is not the tone, in dB below it."""
    times = np.arange(len(sound)) * 2 * np.pi * PITCH / rate
    base = np.stack([np.sin(times), np.cos(times)], axis=1)
    rest = sound - base @ np.linalg.lstsq(base, sound, rcond=None)[0]
    return 20 * float(np.log10(level(rest) / level(sound)))


@pytest.mark.parametrize(("source", "rate"), [(48_000, 16_000), (44_100, 24_000), (16_000, 16_000)])
def test_a_tone_is_played_at_its_pitch_level_and_length(page: Page, source: int, rate: int) -> None:
    made = render(page, chunk(0, tone(0.6, rate)), source=source, rate=rate)
    sounding = np.flatnonzero(np.abs(made.sound) > 0.01)
    assert (sounding[-1] - sounding[0]) / source == pytest.approx(0.6, abs=0.003)
    assert sounding[0] / source < 0.005
    middle = made.sound[int(0.1 * source) : int(0.5 * source)]
    assert pitch(middle, source) == pytest.approx(PITCH, abs=0.5)
    assert level(middle) == pytest.approx(0.5 / 2**0.5, rel=0.01)
    assert noise(middle, source) < -60


@pytest.mark.parametrize(("source", "rate"), [(48_000, 16_000), (44_100, 24_000), (16_000, 16_000)])
def test_a_tone_is_recorded_at_its_pitch_level_and_length(page: Page, source: int, rate: int) -> None:
    made = render(page, source=source, rate=rate, microphone=tone(0.6, source).tolist())
    assert {len(frame) for frame in made.frames} == {2 * rate // 50}
    assert len(made.frames) in (49, 50)
    sounding = np.flatnonzero(np.abs(made.recorded) > 0.01)
    assert (sounding[-1] - sounding[0]) / rate == pytest.approx(0.6, abs=0.003)
    middle = made.recorded[int(0.1 * rate) : int(0.5 * rate)]
    assert pitch(middle, rate) == pytest.approx(PITCH, abs=0.5)
    assert level(middle) == pytest.approx(0.5 / 2**0.5, rel=0.01)
    assert noise(middle, rate) < -60


def test_what_is_above_the_call_s_band_is_not_folded_into_it(page: Page) -> None:
    high = 0.5 * np.sin(2 * np.pi * 11_000 * np.arange(48_000) / 48_000)
    made = render(page, microphone=high.tolist())
    assert level(made.recorded[4_000:12_000]) < 0.5 * 10 ** (-60 / 20)


def test_chunks_follow_each_other_without_a_seam(page: Page) -> None:
    sound = tone(0.6, RATE)
    pieces = [chunk(start, sound[start : start + 639]) for start in range(0, len(sound), 639)]
    whole = render(page, chunk(0, sound), source=RATE)
    assert np.array_equal(render(page, *pieces, source=RATE).sound, whole.sound)


def test_each_frame_of_the_microphone_tells_what_was_played(page: Page) -> None:
    made = render(page, chunk(0, tone(0.5, RATE)), source=RATE)
    positions = [position for position, _ in made.reports]
    assert positions[:3] == pytest.approx([320, 640, 960], abs=128)
    assert positions == sorted(positions)
    assert positions[-1] == 8_000


def test_a_clear_fades_in_a_moment_and_drops_the_rest(page: Page) -> None:
    at = 0.2
    made = render(page, chunk(0, tone(0.6, RATE)), {"type": "clear", "at": at}, source=RATE)
    assert level(made.sound[int(at * RATE) + 80 :]) == 0
    assert np.max(np.abs(np.diff(made.sound))) < 0.1  # of a tone of this level: no click
    assert made.reports[-1] == (int(at * RATE), 1)


def test_a_clear_leaves_what_must_be_said(page: Page) -> None:
    must = chunk(4_800, tone(0.1, RATE), must=True)
    made = render(page, chunk(0, tone(0.3, RATE)), must, {"type": "clear", "at": 0.128}, source=RATE)
    assert made.reports[-1] == (4_800 + 1_600, 1)
    assert np.flatnonzero(np.abs(made.sound) > 0.01)[-1] / RATE == pytest.approx(0.228 + 0.005, abs=0.005)


def test_a_pause_keeps_the_place(page: Page) -> None:
    steps = ({"type": "pause", "at": 0.2}, {"type": "resume", "at": 0.4})
    made = render(page, chunk(0, tone(0.5, RATE)), *steps, source=RATE)
    assert level(made.sound[int(0.21 * RATE) : int(0.39 * RATE)]) == 0
    assert np.max(np.abs(np.diff(made.sound))) < 0.1
    assert np.flatnonzero(np.abs(made.sound) > 0.01)[-1] / RATE == pytest.approx(0.7 - 0.005, abs=0.005)
    assert made.reports[-1] == (8_000, 0)


def test_sound_that_comes_late_is_played_from_where_it_goes_on(page: Page) -> None:
    made = render(page, chunk(0, tone(0.1, RATE)), chunk(1_600, tone(0.1, RATE), at=0.3), source=RATE)
    assert level(made.sound[int(0.12 * RATE) : int(0.29 * RATE)]) == 0
    assert level(made.sound[int(0.31 * RATE) : int(0.39 * RATE)]) > 0.3
    assert made.reports[-1] == (3_200, 0)


def test_sound_that_breaks_off_makes_no_click_on_either_side(page: Page) -> None:
    peak = tone(0.2, RATE)[: round(0.1 * RATE) + 8]  # breaks off in the midst of a wave
    rest = tone(0.1, RATE)[8:]
    made = render(page, chunk(0, peak), chunk(len(peak), rest, at=0.3), source=RATE)
    assert np.max(np.abs(np.diff(made.sound))) < 0.1
    assert made.reports[-1] == (len(peak) + len(rest), 0)
