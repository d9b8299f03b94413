"""Pause first, decide later: an agent that never stops speaking, and a caller who coughs, under virtual time.

    python -m benchmarks.contenders.interrupts_pauses COUNT SEED [BUG]     prints its results as JSON

The VAD is `scripted.vad`; the aggregator and the engine are the real ones, and the line is `simulated.call`, which
keeps what was heard to the sample. The agent's samples are numbered, so a lost or a repeated one shows.

BUG makes the line pause wrongly, which has to be found.
"""

from __future__ import annotations

import array
import asyncio
import itertools
import json
import sys
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable
from functools import partial
from random import Random
from typing import Annotated, Any

from loguru import logger

from benchmarks.contenders.plans import plan_of
from voicegraph import Frame, Pause, Rate, Resume, Sentence, SpeechStarted, TTSAudio, UserTurn, node
from voicegraph.engine.session import Session
from voicegraph.processors.aggregator import Aggregator
from voicegraph.testing.scripted.vad import ScriptedVAD
from voicegraph.testing.simulated import SimulatedCall
from voicegraph.testing.virtual import run_virtual

logger.remove()
RATE = 16_000
CHUNK = 320
FRAME = 0.02
PERIOD = 1 << 16
CALL = 100
"""Coughs in one call."""


@node("pauses.answers")
def answers(turn: UserTurn) -> Sentence:
    """Nobody asks."""
    return Sentence(turn.text)


@node("pauses.voice")
class Voice:
    """Counts its samples, for ever."""

    async def speak(self, sentence: Sentence) -> AsyncIterator[Annotated[TTSAudio, Rate(RATE)]]:
        for first in itertools.count(0, CHUNK):
            samples = array.array("H", (number % PERIOD for number in range(first, first + CHUNK)))
            yield TTSAudio(samples.tobytes(), RATE)


class Ear:
    """Sees when what was given. took: seconds of computing from the start of speech to the line's silence."""

    def __init__(self) -> None:
        self.given_at: dict[type[Frame], list[float]] = {SpeechStarted: [], Pause: [], Resume: []}
        self.took: list[float] = []
        self._noticed = 0.0
        self.session: Any = None

    def given(self, node: str, frame: Frame) -> None:
        if type(frame) in self.given_at:
            self.given_at[type(frame)].append(self.session.now())
        if type(frame) is SpeechStarted:
            self._noticed = time.perf_counter()

    def played(self, turn: int, seconds: float) -> None:
        """The line knows better."""

    def watch(self, line: SimulatedCall, bug: str | None) -> None:
        pause = partial(BUGS[bug], line, line.pause) if bug else line.pause

        def stamped() -> None:
            pause()
            self.took.append(time.perf_counter() - self._noticed)

        line.pause = stamped  # type: ignore[method-assign]


def late(line: SimulatedCall, pause: Callable[[], None]) -> None:
    """Falls silent a little later."""
    asyncio.get_running_loop().call_later(0.03, pause)


def forgets(line: SimulatedCall, pause: Callable[[], None]) -> None:
    """Lets go of what it had queued."""
    line.clear()
    pause()


BUGS = {"late": late, "forgets": forgets}


async def call(seed: int, coughs: int, bug: str | None) -> tuple[SimulatedCall, Ear]:
    nodes: dict[str, Any] = {
        "line": (SimulatedCall, {"rate": RATE, "greeting": "go"}),
        "vad": (ScriptedVAD, {}),
        "aggregator": (Aggregator, {"interrupt": {"pause_first": True, "min_words": 1}}),
        "answers": (answers, {}),
        "voice": (Voice, {}),
    }
    ear, random = Ear(), Random(seed)
    session = ear.session = Session(plan_of(nodes, " -> ".join((*nodes, "line"))), seed=seed, observers=(ear,))
    line: SimulatedCall = session.nodes["line"].instance
    ear.watch(line, bug)

    async def cough() -> None:
        for _ in range(coughs):
            for _ in range(random.randint(3, 60)):
                await line.tick()
            await line.cough(random.randint(4, 40) * 0.02).done()
        for _ in range(50):
            await line.tick()
        line.hang_up()

    coughing = session.keep(cough())
    await session.run()
    await coughing
    return line, ear


def breaks(line: SimulatedCall) -> tuple[int, int]:
    """Samples that were heard, and those that do not follow upon the one before."""
    heard = array.array("H", b"".join(bytes(stretch.pcm) for stretch in line.heard.stretches))
    wrong = sum((one + 1) % PERIOD != other for one, other in itertools.pairwise(heard)) + (heard[0] != 0)
    return len(heard), wrong


def heard_after(line: SimulatedCall, ear: Ear) -> tuple[int, int]:
    """Samples of the agent that were heard from the moment speech was noticed until it spoke on: the most of any.

    And how often speech did not pause the agent, or not keep it so: on a line so noisy that it has just been silent for
    longer than `turn_taking.barge_in.NOISE_WAIT`.
    """
    paused = set(ear.given_at[Pause])
    resumes = [*ear.given_at[Resume], float("inf")]
    stretches = [(stretch.at, len(stretch.pcm) // 2) for stretch in line.heard.stretches]
    most = spoke_on = 0
    for at in ear.given_at[SpeechStarted]:
        until = resumes[bisect_right(resumes, at)]
        heard = sum(_overlap(*each, at, until) for each in stretches)
        if at in paused:
            most = max(most, heard)
        else:
            spoke_on += heard > 0
    return most, spoke_on


def _overlap(at: float, samples: int, begin: float, end: float) -> int:
    """How many samples of a stretch lie between these times."""
    first, last = round(max(at, begin) * RATE), round(min(at + samples / RATE, end) * RATE)
    return max(0, last - first)


def main(count: int, seed: int, bug: str | None = None) -> None:
    began = time.process_time()
    totals = dict.fromkeys(("pauses", "resumes", "samples", "lost_or_repeated", "heard_after", "spoke_on"), 0)
    took: list[float] = []
    for number in itertools.count(seed * 1_000_000):
        line, ear = run_virtual(call(number, min(CALL, count), bug), seed=number)
        samples, wrong = breaks(line)
        most, spoke_on = heard_after(line, ear)
        totals["heard_after"] = max(totals["heard_after"], most)
        totals["spoke_on"] += spoke_on
        took += ear.took
        totals["pauses"] += len(ear.given_at[Pause])
        totals["resumes"] += len(ear.given_at[Resume])
        totals["samples"] += samples
        totals["lost_or_repeated"] += wrong
        if totals["pauses"] >= count:
            break
    took_ms = [seconds * 1000 for seconds in took]
    cpu = round(time.process_time() - began, 2)
    print(json.dumps({**totals, "computing_ms": took_ms, "cpu_seconds": cpu}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:4])
