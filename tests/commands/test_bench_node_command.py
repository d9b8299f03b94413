"""`voicegraph bench --node`: one node alone, ours or anybody's."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.commands.calls import sound_file, voicegraph
from voicegraph.caller import voices
from voicegraph.node import lookup
from voicegraph.observe.bench import nodes
from voicegraph.observe.bench.result import Result, read

ROOT = Path(__file__).parents[2]

CUSTOM = """\
from collections.abc import AsyncIterator
from voicegraph import Audio, Sentence, Token, UserTurn, node


@node("mine.shout")
class Shout:
    \"\"\"Says it louder.\"\"\"

    marks: int = 1

    async def on_sentence(self, sentence: Sentence) -> Sentence:
        return Sentence(sentence.text.upper() + "!" * self.marks)


@node("mine.broken")
async def broken(turn: UserTurn) -> Token:
    raise ZeroDivisionError("by nothing")


@node("mine.keyed", env=("MINE_KEY",))
async def keyed(turn: UserTurn) -> Token:
    return Token("hello")


@node("mine.needy", packages=("no_such_package",))
async def needy(turn: UserTurn) -> Token:
    return Token("hello")


@node("mine.clock")
async def clock() -> AsyncIterator[Audio]:
    yield Audio(b"")
"""

GRAPH = """\
imports: mine.py
nodes:
  line: {use: file.call, with: {input: caller.wav}}
  stt: {use: script.stt, with: {script: []}}
  aggregator: {use: aggregator, with: {end_silence: 250ms}}
  brain: mine.keyed
  sentences: sentences
  shout: {use: mine.shout, with: {marks: 3}}
  tts: {use: tone.tts, recover: {fallback: other}}
  other: tone.tts
flow: [line -> stt -> aggregator -> brain -> sentences -> shout -> tts -> line]
"""


@pytest.fixture(autouse=True)
def _short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "RUN", 0.002)
    monkeypatch.setattr(voices, "has_local", lambda: False)
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file: in a process a node type has one definition."""
    file = tmp_path_factory.mktemp("mine") / "mine.py"
    file.write_text(CUSTOM)
    file.with_name("graph.yaml").write_text(GRAPH)
    return file


def benched(folder: Path, *arguments: str | Path) -> Result:
    """The result of a command that succeeds."""
    file = folder / "result.json"
    done = voicegraph("bench", *arguments, "--json", file, "--rounds", "2", "--turns", "4")
    assert done.exit_code == 0, done.output
    return read(file)


@pytest.mark.parametrize("name", ["sentences", "processors.sentences", "voicegraph.processors.sentences"])
def test_a_node_of_ours_by_its_type_or_its_module(name: str) -> None:
    done = voicegraph("bench", "--node", name, "--rounds", "2", "--turns", "2")
    assert done.exit_code == 0, done.output
    assert "sentences alone, fed with 20 Token a turn; 2 rounds of " in done.stdout
    for words in ("CPU for each frame, in us", "\nframework ", "\nits own ", "At the pace of a call", "first output"):
        assert words in done.stdout


def test_a_node_of_ones_own(tmp_path: Path, mine: Path) -> None:
    result = benched(tmp_path, "--node", "mine.shout", "--imports", mine, "--with", "marks=2")
    assert (result.graph, result.nodes) == ("mine.shout", ("mine.shout",))
    assert len(result.costs) == 2
    assert [totals.items for call in result.calls for totals in call.totals] == [4, 4]
    assert "marks: 2" in result.plan
    assert result.caller.told == "2 Sentence a turn"


def test_a_node_of_a_graph_with_its_settings(tmp_path: Path, mine: Path) -> None:
    graph = mine.with_name("graph.yaml")
    result = benched(tmp_path, graph, "--node", "shout", "--set", "nodes.shout.with.marks=5")
    assert (result.graph, result.nodes, result.file) == ("mine.shout", ("shout",), str(graph))
    assert "marks: 5" in result.plan
    assert benched(tmp_path, graph, "--node", "other").graph == "tone.tts"  # which only stands by


