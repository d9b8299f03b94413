"""`voicegraph bench`: what it measures, how it judges, and how it refuses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.commands.calls import GRAPH, graph_file, sound_file, voicegraph
from voicegraph import Token, UserTurn, node
from voicegraph.caller import voices
from voicegraph.observe.bench.result import Result, read

ROOT = Path(__file__).parents[2]
HELLO = "graphs/hello.yaml"
VIRTUAL = ("--virtual", "--turns", "6", "--rounds", "2")

SCRIPTED = """\
nodes:
  line: {use: file.call, with: {greeting: "Oak Dental."}}
  stt: {use: scripted.stt, with: {min_silence: 200ms}}
  aggregator: {use: aggregator, with: {end_silence: 300ms}}
  brain: {use: echo.chat, with: {prefix: "I heard you say: "}}
  sentences: sentences
  tts: tone.tts
flow:
  - line -> stt -> aggregator -> brain -> sentences -> tts -> line
budgets: {answer: 10s, barge_in: 1s}
"""

TALKS = """\
graph: graph.yaml
tests:
  - name: two questions
    steps:
      - caller: "When do you open?"
      - agent: "Never mind what."
      - caller: "Thank you."
      - agent: "It is not judged."
  - name: one question
    steps: [caller: "Are you open on Sundays?"]
"""


@node("benched.dials")
class Dials:
    """A brain on the network, which says nothing of that."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        reader, _ = await asyncio.open_connection("127.0.0.1", 1)
        yield Token((await reader.read()).decode())


@node("benched.keyed", env=("BENCHED_KEY",))
class Keyed:
    """A brain with a key."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        yield Token(turn.text)


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture
def voiceless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a voice model."""
    monkeypatch.setattr(voices, "has_local", lambda: False)


def scripted_graph(folder: Path, text: str = SCRIPTED) -> Path:
    (folder / "graph_test.yaml").write_text(TALKS)
    return graph_file(folder, text)


def benched(folder: Path, *arguments: str | Path) -> Result:
    """The result of a command that succeeds."""
    file = folder / "result.json"
    done = voicegraph("bench", *arguments, "--json", file)
    assert done.exit_code == 0, done.output
    return read(file)


def answers(result: Result) -> list[float]:
    return [turn.answer for call in result.calls for turn in call.turns if turn.answer is not None]


# --- what it measures -----------------------------------------------------------------------------------------------


def test_a_graph_in_virtual_time_without_a_key_a_model_or_a_caller() -> None:
    done = voicegraph("bench", "graphs/cloud.yaml", *VIRTUAL)
    assert done.exit_code == 0, done.output
    for words in ("end of speech to answer", "interrupt to silence", "of answer", "p50/p95/p99", "kept"):
        assert words in done.stdout
    for name in ("line", "vad", "stt", "aggregator", "llm", "sentences", "tts"):
        assert f"\n{name} " in done.stdout
    assert "6 answers in 2 calls" in done.stdout
    assert "calling: a scripted caller" in done.stderr


def test_virtual_time_is_the_same_every_time(tmp_path: Path) -> None:
    first, second = (benched(tmp_path, HELLO, *VIRTUAL) for _ in range(2))
    assert answers(first) == answers(second)
    paths = [[turn.path for call in result.calls for turn in call.turns] for result in (first, second)]
    assert paths[0] == paths[1]
    assert any(paths[0])
    assert first.plan == second.plan


def test_the_result_holds_what_is_needed_to_repeat_it(tmp_path: Path) -> None:
    result = benched(tmp_path, HELLO, *VIRTUAL)
    assert (result.graph, result.file, result.mode, result.emulated) == ("hello", HELLO, "virtual", False)
    assert result.machine.cores >= 1
    assert (result.memory_bytes or 0) > 1e6
    assert len(result.rounds) == 2
    assert (result.cpu_per_call_second or 0) > 0
    assert "end_silence: 400ms" in result.plan
    assert [(budget.name, budget.limit, budget.broken) for budget in result.budgets] == [
        ("answer", 0.6, False),
        ("barge_in", 0.05, False),
    ]
    assert {call.file for call in result.calls} == {HELLO}
    assert json.loads((tmp_path / "result.json").read_text())["version"] == 1


