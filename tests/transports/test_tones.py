"""A tone goes in through a line, is said back by the agent, and comes out again: through a resampler each way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.transports.page import Peer
from tests.transports.sounds import measure, tone
from voicegraph import Audio, Call, Rate, Transcript, TTSAudio, UserTurn, node, this_call
from voicegraph.audio.wav import read_wav, write_wav
from voicegraph.engine.session import Session
from voicegraph.graph import Plan, compile_plan, loads
from voicegraph.testing import run_virtual

Signal = NDArray[np.float64]

LINE = 16_000
PITCH = 440.0
SECONDS = 1.0
LEVEL = 0.3
_kept: dict[str, list[bytes]] = {}


@node("tones.ear")
class Ear:
    """Keeps what the caller says, and asks for it when that was all of the tone."""

    rate: int
    call: Call = this_call()

    def on_audio(self, audio: Annotated[Audio, Rate("rate")]) -> Transcript | None:
        if not audio.at:
            _kept[self.call.id] = []  # calls of tests have one name
        kept = _kept[self.call.id]
        kept.append(audio.pcm)
        said = sum(map(len, kept)) / (2 * self.rate)
        return Transcript("la", end=said) if said - audio.seconds < SECONDS + 0.2 <= said else None


@node("tones.mouth")
class Mouth:
    """Says it back, in pieces of an odd length."""

    rate: int
    call: Call = this_call()

    def on_turn(self, turn: UserTurn) -> Iterator[Annotated[TTSAudio, Rate("rate")]]:
        sound, size = b"".join(_kept[self.call.id]), 2 * 777
        for start in range(0, len(sound), size):
            yield TTSAudio(sound[start : start + size], rate=self.rate, text="" if start else "la")


GRAPH = """
nodes:
  line: {line}
  ear: {{use: tones.ear, with: {{rate: {rate}}}}}
  aggregator: {{use: aggregator, with: {{end_silence: 100ms}}}}
  mouth: {{use: tones.mouth, with: {{rate: {rate}}}}}
flow: line -> ear -> aggregator -> mouth -> line
"""
each_rate = pytest.mark.parametrize("rate", [8_000, 24_000])


def plan_of(line: str, rate: int) -> Plan:
    plan = compile_plan(loads(GRAPH.format(line=line, rate=rate)))
    assert sum(made.kind.name == "resample" for made in plan.nodes.values()) == 2
    return plan


def assert_is_the_tone(pcm: bytes) -> None:
    """At its pitch, level and length, and nothing else: a seam that clicks would be heard between."""
    samples: Signal = np.frombuffer(pcm, "<i2").astype(np.float64)
    sounding = np.flatnonzero(np.abs(samples) > 500)
    first, last = int(sounding[0]), int(sounding[-1])
    assert (last - first) / LINE == pytest.approx(SECONDS, abs=0.004)
    middle: Signal = samples[first + 800 : last - 800]
    pitch, level, _ = measure(middle.astype("<i2").tobytes(), LINE)
    assert pitch == pytest.approx(PITCH, abs=0.5)
    assert level == pytest.approx(LEVEL, rel=0.01)
    turns = 2 * np.pi * PITCH / LINE * np.arange(len(middle))
    base = np.stack([np.sin(turns), np.cos(turns)], axis=1)
    rest = middle - base @ np.linalg.lstsq(base, middle, rcond=None)[0]
    assert float(np.max(np.abs(rest))) < 0.002 * 32_767


@each_rate
def test_a_tone_through_a_file_comes_back(tmp_path: Path, rate: int) -> None:
    write_wav(tmp_path / "in.wav", tone(PITCH, SECONDS, LEVEL, LINE) + bytes(LINE), LINE)
    settings = f"{{use: file.call, with: {{input: {tmp_path}/in.wav, output: {tmp_path}/out.wav, tail: 2s}}}}"
    run_virtual(Session(plan_of(settings, rate), seed=0).run(), seed=1)
    assert_is_the_tone(read_wav(tmp_path / "out.wav", LINE))


@each_rate
def test_a_tone_through_a_page_comes_back(rate: int) -> None:
    peer, plan = Peer(LINE), plan_of("browser.call", rate)

    async def run() -> None:
        session = Session(plan, seed=0)
        session.line.attach(peer)
        running = asyncio.ensure_future(session.run())
        sound = tone(PITCH, SECONDS, LEVEL, LINE) + bytes(2 * 3 * LINE)
        for start in range(0, len(sound), 2 * peer.frame):
            await asyncio.sleep(0.02)
            peer.loudspeaker.play(peer.frame)
            peer.say(peer.loudspeaker.report + sound[start : start + 2 * peer.frame])
        peer.leave()
        await running

    run_virtual(run(), seed=1)
    assert_is_the_tone(np.array(peer.loudspeaker.heard, "<i2").tobytes())