def test_what_it_hears_is_a_recording_or_simulated_speech(tmp_path: Path) -> None:
    arguments = ("--node", "scripted.stt")
    assert benched(tmp_path, *arguments).caller.told.endswith(
        "200 Audio, 1 SpeechStarted, 1 SpeechStopped a turn, in simulated speech"
    )
    heard = benched(tmp_path, *arguments, "--in", sound_file(tmp_path))
    assert heard.caller.told.endswith("a turn, caller.wav")


def test_two_results_are_compared(tmp_path: Path, mine: Path) -> None:
    arguments = ("--node", "mine.shout", "--imports", mine)
    benched(tmp_path, *arguments)
    old = (tmp_path / "result.json").rename(tmp_path / "old.json")
    done = voicegraph("bench", *arguments, "--rounds", "2", "--turns", "2", "--compare", old)
    assert done.exit_code == 0, done.output
    table = done.stdout.partition("Compared with")[2]
    assert "\nown time " in table
    assert "\nframework " in table
    other = voicegraph("bench", "--node", "sentences", "--rounds", "2", "--turns", "2", "--compare", old)
    assert other.exit_code == 1
    assert "it is of `mine.shout`, and this is `sentences`" in other.stderr


def test_a_page_of_it(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = voicegraph("bench", "--node", "sentences", "--rounds", "2", "--turns", "2", "--html", page)
    assert done.exit_code == 0, done.output
    assert "sentences" in page.read_text()


# --- how it refuses -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("mine.broken",), "mine.broken: ZeroDivisionError: by nothing"),
        (("mine.keyed",), "needs the environment variable `MINE_KEY`: export MINE_KEY=..., or bench it against"),
        (("mine.needy",), "`mine.needy` needs `no_such_package`: pip install no_such_package"),
        (("mine.clock",), "`node` takes nothing"),
        (("file.call",), "is a line, and a line has a call around it"),
        (("mine.shuot",), "no node type `mine.shuot`"),
        (("mine.shuot",), "did you mean `mine.shout`?"),
        (("processors.nothing",), "--imports FILE.py defines more"),
        (("mine.shout", "--with", "marks=loud"), "error[bad-config]: `marks`"),
        (("mine.shout", "--with", "loud=1"), "has no setting `loud`"),
        (("rules.chat",), "give it: --with KEY=VALUE"),
        (("scripted.stt", "--in", "nowhere.wav"), "nowhere.wav"),
        (("scripted.stt", "--in", "a.wav", "--in", "b.wav"), "hears one recording"),
    ],
)
def test_a_node_that_cannot_be_benched(
    mine: Path, arguments: tuple[str, ...], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MINE_KEY", raising=False)
    done = voicegraph("bench", "--node", *arguments, "--imports", mine, "--rounds", "1")
    assert done.exit_code == 1
    assert words in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.output


def test_a_module_with_several_types(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = lookup("sentences")
    several = {name: dataclasses.replace(kind, name=name) for name in ("a.one", "a.two")}
    monkeypatch.setattr("voicegraph.commands.benching_node.node_types", lambda: several)
    done = voicegraph("bench", "--node", "processors.sentences")
    assert done.exit_code == 1
    assert "has several node types: name one of `a.one`, `a.two`" in done.stderr


def test_an_import_that_fails_is_told_at_its_line(tmp_path: Path) -> None:
    file = tmp_path / "wrong.py"
    file.write_text("import voicegraph\nx = 1 / 0\n")
    done = voicegraph("bench", "--node", "mine.shout", "--imports", file)
    assert done.exit_code == 1
    assert f"{file}:2:1: error[import-failed]: ZeroDivisionError" in done.stderr


def test_a_node_that_the_graph_has_not(mine: Path) -> None:
    done = voicegraph("bench", mine.with_name("graph.yaml"), "--node", "shuot")
    assert done.exit_code == 1
    assert "has no node `shuot`; did you mean `shout`?" in done.stderr


@pytest.mark.parametrize("option", [("--with", "marks=1"), ("--imports", "mine.py")])
def test_options_for_a_node_that_is_in_no_graph(mine: Path, option: tuple[str, str]) -> None:
    done = voicegraph("bench", mine.with_name("graph.yaml"), "--node", "shout", *option)
    assert done.exit_code == 2
    assert "goes with --node TYPE" in done.stderr
