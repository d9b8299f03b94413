"""What is known before a call to be said in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import pytest

from tests.graph.nodes import AGENT, CallsTools
from tests.graph.reading import chat, part, plan, read
from voicegraph import Duration, Transcript, UserTurn, node
from voicegraph.graph import compile_plan
from voicegraph.graph.plan import GOODBYE, SORRY
from voicegraph.node import node_type
from voicegraph.settings import Spoken
from voicegraph.testing import SimulatedCall


@dataclass
class Asking:
    say: Spoken = "Are you still there?"
    after: Duration = 10.0
    more: list[Annotated[Spoken, "a note"]] = field(default_factory=list[str])


@node("t.speaks")
class Speaks:
    """Has words for the caller in all kinds of places."""

    first: Spoken = ""
    other: Spoken | None = None
    told: str = "only to the model"
    asking: Asking | None = None
    by_day: dict[str, Spoken] = field(default_factory=dict[str, str])

    def on_text(self, frame: Transcript) -> UserTurn | None: ...


SILENT = "watchdog: {sorry: ~, goodbye: ~}\n"


def test_what_is_known_to_be_said(tmp_path: Path) -> None:
    (tmp_path / "clinic.py").write_text(
        "from voicegraph import tool\n@tool(phrase='One moment, I look.')\ndef look() -> None:\n    'Looks.'\n"
    )
    with_tools = f"use: {node_type(CallsTools).name}, with: {{tools: [clinic.look]}},"
    text = "imports: [./clinic.py]\n" + AGENT.replace("use: t.llm,", with_tools)
    both = [f"nodes.{name}.recover={{say: Hm.}}" for name in ("backup", "vad")]
    made = plan(text, "nodes.line.with.greeting=Hello.", *both, "watchdog.say=Still here.", folder=tmp_path)
    assert made.phrases == ("Hello.", "Hm.", "One moment please.", "Still here.", SORRY, GOODBYE, "One moment, I look.")
    assert plan(chat(rest=SILENT)).phrases == ()


@pytest.mark.parametrize(
    ("settings", "phrases"),
    [
        ("{}", ()),
        ("{first: Hello., told: secret}", ("Hello.",)),
        ("{other: Two.}", ("Two.",)),
        ("{asking: {}}", ("Are you still there?",)),
        ("{asking: {say: One., more: [Two., Three., One.]}}", ("One.", "Two.", "Three.")),
        ("{first: ' ', by_day: {monday: Closed.}}", ("Closed.",)),
    ],
)
def test_spoken_settings_wherever_they_stand(settings: str, phrases: tuple[str, ...]) -> None:
    nodes = f"stt: t.stt\nspeaks: {{use: t.speaks, with: {settings}}}"
    assert plan(part(nodes, "stt -> speaks", SILENT)).phrases == phrases


def test_the_greetings_of_our_lines_are_spoken() -> None:
    for kind in ("file.call", "local.call", node_type(SimulatedCall).name):
        text = part(f"line: {{use: {kind}, with: {{greeting: Hello.}}}}\nstt: t.stt", "line -> stt")
        assert compile_plan(read(text, ready=False)).phrases[:1] == ("Hello.",)
