"""Graphs and sound files for the tests of the command line, and the command line itself."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import NamedTuple

from typer.testing import CliRunner

from voicegraph.runner import app

GRAPH = """\
nodes:
  line: {use: file.call, with: {tail: 2s}}
  stt:
    use: script.stt
    with: {script: [{since: 300ms, at: 600ms, text: "Are you"}, {since: 700ms, at: 900ms, text: "Are you open?"}]}
  aggregator: aggregator
  brain: {use: echo.chat, with: {prefix: "You said: "}}
  sentences: sentences
  tts: tone.tts
flow:
  - line -> stt -> aggregator -> brain -> sentences -> tts -> line
"""


class Outcome(NamedTuple):
    """How a command ended, and what it said. output: both streams, as a terminal would mix them."""

    exit_code: int
    stdout: str
    stderr: str
    output: str


def voicegraph(*arguments: str | Path) -> Outcome:
    """Runs a command in this process. An exception that it lets through is the test's failure."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    return Outcome(done.exit_code, done.stdout, done.stderr, done.output)


def graph_file(folder: Path, text: str = GRAPH) -> Path:
    file = folder / "graph.yaml"
    file.write_text(text)
    return file


def sound_file(folder: Path, seconds: float = 1.0) -> Path:
    """A silent WAV."""
    file = folder / "caller.wav"
    with wave.open(str(file), "wb") as sound:
        sound.setparams((1, 2, 16_000, 0, "NONE", ""))
        sound.writeframes(bytes(2 * round(16_000 * seconds)))
    return file


def seconds_of(file: Path) -> float:
    with wave.open(str(file)) as sound:
        seconds: float = sound.getnframes() / sound.getframerate()
    return seconds
