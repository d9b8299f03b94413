"""What a vendor refuses during a call, or before it, is told in a line with the node and its place in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.calls import GRAPH, graph_file, sound_file, voicegraph
from voicegraph import Token, UserTurn, node
from voicegraph.commands.placing import Places
from voicegraph.errors import CallFailed, ProviderError, VoicegraphError

REFUSAL = "Acme: does not accept the key: check the environment variable `ACME_KEY`"
BRAIN = '  brain: {use: echo.chat, with: {prefix: "You said: "}}'


@node("commands.refused")
class Refused:
    """A vendor that accepts no key: when it is first asked, or when it is warmed."""

    warmed: bool = False

    def warm(self) -> None:
        if self.warmed:
            self._ask()

    def on_turn(self, turn: UserTurn) -> Token:
        self._ask()
        return Token("never")

    def _ask(self) -> None:
        raise ProviderError(
            "Acme", "does not accept the key: check the environment variable `ACME_KEY`", retryable=False
        )


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    return graph_file(tmp_path, GRAPH.replace(BRAIN, "  brain: commands.refused"))


def test_in_a_call(tmp_path: Path, graph: Path) -> None:
    result = voicegraph("run", graph, "--in", sound_file(tmp_path), "--fast")
    (fault,) = (line for line in result.stdout.splitlines() if " fault " in line)
    assert f"  {graph}:7:10: brain: " in fault
    assert fault.endswith(REFUSAL)


@pytest.mark.parametrize("command", [("run",), ("bench", "--turns", "1")])
def test_before_it(tmp_path: Path, graph: Path, command: tuple[str, ...]) -> None:
    warmed = ("--set", "nodes.brain.with.warmed=true")
    result = voicegraph(*command, graph, "--in", sound_file(tmp_path), "--fast", *warmed)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == f"error: {graph}:7:10: brain: {REFUSAL}"


def test_what_ended_a_call(graph: Path) -> None:
    places = Places(graph, ())
    refused = ProviderError("Acme", "is gone", retryable=False)
    assert (
        str(places.told(refused, [("stt", VoicegraphError()), ("brain", refused)])) == f"{graph}:7:10: brain: {refused}"
    )
    assert places.told(refused, []) is refused
    other = CallFailed("brain", "ZeroDivisionError: division by zero")
    assert places.told(other, [("brain", other)]) is other


def test_a_node_that_is_in_no_file(graph: Path) -> None:
    assert Places(graph, ()).named("resample 1") == "resample 1"


def test_a_file_that_was_changed_meanwhile(graph: Path) -> None:
    graph.write_text("nodes: [")
    assert Places(graph, ()).named("brain") == "brain"
