"""How well whisper.stt reads telephone speech, and how long it takes.

    apt-get install asterisk-core-sounds-en-wav
    python -m benchmarks.wer

Every prompt of Debian's asterisk-core-sounds-en of at least five words and at most 28 s: one studio speaker at 8 kHz,
so better than callers. Settings were chosen on the even half, in the order of the names; the odd half is reported.
Figures are word error rates in percent, and per utterance of 1.5 to 5.5 s milliseconds of processor time, which other
work on the machine changes less than wall time.
"""

from __future__ import annotations

import gzip
import statistics
import time
import wave
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import jiwer
from rich.console import Console
from rich.table import Table
from whisper_normalizer.english import EnglishTextNormalizer

from benchmarks.machine import save
from voicegraph import models
from voicegraph.audio.g711 import decode_mulaw, encode_mulaw
from voicegraph.audio.resample import resample
from voicegraph.frames import Audio, SpeechStarted, SpeechStopped, Transcript
from voicegraph.processors.silero import SileroVAD
from voicegraph.processors.whisper import WhisperSTT
from voicegraph.providers.whisper import Reading, Whisper
from voicegraph.testing import run_node

SOUNDS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
TEXTS = Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
MIN_WORDS, MAX_SECONDS = 5, 28.0
SHORT_SECONDS = 1.5, 5.5
CORRECTIONS = {
    "exclaimation": "exclamation",
    "fourtieth": "fortieth",
    "indentified": "identified",
    "represenatives": "representatives",
    "umute": "unmute",
    "witheld": "withheld",
    " * ": " star ",
    "#": "pound",
}
"""What a spelling checker finds in the texts, and the signs in them that are spoken."""

DEFAULT = Reading()
BARE = replace(DEFAULT, silence=False, repeated="keep")
READINGS = {
    "full window": (replace(DEFAULT, full_above=0.0, repeated="keep"), "30 s, as Whisper was published"),
    "short window": (BARE, "the encoder sees the utterance only; the decoder repeats itself"),
    "short, cut": (replace(BARE, repeated="cut"), "the same, and repetitions are cut from the text"),
    "short, reread": (replace(BARE, repeated="reread"), "the same, and what repeats itself is read in the full window"),
    "default": (DEFAULT, "short window for the encoder, and silence behind it for the decoder"),
    "default, beam 1": (replace(DEFAULT, beam=1), "the same without a beam"),
}
NODES = "default, as nodes"
WHAT = {name: what for name, (_, what) in READINGS.items()}
WHAT[NODES] = "a call through silero.vad and whisper.stt: cut at its pauses and joined again"

Line = Callable[[bytes], bytes]
Recogniser = Callable[[bytes], tuple[str, bool]]
LINES: dict[str, Line] = {"clean": bytes, "mu-law": lambda pcm: decode_mulaw(encode_mulaw(pcm))}


@dataclass(frozen=True)
class Prompt:
    name: str
    text: str
    pcm: bytes

    @property
    def seconds(self) -> float:
        return len(self.pcm) / 16_000


@dataclass
class Score:
    """Adds up over prompts."""

    texts: list[str] = field(default_factory=list[str])
    heard: list[str] = field(default_factory=list[str])
    seconds: float = 0.0
    cpu: float = 0.0
    short_cpu: list[float] = field(default_factory=list[float])
    short_wall: list[float] = field(default_factory=list[float])
    full: int = 0

    def figures(self) -> dict[str, Any]:
        errors = jiwer.process_words(self.texts, self.heard)
        return {
            "wer": round(100 * errors.wer, 2),
            "substitutions": errors.substitutions,
            "deletions": errors.deletions,
            "insertions": errors.insertions,
            "read_in_full_window": self.full,
            "cpu_ms": {"p50": _percentile(self.short_cpu, 50), "p95": _percentile(self.short_cpu, 95)},
            "wall_ms": {"p50": _percentile(self.short_wall, 50), "p95": _percentile(self.short_wall, 95)},
            "cpu_per_second_of_sound": round(self.cpu / self.seconds, 4),
        }


