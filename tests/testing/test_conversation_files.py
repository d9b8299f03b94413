"""What can be wrong with a test file: told all at once, each at its place, with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.graph.reading import codes, marked, only
from tests.testing.desk import GRAPH, TALK, call_file, desk_file, mistakes
from voicegraph.testing.conversations import read_suite

STEP = '- caller: "Hello"'


def test_a_file_without_a_mistake(tmp_path: Path) -> None:
    head = """\
    version: 1
    set: [nodes.aggregator.with.end_silence=600ms]
    seed: 7
    real: [sentences]
    with: {llm: {first: {p50: 200ms, p95: 900ms}}, tts: {rate: 8000}, line: {latency: 100ms}}
    """
    suite = read_suite(call_file(tmp_path, TALK, head=head, rest="deadline: 9s"))
    assert suite.seed == 7
    assert suite.plan.nodes["aggregator"].config["end_silence"] == "600ms"
    assert suite.plan.nodes["tts"].config["rate"] == 8000
    (case,) = suite.cases
    assert (case.title, len(case.steps), case.deadline) == ("a call", 3, 9.0)


@pytest.mark.parametrize(
    ("steps", "code", "under", "hint"),
    [
        ('- callr: "Hello"', "unknown-step", "callr", "did you mean `caller`?"),
        ("- sing: a song", "unknown-step", "sing", "one of `caller`, `agent`, `after`, `silence`, `cough`, `dtmf`, "
         "`fault`, `hang_up`"),
        ("- hangup", "wrong-shape", "hangup", "did you mean `hang_up`?"),
        ("- Hello there", "wrong-shape", "Hello there", 'write `- caller: "..."`, `- agent: "..."` and so on'),
        ("- [caller]", "wrong-shape", "[caller]", 'write `- caller: "..."`, `- agent: "..."` and so on'),
        ("caller: Hello", "wrong-shape", "caller: Hello", "not a mapping"),
        ("- caller: Hello\n  agent: Hi", "two-steps", "agent", "begin it with a `-` of its own"),
        ("- caller:", "missing-key", "caller", 'write `caller: "When do you open?"`'),
        ("- caller: ' '", "bad-value", "' '", "the words"),
        ("- agent: [Hello]", "wrong-shape", "[Hello]", "not a list"),
        ("- silence: 2", "bad-value", "2", "a duration needs its unit: write 2ms or 2s"),
        ("- silence: 25h", "bad-value", "25h", "more than 0ms and at most 24h"),
        ("- cough: loud", "bad-value", "loud", "a duration is a number and a unit: 250ms, 2s, 1.5m or 1h"),
        ("- dtmf: 12x", "bad-value", "12x", 'keys of a phone, in quotes: "12#"'),
        ("- hang_up: now", "wrong-shape", "now", "write `- hang_up:`"),
        ("- after:", "missing-key", "after", "write `after: {agent_audio: 300ms}`"),
        ("- after: 300ms", "wrong-shape", "300ms", "not a single value"),
        ("- after: {}", "missing-key", "{}", "one of `agent_audio`, `agent_words`, `caller_audio`, `time`, `frame`"),
        ("- after: {agent_adio: 300ms}", "unknown-key", "agent_adio", "did you mean `agent_audio`?"),
        ("- after: {agent_audio: 300}", "bad-value", "300", "a duration needs its unit: write 300ms or 300s"),
        ("- after: {agent_words: 0}", "bad-value", "0", "a whole number from 1 on"),
        ("- after: {agent_words: some}", "bad-value", "some", "a whole number from 1 on"),
        ("- after: {time: 3s, agent_words: 3}", "two-steps", "agent_words", "write an `after` for each"),
        ("- after: {time: 3s, node: llm}", "unknown-key", "node", "take it out"),
        ("- after: {frame: UserTrn}", "unknown-frame", "UserTrn", "did you mean `UserTurn`?"),
        ("- after: {frame: UserTurn, node: agregator}", "unknown-node", "agregator", "did you mean `aggregator`?"),
        ("- after: {caller_audio: 1s}", "missing-key", "1s", "put a `caller:` step before it"),
        ("- fault:", "missing-key", "fault", "write `fault: {node: tts, kind: error}`"),
        ("- fault: {kind: error}", "missing-key", "fault", "write `fault: {node: tts, kind: error}`"),
        ("- fault: {node: tts}", "missing-key", "fault", "write `fault: {node: tts, kind: error}`"),
        ("- fault: {node: tss, kind: error}", "unknown-node", "tss", "did you mean `tts`?"),
        ("- fault: {node: tts, kind: eror}", "bad-value", "eror", "did you mean `error`?"),
        ("- fault: {node: tts, kind: error, wehn: 1s}", "unknown-key", "wehn",
         "one of `node`, `kind`, `after`, `count`, `skip`"),
        ("- fault: {node: aggregator, kind: error}", "not-scripted", "aggregator",
         "only a scripted node fails on demand"),
        ("- fault: {node: llm, kind: silence}", "bad-value", "{node: llm, kind: silence}", ""),
        ("- fault: {node: tts, kind: stall, after: 3}", "bad-value", "{node: tts, kind: stall, after: 3}", ""),
    ],
)  # fmt: skip
def test_a_wrong_step(tmp_path: Path, steps: str, code: str, under: str, hint: str) -> None:
    found = only(mistakes(call_file(tmp_path, steps)))
    assert (found.code, marked(found), found.hint) == (code, under, hint)


@pytest.mark.parametrize(
    ("expect", "code", "under", "hint"),
    [
        ("[answer]", "wrong-shape", "[answer]", "not a list"),
        ("{anwser: < 1s}", "unknown-expectation", "anwser", "did you mean `answer`?"),
        ("{answer: fast}", "bad-value", "fast", "such as < 150ms"),
        ("{answer: 150ms}", "bad-value", "150ms", "compare it: < 150ms"),
        ("{answer: < 150}", "bad-value", "< 150", "a duration is a number and a unit: 250ms, 2s, 1.5m or 1h"),
        ("{answer: }", "missing-key", "answer", "write what is expected"),
        ("{interrupts: < 150ms}", "bad-value", "< 150ms", 'a whole number, compared or not: 2, or ">= 1"'),
        ("{errors: -1}", "bad-value", "-1", 'a whole number, compared or not: 2, or ">= 1"'),
        ("{errors: '='}", "bad-value", "'='", 'a whole number, compared or not: 2, or ">= 1"'),
        ("{frames: 3}", "wrong-shape", "3", "not a single value"),
        ("{frames: {UserTurns: 2}}", "unknown-frame", "UserTurns", "did you mean `UserTurn`?"),
        ("{frames: {End: 1}}", "unknown-frame", "End", ""),
        ("{frames: {UserTurn: some}}", "bad-value", "some", 'a whole number, compared or not: 2, or ">= 1"'),
        ("{frames: {lm.Token: 2}}", "unknown-node", "lm", "did you mean `llm`?"),
        ("{ended: agnt}", "bad-value", "agnt", "did you mean `agent`?"),
        ("{history: [user]}", "wrong-shape", "user", "not a single value"),
        ("{history: [{usr: Hello}]}", "unknown-key", "usr", "did you mean `user`?"),
        ("{history: [{user: a, assistant: b}]}", "wrong-shape", "{user: a, assistant: b}",
         'write `- user: "When do you open?"`'),
        ("{heard: [[a]]}", "wrong-shape", "[a]", "not a list"),
        ("{never: {a: b}}", "wrong-shape", "{a: b}", "not a mapping"),
    ],
)  # fmt: skip
def test_a_wrong_expectation(tmp_path: Path, expect: str, code: str, under: str, hint: str) -> None:
    found = only(mistakes(call_file(tmp_path, STEP, expect)))
    assert (found.code, marked(found)) == (code, under)
    assert found.hint == hint or not hint


@pytest.mark.parametrize(
    ("head", "code", "under", "hint"),
    [
        ("version: 2", "unsupported-version", "2", "write `version: 1`"),
        ("sed: 1", "unknown-key", "sed", "did you mean `seed`?"),
        ("seed: x", "bad-value", "x", "a whole number from 0 on"),
        ("real: [lm]", "unknown-node", "lm", "did you mean `llm`?"),
        ("real: llm", "wrong-shape", "llm", "not a single value"),
        ("with: {lm: {}}", "unknown-node", "lm", "did you mean `llm`?"),
        ("with: {llm: {frist: 300ms}}", "unknown-key", "frist", "did you mean `first`?"),
        ("with: {tts: {rate: fast}}", "bad-config", "fast", ""),
        ("with: {llm: 300ms}", "wrong-shape", "300ms", "not a single value"),
        ("with: {aggregator: {end_silence: 1s}}", "not-scripted", "aggregator",
         "write `set: [nodes.aggregator.with.KEY=VALUE]`"),
        ("set: nodes.x=3", "wrong-shape", "nodes.x=3", "not a single value"),
    ],
)  # fmt: skip
def test_a_wrong_head(tmp_path: Path, head: str, code: str, under: str, hint: str) -> None:
    found = only(mistakes(call_file(tmp_path, STEP, head=f"{head}\n")))
    assert (found.code, marked(found), found.hint) == (code, under, hint)


@pytest.mark.parametrize(
    ("tests", "code", "under", "hint"),
    [
        ("- name: a", "empty-test", "a", 'add `steps: [caller: "Hello?"]`'),
        ("- {name: a, steps: []}", "empty-test", "a", 'add `steps: [caller: "Hello?"]`'),
        ("- {name: a, stpes: [], steps: [caller: x]}", "unknown-key", "stpes", "did you mean `steps`?"),
        ("- {steps: [caller: x]}", "missing-key", "{steps: [caller: x]}", "give it one"),
        ("- {name: a, steps: [caller: x], deadline: 3}", "bad-value", "3",
         "a duration needs its unit: write 3ms or 3s"),
        ("- a", "wrong-shape", "a", "not a single value"),
        ("{name: a}", "wrong-shape", "{name: a}", "not a mapping"),
        ("[]", "empty-test", "[]", "write `- name: ...`, and `steps:`"),
        ("", "missing-key", "", "write `tests: [{name: ..., steps: [...]}]`"),
    ],
)  # fmt: skip
def test_a_wrong_test(tmp_path: Path, tests: str, code: str, under: str, hint: str) -> None:
    found = only(mistakes(desk_file(tmp_path, tests)))
    assert (found.code, marked(found), found.hint) == (code, under, hint)


def test_two_tests_of_one_name(tmp_path: Path) -> None:
    found = only(mistakes(desk_file(tmp_path, 2 * "- {name: a, steps: [caller: x]}\n")))
    assert (found.code, marked(found), found.hint) == ("duplicate-test", "a", "call it otherwise")
    assert found.span is not None
    assert found.notes[0].span is not None
    assert (found.notes[0].span.line, found.span.line) == (3, 4)


def test_all_mistakes_at_once_in_order(tmp_path: Path) -> None:
    steps = "- callr: Hello\n- after: {frame: UserTrn}\n- silence: 2"
    found = mistakes(call_file(tmp_path, steps, "{nver: x}", head="real: [lm]\n"))
    assert codes(found) == ["unknown-node", "unknown-step", "unknown-frame", "bad-value", "unknown-expectation"]


# --- files and graphs -----------------------------------------------------------------------------------------------


def test_no_file(tmp_path: Path) -> None:
    call_file(tmp_path, STEP)
    found = only(mistakes(tmp_path / "desk_tst.yaml"))
    assert (found.code, found.hint) == ("file-not-found", "did you mean `desk_test.yaml`?")
    assert only(mistakes(tmp_path)).code == "not-a-file"


@pytest.mark.parametrize(
    ("text", "code"), [("", "empty-test"), ("- a", "wrong-shape"), ("a: [", "yaml-syntax"), ("a: &b c", "alias")]
)
def test_no_test_file(tmp_path: Path, text: str, code: str) -> None:
    file = tmp_path / "desk_test.yaml"
    file.write_text(text)
    assert only(mistakes(file)).code == code


def test_a_graph_where_its_test_was_meant(tmp_path: Path) -> None:
    call_file(tmp_path, STEP)
    found = only(mistakes(tmp_path / "desk.yaml"))
    assert (found.code, found.message) == ("wrong-shape", "this is a graph, not a test of one")
    assert found.hint == "its tests are in a file of their own, such as desk_test.yaml"


def test_a_key_given_twice_hides_nothing(tmp_path: Path) -> None:
    assert codes(mistakes(call_file(tmp_path, "- callr: Hello", head="seed: 1\nseed: 2\n"))) == [
        "duplicate-key",
        "unknown-step",
    ]


@pytest.mark.parametrize("text", ["a: > 3s", "a: >= 1", "a: {b: > 3s}", "a: >3s"])
def test_a_comparison_that_yaml_takes_for_something_else(tmp_path: Path, text: str) -> None:
    file = tmp_path / "desk_test.yaml"
    file.write_text(text)
    found = only(mistakes(file))
    assert (found.code, found.hint) == ("yaml-syntax", 'write ">= 1"')


def test_no_graph(tmp_path: Path) -> None:
    file = call_file(tmp_path, STEP)
    file.write_text(file.read_text().replace("desk.yaml", "dsk.yaml"))
    found = only(mistakes(file))
    assert (found.code, marked(found), found.hint) == ("file-not-found", "dsk.yaml", "did you mean `desk.yaml`?")


def test_a_graph_with_mistakes_is_told_with_them(tmp_path: Path) -> None:
    graph = GRAPH.replace("silero.vad", "silero.vda").replace("end_silence", "end_silnce")
    found = mistakes(call_file(tmp_path, "- callr: Hello", graph=graph))
    assert codes(found) == ["unknown-node-type", "unknown-key", "wrong-graph", "unknown-step"]
    assert [Path(each.file).name for each in found] == ["desk.yaml", "desk.yaml", "desk_test.yaml", "desk_test.yaml"]
    assert found[2].message == "this graph has 2 mistakes"
    assert marked(found[2]) == "desk.yaml"


def test_a_wrong_set_is_told_too(tmp_path: Path) -> None:
    found = mistakes(call_file(tmp_path, STEP, head="set: [nodes.llm.wth=3]\n"))
    assert codes(found) == ["unknown-key", "wrong-graph"]
    assert (found[0].file, found[0].hint) == ("--set", "did you mean `with`?")


def test_a_graph_without_a_line(tmp_path: Path) -> None:
    graph = "nodes: {llm: echo.chat, sentences: sentences}\nflow: llm -> sentences\n"
    found = only(mistakes(call_file(tmp_path, STEP, graph=graph)))
    assert (found.code, found.message) == ("wrong-graph", "this graph has no line, so nobody can call it")


def test_a_node_that_nobody_can_stand_in_for(tmp_path: Path) -> None:
    graph = GRAPH.replace("  llm:", "  odd: t.odd\n  llm:") + "  - aggregator -> odd\n"
    found = only(mistakes(call_file(tmp_path, STEP, graph=graph)))
    assert (found.code, marked(found)) == ("no-stand-in", "desk.yaml")
    assert "odd" in found.message
    assert mistakes(call_file(tmp_path, STEP, graph=graph, head="real: [odd]\n"))[0].code == "missing-package"


def test_what_a_real_node_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("T_KEYED_API_KEY", raising=False)
    graph = GRAPH.replace("llama.chat", "t.keyed")
    assert mistakes(call_file(tmp_path, STEP, graph=graph)) == ()
    file = call_file(tmp_path, STEP, graph=graph, head="real: [llm]\n")
    found = only(mistakes(file))
    assert (found.code, marked(found), found.hint) == ("missing-variable", "llm", "export T_KEYED_API_KEY=...")
    monkeypatch.setenv("T_KEYED_API_KEY", "x")
    assert mistakes(file) == ()
