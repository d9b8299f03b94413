"""How well smart_turn.judge tells a sentence from one that breaks off, by how much silence it hears behind it.

    apt-get install asterisk-core-sounds-en-wav
    python -m benchmarks.end_of_turn

The prompts of `benchmarks.wer` that are one sentence of 1.5 to 8 s: each whole, and cut off at two of the gaps of 30 to
120 ms in its middle, between words or in the closure of a consonant. Noise of -70 dBFS and a second of silence follow;
silero.vad says where the speech ends. `tail` was chosen on the even half, the odd half is reported. Nobody hesitates
in these recordings, and the model is the surer of a cut the more abrupt it is: callers are harder.
"""

from __future__ import annotations

import re
from random import Random
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.machine import save
from benchmarks.wer import Prompt, prompts
from voicegraph import models
from voicegraph.audio.resample import resample
from voicegraph.frames import Audio, SpeechStarted, SpeechStopped
from voicegraph.processors.silero import SileroVAD
from voicegraph.processors.smart_turn import PRE_ROLL
from voicegraph.providers.smart_turn import RATE, SmartTurn
from voicegraph.testing import run_node

TAILS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
SECONDS = 1.5, 8.0
HOP = RATE // 100
QUIET = 1e-3
"""Energy of a gap, as a share of the loudest 10 ms."""
GAP = 3, 12
"""Its length, in 10 ms."""
MIDDLE = 0.25, 0.8
CUTS = 2
NOISE = 10.0

Probabilities = list[float]


def sentences() -> list[Prompt]:
    return [each for each in prompts() if SECONDS[0] <= each.seconds <= SECONDS[1] and _is_one(each.text.strip())]


def _is_one(text: str) -> bool:
    return not re.search(r"[,.?!:;]\s", text)


def cuts(pcm: bytes, random: Random) -> list[bytes]:
    """The sentence up to some of its gaps."""
    sound = np.frombuffer(pcm, "<i2").astype(np.float64)
    energy = np.square(sound[: len(sound) // HOP * HOP].reshape(-1, HOP)).mean(axis=1)
    quiet = np.diff(np.concatenate(([0], energy < QUIET * energy.max(), [0])))
    edges = zip(np.flatnonzero(quiet == 1), np.flatnonzero(quiet == -1), strict=True)
    lowest, highest = (share * len(energy) for share in MIDDLE)
    gaps = [begin for begin, end in edges if GAP[0] <= end - begin <= GAP[1] and lowest < begin < highest]
    return [pcm[: 2 * HOP * (int(begin) + 1)] for begin in random.sample(gaps, min(CUTS, len(gaps)))]


def judged(model: SmartTurn, pcm: bytes, noise: np.random.Generator) -> Probabilities:
    """At the last pause of a call in which this is said, for each tail; nothing if it is too short to be heard."""
    sound = np.frombuffer(bytes(RATE) + pcm + bytes(2 * RATE), "<i2")
    call = (sound + noise.normal(0, NOISE, len(sound))).round().clip(-32_768, 32_767).astype("<i2").tobytes()
    size = 2 * RATE // 50
    audio = [Audio(call[at : at + size], RATE, at / (2 * RATE)) for at in range(0, len(call), size)]
    events = cast("list[SpeechStarted | SpeechStopped]", run_node(SileroVAD, *audio))
    if len(events) < 2:
        return []
    begin = max(0, round(events[0].at * RATE) - PRE_ROLL)
    return [model.judge(call[2 * begin : 2 * round((events[-1].at + tail) * RATE)]) for tail in TAILS]


def figures(whole: NDArray[np.float64], cut: NDArray[np.float64]) -> dict[str, float]:
    """Percent of those that are taken for complete, and how often a whole sentence is judged above one that is cut."""
    return {
        "whole": round(100 * float((whole >= 0.5).mean()), 1),
        "cut": round(100 * float((cut >= 0.5).mean()), 1),
        "in_order": round(100 * float((whole[:, None] > cut).mean()), 1),
    }


def main() -> None:
    models.pull(["silero-vad", "smart-turn-v3.2"])
    model = SmartTurn(models.path("smart-turn-v3.2"))
    random, noise = Random(0), np.random.default_rng(0)
    every = sentences()
    results: dict[str, Any] = {}
    for name, half in (("tuned on", every[::2]), ("reported", every[1::2])):
        whole: list[Probabilities] = []
        cut: list[Probabilities] = []
        for prompt in track(half, name):
            pcm = resample(prompt.pcm, 8_000, RATE)
            whole.append(judged(model, pcm, noise))
            cut += [judged(model, each, noise) for each in cuts(pcm, random)]
        columns = [np.array([row for row in rows if row]).T for rows in (whole, cut)]
        results[name] = {
            "sentences": len(columns[0][0]),
            "cuts": len(columns[1][0]),
            "tails": {f"{tail:g}": figures(*of) for tail, *of in zip(TAILS, *columns, strict=True)},
        }
    table = Table("tail, s", "whole judged complete, %", "cut judged complete, %", "in order, %")
    for tail, row in results["reported"]["tails"].items():
        table.add_row(tail, *map(str, row.values()))
    Console().print(table)
    print(save("end_of_turn", results, ("voicegraph", "onnxruntime", "numpy")))


if __name__ == "__main__":
    main()