def test_the_graphs_own_line_may_play_a_file(tmp_path: Path) -> None:
    result = benched(tmp_path, HELLO, "--fast", "--turns", "4")
    assert (result.mode, result.caller.told) == ("fast", "question.wav")
    assert len(answers(result)) == 4


def test_recordings_take_turns(tmp_path: Path) -> None:
    graph, sound = graph_file(tmp_path), sound_file(tmp_path)
    other = sound.rename(tmp_path / "other.wav")
    sound = sound_file(tmp_path, seconds=2.0)
    result = benched(tmp_path, graph, "--in", sound, "--in", other, "--fast", "--turns", "5", "--rounds", "3")
    assert result.caller.told == "caller.wav, other.wav"
    assert [[round(call.seconds) for call in calls] for calls in result.rounds] == [[4, 3]] * 3
    assert len(answers(result)) == 6


def test_conversations_of_a_test_file(tmp_path: Path) -> None:
    graph = scripted_graph(tmp_path)
    talks = ("--conversations", tmp_path / "graph_test.yaml", "--turns", "3")
    for how in ("--virtual", "--fast"):
        result = benched(tmp_path, graph, *talks, how)
        assert len(answers(result)) == 3
        assert len(list(result.calls)) == 2
        one = benched(tmp_path, graph, *talks, how, "-k", "one question")
        assert len(list(one.calls)) == 3
        assert one.caller.digest != result.caller.digest


def test_a_caller_is_synthesised_where_the_graph_has_none(tmp_path: Path) -> None:
    result = benched(tmp_path, scripted_graph(tmp_path), "--fast", "--turns", "3")
    assert result.caller.told == "a synthesised caller, in simulated speech"
    (call,) = result.calls
    assert len([turn for turn in call.turns if turn.answer is not None]) == 3
    assert len([turn for turn in call.turns if turn.barge_in is not None]) == 1
    assert call.turns[0].speech_end is None  # the greeting of the line that gave way


def test_a_real_voice_speaks_to_transcribers_that_are_none_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken: list[str] = []

    def voice(text: str) -> bytes:
        spoken.append(text)
        return b"\xff\x00" * 4_000

    monkeypatch.setattr(voices, "has_local", lambda: True)
    monkeypatch.setattr(voices, "local", lambda: voice)
    graph = graph_file(tmp_path)
    done = voicegraph("bench", graph, "--conversations", scripted_test(tmp_path), "--fast", "--turns", "1", "-k", "one")
    assert "by piper-" in done.stderr
    assert spoken == ["Are you open on Sundays?"]


def scripted_test(folder: Path) -> Path:
    (folder / "graph_test.yaml").write_text(TALKS)
    return folder / "graph_test.yaml"


def test_set_changes_the_graph_in_every_mode(tmp_path: Path) -> None:
    graph = scripted_graph(tmp_path)
    slower = ("--set", "nodes.aggregator.with.end_silence=2s")
    talks = ("--turns", "1", "--conversations", tmp_path / "graph_test.yaml", "-k", "one")
    for how in (["--virtual", "--turns", "1"], ["--virtual", *talks], ["--fast", *talks]):
        assert min(answers(benched(tmp_path, graph, *how, *slower))) > 1.9
        assert max(answers(benched(tmp_path, graph, *how))) < 1.0


def test_where_nobody_answers_calls_are_counted(tmp_path: Path) -> None:
    silent = ("--set", "nodes.stt.with.script=[]")
    graph, sound = graph_file(tmp_path), sound_file(tmp_path)
    done = voicegraph("bench", graph, "--in", sound, "--fast", "--turns", "2", *silent)
    assert done.exit_code == 0, done.output
    assert "0 answers in 2 calls" in done.stdout
    assert "there is no answer to measure" in done.stderr
    assert "\nstt " in done.stdout


# --- how it judges --------------------------------------------------------------------------------------------------


def test_a_broken_budget_is_told_at_its_place_in_the_file_that_has_it(tmp_path: Path) -> None:
    base = graph_file(tmp_path, SCRIPTED.replace("answer: 10s", "answer: 100ms"))
    child = tmp_path / "child.yaml"
    child.write_text("extends: graph.yaml\nbudgets: {barge_in: 500ms}\n")
    done = voicegraph("bench", child, "--virtual", "--turns", "3", "--json", tmp_path / "result.json")
    assert done.exit_code == 1
    head, *excerpt = done.stderr[done.stderr.index(str(base)) :].splitlines()
    assert head.startswith(f"{base}:10:11: error[broken-budget]: the answer to the caller takes ")
    assert excerpt[1] == "10 | budgets: {answer: 100ms, barge_in: 1s}"
    assert excerpt[2] == "   |           ^^^^^^ more than 100ms"
    assert "over" in done.stdout
    assert [budget.broken for budget in read(tmp_path / "result.json").budgets] == [True, False]