def prompts() -> list[Prompt]:
    normalise = EnglishTextNormalizer()
    found: list[Prompt] = []
    with gzip.open(TEXTS, "rt", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            name, _, text = line.strip().partition(": ")
            path = SOUNDS / f"{name}.wav"
            spoken = len(normalise(text).split()) >= MIN_WORDS and not set("[(") & set(text)
            if not line.startswith(";") and spoken and path.exists():
                with wave.open(str(path)) as file:
                    assert file.getframerate() == 8_000
                    found.append(Prompt(name, _corrected(text), file.readframes(file.getnframes())))
    return sorted(found, key=lambda prompt: prompt.name)


def halves() -> dict[str, list[Prompt]]:
    every = prompts()
    split = {"tuned on": every[::2], "reported": every[1::2]}
    return {name: [prompt for prompt in half if prompt.seconds <= MAX_SECONDS] for name, half in split.items()}


def score(recognise: Recogniser, line: Line, chosen: Iterable[Prompt]) -> Score:
    normalise = EnglishTextNormalizer()
    total = Score()
    for prompt in chosen:
        pcm = resample(line(prompt.pcm), 8_000, 16_000)
        cpu, wall = time.process_time(), time.perf_counter()
        heard, full = recognise(pcm)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        total.texts.append(normalise(prompt.text))
        total.heard.append(normalise(heard))
        total.seconds += prompt.seconds
        total.cpu += cpu
        total.full += full
        if SHORT_SECONDS[0] <= prompt.seconds <= SHORT_SECONDS[1]:
            total.short_cpu.append(1000 * cpu)
            total.short_wall.append(1000 * wall)
    return total


def reader(whisper: Whisper, reading: Reading) -> Recogniser:
    def recognise(pcm: bytes) -> tuple[str, bool]:
        said = whisper.read(pcm, reading)
        return (said.text, said.full) if said else ("", False)

    return recognise


def through_nodes(pcm: bytes) -> tuple[str, bool]:
    """The prompt as a call: half a second of silence, the speech, a second of silence."""
    pcm = bytes(16_000) + pcm + bytes(32_000)
    size = 2 * 3_200
    audio = [Audio(pcm[start : start + size], 16_000, start / 32_000) for start in range(0, len(pcm), size)]
    events = cast("list[SpeechStarted | SpeechStopped]", run_node(SileroVAD, *audio))
    frames = sorted([*audio, *events], key=_position)
    given = run_node(WhisperSTT, *frames, with_={"partials": None})
    utterances = {said.start: said.text for said in given if isinstance(said, Transcript)}
    return " ".join(text for _, text in sorted(utterances.items())), False


def _position(frame: Audio | SpeechStarted | SpeechStopped) -> float:
    """A stop comes behind the audio in which it was noticed."""
    return frame.noticed if isinstance(frame, SpeechStopped) else frame.at


def _corrected(text: str) -> str:
    for wrong, right in CORRECTIONS.items():
        text = text.replace(wrong, right)
    return text


def _percentile(values: list[float], percent: int) -> float:
    return round(statistics.quantiles(values, n=100, method="inclusive")[percent - 1], 1)


def main() -> None:
    models.pull(["whisper-tiny.en", "silero-vad"])
    sets = halves()
    whisper = Whisper(models.path("whisper-tiny.en"))
    whisper.read(bytes(32_000), DEFAULT)
    rows = {name: reader(whisper, reading) for name, (reading, _) in READINGS.items()} | {NODES: through_nodes}
    table = Table(
        "reading", "line", *(f"WER % {half}" for half in sets), "cpu ms p50", "p95", "wall ms p50", min_width=100
    )
    results: dict[str, Any] = {}
    for name, recognise in rows.items():
        for line, carry in LINES.items():
            figures = {half: score(recognise, carry, chosen).figures() for half, chosen in sets.items()}
            results.setdefault(name, {"what": WHAT[name]})[line] = figures
            reported = figures["reported"]
            rates = [str(each["wer"]) for each in figures.values()]
            table.add_row(name, line, *rates, *map(str, reported["cpu_ms"].values()), str(reported["wall_ms"]["p50"]))
    document = {
        "prompts": {
            half: {
                "utterances": len(chosen),
                "seconds": round(sum(p.seconds for p in chosen), 1),
                "words": sum(len(EnglishTextNormalizer()(p.text).split()) for p in chosen),
            }
            for half, chosen in sets.items()
        },
        "model": "whisper-tiny.en, int8, 1 thread",
        "timed": f"utterances of {SHORT_SECONDS[0]} to {SHORT_SECONDS[1]} s; cpu is processor time of all threads",
        "readings": results,
    }
    Console().print(table)
    print(save("wer", document, ("voicegraph", "ctranslate2", "numpy", "onnxruntime", "whisper-normalizer", "jiwer")))


if __name__ == "__main__":
    main()
