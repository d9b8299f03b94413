"""Files of timelines: what `run --trace` writes, and what `trace` reads: that, a result of `bench`, a recording."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import msgspec

from voicegraph.errors import VoicegraphError
from voicegraph.observe.bench import result
from voicegraph.observe.bench.result import Result
from voicegraph.observe.timeline import VERSION, Part, Timeline, Turn

HOW = "make one with `voicegraph run GRAPH --trace FILE`"


def prepare(path: Path) -> None:
    """Raises VoicegraphError if nothing can be written there; for before a call. Leaves alone what is there."""
    there = path.exists()
    try:
        with path.open("ab"):
            pass
        if not there:
            path.unlink()
    except OSError as error:
        raise _unwritable(path, error) from error


def write(timeline: Timeline, path: Path) -> None:
    """As JSON. Raises VoicegraphError."""
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(timeline), indent=1) + b"\n")
    except OSError as error:
        raise _unwritable(path, error) from error


def read(path: Path) -> Timeline | Result:
    """A trace, a result of `voicegraph bench`, or a recording's transcript. Raises VoicegraphError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise VoicegraphError(f"cannot read {path}: {error.strerror}") from error
    if path.suffix == ".jsonl":
        return _of_recording(data, path)
    try:
        head = msgspec.json.decode(data, type=_Head)
    except msgspec.DecodeError as error:
        raise VoicegraphError(f"{path} is no trace of a call: {HOW}") from error
    if head.rounds is not msgspec.UNSET:
        return result.read(path)
    if head.version != VERSION:
        raise VoicegraphError(
            f"{path} is a trace of version {head.version}, and this voicegraph reads {VERSION}: {HOW}"
        )
    try:
        return msgspec.json.decode(data, type=Timeline)
    except msgspec.DecodeError as error:
        raise VoicegraphError(f"{path} is no whole trace of a call: {error}; {HOW}") from error


class _Head(msgspec.Struct):
    """As much of a file as tells what it is."""

    version: int
    rounds: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def _unwritable(path: Path, error: OSError) -> VoicegraphError:
    return VoicegraphError(f"cannot write {path}: {error.strerror}")


# --- recordings ------------------------------------------------------------------------------------------------------


class _Line(msgspec.Struct):
    """A line of what `voicegraph.observe.recording` writes. The first has `graph` and `began`."""

    graph: str = ""
    began: str = ""
    at: float = 0.0
    end: float | None = None
    who: str = ""
    text: str = ""
    turn: int = 0
    interrupted: bool = False
    said: str | None = None


def _of_recording(data: bytes, path: Path) -> Timeline:
    """Turns with their answers, and no more: a recording knows what was heard and when, but not what the nodes did."""
    try:
        first, *lines = msgspec.json.Decoder(_Line).decode_lines(data)
        began = datetime.fromisoformat(first.began).timestamp()
    except (msgspec.DecodeError, ValueError) as error:
        raise VoicegraphError(f"{path} is no transcript of a recording: {HOW}") from error
    turns = tuple(_turns(lines))
    if not turns:
        raise VoicegraphError(f"{path} holds no answer of the agent, so there is nothing to show: {HOW}")
    seconds = max(line.end or line.at for line in lines)
    return Timeline(graph=first.graph, call=path.stem, began=began, seconds=seconds, turns=turns)


def _turns(lines: Iterable[_Line]) -> Iterable[Turn]:
    """The agent's utterances, each with what the caller said since the one before."""
    last = {line.turn: line for line in lines if line.who == "agent"}  # a later line of a turn replaces the ones before
    asked = sorted((line for line in lines if line.who == "caller"), key=lambda line: line.at)
    before = -math.inf
    for agent in sorted(last.values(), key=lambda line: line.at):
        words = [line for line in asked if before <= line.at < agent.at and line.text]
        before = agent.at
        yield _turn(agent, words)


def _turn(agent: _Line, asked: list[_Line]) -> Turn:
    end = agent.end if agent.end is not None else agent.at
    stopped = min(asked[-1].end, agent.at) if asked and asked[-1].end is not None else None
    parts = (Part(node="", what="heard", start=stopped, end=agent.at),) if stopped is not None else ()
    return Turn(
        turn=agent.turn,
        began=agent.at,
        speech_end=stopped,
        marks={"heard": agent.at},
        answer=None if stopped is None else agent.at - stopped,
        interrupted=end if agent.interrupted else None,
        seconds=end - agent.at,
        heard_seconds=end - agent.at,
        steps=parts,
        path=parts,
        asked=" ".join(line.text for line in asked) or None,
        heard=agent.text,
        unheard=(agent.said or "").removeprefix(agent.text).strip() or None,
    )