def test_every_broken_budget_is_told(tmp_path: Path) -> None:
    graph = graph_file(tmp_path, GRAPH.replace("brain: {use: echo.chat", "brain: {use: benched.lazy"))
    done = voicegraph(
        "bench", graph, "--in", sound_file(tmp_path), "--fast", "--turns", "1",
        "--set", "budgets.answer=1ms", "--set", "budgets.brain=5ms",
    )  # fmt: skip
    assert done.exit_code == 1
    assert "`brain` takes 5" in done.stderr
    assert "to its first output at the 95th percentile of 1" in done.stderr
    assert done.stderr.count("error[broken-budget]") == 2


@node("benched.lazy")
class Lazy:
    """Thinks for 50 ms."""

    prefix: str = ""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        await asyncio.sleep(0.05)
        yield Token("Well.")


def test_compared_with_itself_nothing_differs_and_with_a_slower_version_something_does(tmp_path: Path) -> None:
    old, page = tmp_path / "old.json", tmp_path / "page.html"
    ten = ("--virtual", "--rounds", "10")
    assert voicegraph("bench", HELLO, *ten, "--json", old).exit_code == 0
    same = voicegraph("bench", HELLO, *ten, "--compare", old)
    table = same.stdout.partition("Compared with")[2]
    rows = {line.split("  ")[0]: line for line in table.splitlines() if " ms" in line}
    assert rows["answer"].endswith("no difference")
    slower = ("--set", "nodes.aggregator.with.end_silence=480ms")
    other = voicegraph("bench", HELLO, *ten, *slower, "--compare", old, "--html", page)
    assert other.exit_code == 0, other.output
    table = other.stdout.partition("Compared with")[2]
    (row,) = [line for line in table.splitlines() if line.startswith("answer ")]
    assert row.endswith("+80 ms         +80 ms and +80 ms  slower by 20%") or "slower by" in row
    assert "the graph is another version of itself" in table
    assert "end_silence: 480ms" in table
    assert page.read_text().startswith("<!")


def test_too_few_rounds_call_no_difference(tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    voicegraph("bench", HELLO, *VIRTUAL, "--json", old)
    done = voicegraph("bench", HELLO, *VIRTUAL, "--compare", old, "--set", "nodes.aggregator.with.end_silence=1s")
    assert "slower" not in done.stdout
    assert "too few rounds" in done.stdout
    assert "both results need" in done.stderr


# --- how it refuses -------------------------------------------------------------------------------------------------


def edited(file: Path, **changes: Any) -> Path:
    data = json.loads(file.read_text())
    other = file.with_name("edited.json")
    other.write_text(json.dumps(data | changes))
    return other


def test_results_that_cannot_be_compared_are_refused_before_anything_is_measured(tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    voicegraph("bench", HELLO, *VIRTUAL, "--json", old)
    machine = json.loads(old.read_text())["machine"] | {"processor": "Z80"}
    for arguments, words in (
        (("graphs/cloud.yaml", "--virtual", "--compare", old), "it is of `hello`, and this is `cloud`"),
        ((HELLO, "--virtual", "--compare", edited(old, machine=machine)), "another machine (processor Z80"),
        ((HELLO, "--fast", "--compare", old), "measured in virtual time (--virtual), and this is with a jumping"),
    ):
        done = voicegraph("bench", *arguments)
        assert done.exit_code == 1
        assert words in done.stderr
        assert done.stdout == ""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot read"),
        ("{", "is no result of `voicegraph bench`: make one with"),
        ('{"figures": []}', "is no result of `voicegraph bench`"),
        ('{"version": 99, "rounds": []}', "is a result of version 99, and this voicegraph reads version 1"),
        ('{"version": 1, "rounds": []}', "is no whole result"),
    ],
)
def test_what_is_no_result_is_refused(tmp_path: Path, content: str | None, words: str) -> None:
    file = tmp_path / "old.json"
    if content is not None:
        file.write_text(content)
    done = voicegraph("bench", HELLO, "--virtual", "--compare", file)
    assert done.exit_code == 1
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.usefixtures("voiceless")
def test_without_a_caller_it_says_what_is_missing_and_how_to_give_it(tmp_path: Path) -> None:
    done = voicegraph("bench", graph_file(tmp_path))
    assert done.exit_code == 1
    assert "nobody calls" in done.stderr
    for way in ("--in question.wav", "--virtual", "--emulate", "voicegraph models pull piper-"):
        assert way in done.stderr
    assert done.stdout == ""


