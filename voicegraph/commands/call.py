"""`voicegraph call`: calls a telephone agent without a telephone, once to see what happens, or often to load it."""

from __future__ import annotations

import os
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voicegraph.commands import calling
from voicegraph.errors import VoicegraphError

if TYPE_CHECKING:
    from voicegraph.caller.steps import Step

TOKEN = "TWILIO_AUTH_TOKEN"
NEEDED = ("websockets", "httpx2", "numpy")


class VoiceKind(StrEnum):
    """Who speaks for the caller."""

    LOCAL = "local"
    SIMULATED = "simulated"


def call(
    url: Annotated[str, typer.Argument(metavar="URL", help="A webhook (https) or a stream (wss).", show_default=False)],
    say: Annotated[list[str] | None, typer.Option(help="What the caller says. Repeatable.")] = None,
    audio: Annotated[Path | None, typer.Option(metavar="WAV", help="What the caller says, recorded.")] = None,
    script: Annotated[Path | None, typer.Option(metavar="FILE", help="What the caller does: YAML.")] = None,
    voice: Annotated[
        VoiceKind | None, typer.Option(help="Of the caller: a local model if it is here.", show_default=False)
    ] = None,
    record: Annotated[Path | None, typer.Option(metavar="WAV", help="Both sides: caller left, agent right.")] = None,
    transcribe: Annotated[bool, typer.Option("--transcribe", help="Write down what the agent says.")] = False,
    parameter: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A parameter of the stream. Repeatable.")
    ] = None,
    caller: Annotated[str, typer.Option("--from", metavar="NUMBER")] = "+15005550006",
    called: Annotated[str, typer.Option("--to", metavar="NUMBER")] = "+15005550001",
    at: Annotated[str, typer.Option(metavar="URL", help="Where the server really is, as http://127.0.0.1:8080.")] = "",
    patience: Annotated[str, typer.Option(help="How long the caller waits for an answer.")] = "10s",
    quiet: Annotated[str, typer.Option("--done-after", help="Silence by which the agent is done.")] = "1s",
    jitter: Annotated[str, typer.Option(help="By how much messages may be late.")] = "0ms",
    stall: Annotated[str, typer.Option(metavar="100ms/2s", help="How long nothing moves, and how often.")] = "",
    loss: Annotated[float, typer.Option(min=0, max=100, help="Percent of the caller's sound that is lost.")] = 0.0,
    number: Annotated[int, typer.Option("--calls", min=1, help="How many calls.")] = 1,
    concurrent: Annotated[
        int | None, typer.Option(min=1, help="At a time. All by default.", show_default=False)
    ] = None,
    every: Annotated[str, typer.Option(help="From the start of one call to the next, at least.")] = "20ms",
    seed: Annotated[int, typer.Option(help="Of all randomness.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures there.")] = None,
) -> None:
    """Calls an agent by Twilio's protocol, and tells what a caller would have heard and when."""
    _check_installed()
    from voicegraph.audio.wav import check_writable
    from voicegraph.caller.dialling import Number, warm
    from voicegraph.caller.load import Plan
    from voicegraph.caller.network import Trouble, parse_stall
    from voicegraph.caller.steps import Manner

    one = number == 1
    if not one and (record or transcribe):
        raise typer.BadParameter("of one call only: leave out --calls", param_hint="--record, --transcribe")
    for file in (record, json_file):
        if file:
            check_writable(file)
    steps, deadline = _steps(say or (), audio, script)
    stalls = dict(zip(("stall", "every"), parse_stall(stall), strict=True)) if stall else {}
    plan = Plan(
        number=Number(url, os.environ.get(TOKEN, ""), at),
        steps=steps,
        voice=_voice(voice),
        manner=Manner(_seconds(patience, "--patience"), _seconds(quiet, "--done-after"), deadline),
        trouble=Trouble(jitter=_seconds(jitter, "--jitter"), loss=loss / 100, **stalls),
        parameters=_parameters(parameter or ()),
        caller=caller,
        called=called,
        ear=one or script is not None,
        keep=bool(record or transcribe),
    )
    warm()
    if one:
        failed = calling.one(plan, seed, record, json_file, transcribe=transcribe)
    else:
        failed = calling.many(plan, number, concurrent or number, _seconds(every, "--every"), seed, json_file)
    if failed:
        raise typer.Exit(1)


# --- what is asked for ----------------------------------------------------------------------------------------------


def _check_installed() -> None:
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise VoicegraphError(f"calling needs {', '.join(missing)}: pip install 'voicegraph[call]'")


def _steps(texts: Any, audio: Path | None, script: Path | None) -> tuple[tuple[Step, ...], float]:
    from voicegraph.caller.script import read_script
    from voicegraph.caller.steps import DEADLINE, from_options
    from voicegraph.caller.voices import from_file

    if sum(map(bool, (texts, audio, script))) > 1:
        raise typer.BadParameter("a caller does one of these", param_hint="--say, --audio, --script")
    if not all(text.strip() for text in texts):
        raise typer.BadParameter("there are no words in it", param_hint="--say")
    if script:
        return read_script(script)
    return from_options(texts, (audio.name, from_file(audio)) if audio else None), DEADLINE


def _voice(kind: VoiceKind | None) -> Any:
    from voicegraph.caller import voices

    if kind is VoiceKind.LOCAL or (kind is None and voices.has_local()):
        return voices.local()
    return voices.simulated()


def _seconds(text: str, option: str) -> float:
    from voicegraph.durations import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def _parameters(written: Any) -> dict[str, str]:
    pairs = [each.partition("=") for each in written]
    for name, sign, _ in pairs:
        if not (name and sign):
            raise typer.BadParameter("write NAME=VALUE", param_hint="--parameter")
    return {name: value for name, _, value in pairs}