def test_a_missing_key_is_told_with_the_ways_to_do_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BENCHED_KEY", raising=False)
    graph = graph_file(tmp_path, GRAPH.replace('{use: echo.chat, with: {prefix: "You said: "}}', "benched.keyed"))
    done = voicegraph("bench", graph, "--in", sound_file(tmp_path))
    assert done.exit_code == 1
    assert (
        "error[missing-variable]: `brain` (benched.keyed) needs the environment variable `BENCHED_KEY`" in done.stderr
    )
    assert "export BENCHED_KEY=..." in done.stderr
    assert "note: without keys: --emulate" in done.stderr


def test_a_node_that_wants_a_network_cannot_be_in_virtual_time(tmp_path: Path) -> None:
    graph = graph_file(
        tmp_path, SCRIPTED.replace('{use: echo.chat, with: {prefix: "I heard you say: "}}', "benched.dials")
    )
    done = voicegraph("bench", graph, "--virtual")
    assert done.exit_code == 1
    assert "`brain` cannot run in virtual time: " in done.stderr
    assert "Traceback" not in done.output


def test_a_conversation_that_cannot_go_on_is_told_at_its_step(tmp_path: Path) -> None:
    graph = scripted_graph(tmp_path)
    talks = tmp_path / "graph_test.yaml"
    talks.write_text(
        "graph: graph.yaml\ntests:\n  - name: waits\n    deadline: 5s\n    steps:\n"
        '      - caller: "Hi."\n      - after: {agent_audio: 1m}\n'
    )
    done = voicegraph("bench", graph, "--virtual", "--conversations", talks)
    assert done.exit_code == 1
    assert f"{talks}:7:30: error[" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "name a graph file, or one node"),
        (("--in", "a.wav", "--conversations", "t.yaml"), "a caller does one of these"),
        (("--in", "a.wav", "--virtual"), "scripted ears hear simulated speech"),
        (("--emulate", "--virtual"), "there are no sockets in virtual time"),
        (("-k", "x"), "it selects among --conversations"),
        (("--with", "a=b"), "goes with --node"),
        (("--node", "sentences", "--virtual"), "goes with a graph as a whole"),
    ],
)
def test_options_that_do_not_go_together(arguments: tuple[str, ...], words: str) -> None:
    graph = (HELLO,) if arguments else ()
    done = voicegraph("bench", *graph, *arguments)
    assert done.exit_code == 2
    assert words in " ".join(done.stderr.replace("│", " ").split())


def test_conversations_about_another_graph(tmp_path: Path) -> None:
    graph_file(tmp_path, SCRIPTED)
    done = voicegraph("bench", HELLO, "--virtual", "--conversations", scripted_test(tmp_path))
    assert done.exit_code == 1
    assert "is about graph.yaml, and graphs/hello.yaml is another graph" in done.stderr


def test_a_graph_without_a_line(tmp_path: Path) -> None:
    part = "nodes: {aggregator: aggregator, brain: echo.chat}\nflow: aggregator -> brain\n"
    for how in ((), ("--virtual",)):
        done = voicegraph("bench", graph_file(tmp_path, part), *how)
        assert done.exit_code == 1
        assert "has no line, so nobody can call it" in done.stderr
        assert "--node NAME" in done.stderr


@pytest.mark.parametrize("option", ["--json", "--html"])
def test_a_file_that_cannot_be_written_is_told_before_anything_is_measured(tmp_path: Path, option: str) -> None:
    for file, words in ((tmp_path / "no" / "file", "there is no directory"), (tmp_path, "it is a directory")):
        done = voicegraph("bench", HELLO, "--virtual", option, file)
        assert done.exit_code == 1
        assert words in done.stderr
        assert done.stdout == ""
