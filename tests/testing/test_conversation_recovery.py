"""What a test can expect of recoveries: the steps, to what, the silence; and what the timeline tells of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.testing.desk import GRAPH, OPEN, TALK, call_file, happened, mistakes, run, told

TWO_VOICES = GRAPH.replace(
    "tts: piper.tts",
    "tts: {use: piper.tts, recover: {timeout: 500ms, stall: 1s, fallback: spare}}\n  spare: piper.tts",
)
"""With a second voice for when the first one fails."""
DIES = f"""\
- agent: "Oak Dental, good morning."
- caller: "When do you open?"
- fault: {{node: tts, kind: die, after: 600ms}}
- agent: "{OPEN}"
"""
HANGS = DIES.replace("die, after: 600ms", "hang")


@pytest.mark.parametrize(
    "expect",
    [
        "{recovery: {fallback: 1, tts.fallback: 1, tts.recovered: 1, retry: 0, stt.restart: 0}}",
        "{recovery: {fallback: '>= 1', tts.recovered: '< 2'}}",
        "{recovery: {tts.fallback: spare, fallback: spare}}",
        "{recovery: {recovered: < 500ms, tts.recovered: <= 1s}}",
        "{dead_air: < 1500ms}",
    ],
)
def test_met(tmp_path: Path, expect: str) -> None:
    assert told(run(call_file(tmp_path, DIES, expect, graph=TWO_VOICES))) == []


@pytest.mark.parametrize(
    ("expect", "under", "message"),
    [
        ("{recovery: {tts.fallback: 0}}", "0", "`tts.fallback` happened once, not 0"),
        ("{recovery: {retry: '> 1'}}", "'> 1'", "`retry` happened never, not > 1"),
        ("{recovery: {tts.fallback: tts}}", "tts", "`tts.fallback` was to `spare`"),
        ("{recovery: {llm.fallback: spare}}", "spare", "`llm.fallback` did not happen"),
        ("{recovery: {llm.recovered: < 1s}}", "< 1s", "`llm.recovered` did not happen"),
        ("{transferred: '+15551234567'}", "'+15551234567'", "the caller was put through to nobody"),
    ],
)
def test_not_met(tmp_path: Path, expect: str, under: str, message: str) -> None:
    outcome = run(call_file(tmp_path, DIES, expect, graph=TWO_VOICES))
    assert told(outcome) == [("not-as-expected", under, message)]
    if "recovery" in expect:
        assert "tts: fallback spare, tts: recovered" in outcome.found[0].hint


def test_a_silence_that_is_too_long(tmp_path: Path) -> None:
    outcome = run(call_file(tmp_path, HANGS, "{recovery: {recovered: < 200ms}, dead_air: < 900ms}", graph=TWO_VOICES))
    (_, under, silence), (_, _, dead) = told(outcome)
    assert under == "< 200ms"
    assert silence.startswith("the caller heard nothing for ")
    assert silence.endswith(", not < 200ms")
    assert dead.startswith("the caller heard nothing for 1.")
    assert dead.endswith(" s on, not < 900ms")


def test_that_nothing_had_to_be_recovered_from(tmp_path: Path) -> None:
    none = "{frames: {Recovery: 0}, recovery: {recovered: 0}}"
    assert told(run(call_file(tmp_path, TALK, none, graph=TWO_VOICES))) == []
    assert len(told(run(call_file(tmp_path, DIES, none, graph=TWO_VOICES)))) == 2
    outcome = run(call_file(tmp_path, TALK, "{recovery: {recovered: 1}}", graph=TWO_VOICES))
    assert outcome.found[0].hint == "no node had to be recovered from"


def test_the_timeline_shows_each_step(tmp_path: Path) -> None:
    outcome = run(call_file(tmp_path, DIES, graph=TWO_VOICES))
    first, *_, last = happened(outcome, "recovery")
    assert first.startswith("tts: fallback spare (")
    assert last.startswith("tts: recovered")
    assert "  recovery  tts: fallback spare (" in outcome.report()


@pytest.mark.parametrize(
    ("expect", "under", "message"),
    [
        ("{recovery: {tts.falback: 1}}", "falback", "a recovery has no step `falback`"),
        ("{recovery: {ears.retry: 1}}", "ears", "no node `ears`"),
        ("{recovery: {tts.retry: < 1s}}", "< 1s", "`tts.retry` cannot be `< 1s`"),
        ("{recovery: {recovered: 500ms}}", "500ms", "`recovered` cannot be `500ms`"),
        ("{recovery: {recovered: < few}}", "< few", "`recovered` cannot be `< few`"),
        ("{recovery: fallback}", "fallback", "`recovery` is a mapping"),
        ("{dead_air: 1s}", "1s", "`dead_air` cannot be `1s`"),
    ],
)
def test_what_is_written_wrong(tmp_path: Path, expect: str, under: str, message: str) -> None:
    (found,) = mistakes(call_file(tmp_path, TALK, expect, graph=TWO_VOICES))
    assert found.span is not None
    assert (found.span.text, found.message) == (under, message)


# --- dead air --------------------------------------------------------------------------------------------------------


def dead_air(folder: Path, steps: str, *, graph: str = GRAPH, head: str = "") -> float:
    """The longest, in seconds, as a test is told of it."""
    ((_, _, message),) = told(run(call_file(folder, steps, "{dead_air: < 1ms}", graph=graph, head=head)))
    written = message.removeprefix("the caller heard nothing for ").split()[0]
    return float(written.removesuffix("ms")) / 1000 if written.endswith("ms") else float(written.removesuffix("s"))


def test_before_an_answer_it_is_what_the_caller_waits(tmp_path: Path) -> None:
    assert dead_air(tmp_path, TALK, head="with: {llm: {first: 2s}}\n") == pytest.approx(2.5, abs=0.2)


def test_in_the_middle_of_an_answer_it_is_the_gap(tmp_path: Path) -> None:
    answer = "One sentence first. And then another."
    steps = f'- caller: "Hello"\n- agent: "{answer}"\n'
    assert dead_air(tmp_path, steps, head="with: {llm: {first: 0ms, between: 1s}}\n") > 2


def test_an_answer_that_never_comes_is_waited_for(tmp_path: Path) -> None:
    steps = '- fault: {node: llm, kind: hang}\n- caller: "Hello"\n- silence: 12s\n- hang_up:'
    assert dead_air(tmp_path, steps) == pytest.approx(12, abs=0.1)


def test_an_answer_that_failed_is_waited_for_until_the_next(tmp_path: Path) -> None:
    steps = '- fault: {node: llm, kind: error}\n- caller: "Hello"\n- silence: 6s\n- caller: "Hello?"\n- agent: Hello.'
    assert dead_air(tmp_path, steps) == pytest.approx(6, abs=0.1)


def test_while_the_caller_speaks_or_the_agent_owes_nothing_there_is_none(tmp_path: Path) -> None:
    steps = f'{TALK}- silence: 20s\n- caller: "I would like to know quite a lot of things, if you have got the time."'
    assert dead_air(tmp_path, f'{steps}\n- agent: "Go on."') < 1


def test_a_pause_for_a_cough_is_none(tmp_path: Path) -> None:
    graph = GRAPH.replace("end_silence: 400ms", "end_silence: 400ms, interrupt: {pause_first: true, min_words: 1}")
    steps = f"{TALK}- after: {{agent_words: 3}}\n- cough: 900ms\n"
    assert dead_air(tmp_path, steps, graph=graph) == pytest.approx(dead_air(tmp_path, TALK, graph=graph), abs=0.05)


# --- escalation ------------------------------------------------------------------------------------------------------

ESCALATES = GRAPH.replace("file.call", "simulated.call").replace(
    "llm: llama.chat", "llm: {use: llama.chat, recover: {timeout: 1s, say: One moment., then: THEN}}"
)
FAILS = """\
- agent: "Oak Dental, good morning."
- fault: {node: llm, kind: error, count: 9}
- caller: "When do you open?"
- silence: 4s
"""


def test_a_caller_is_put_through(tmp_path: Path) -> None:
    graph = ESCALATES.replace("THEN", '{line.transfer: {to: "+15551234567"}}')
    expect = '{transferred: "+15551234567", ended: agent, recovery: {llm.then: line.transfer, say: "One moment."}}'
    outcome = run(call_file(tmp_path, FAILS, expect, graph=graph))
    assert told(outcome) == []
    assert happened(outcome, "agent")[-1] == "(puts the caller through to +15551234567)"
    other = expect.replace("4567", "0000")
    assert told(run(call_file(tmp_path, FAILS, other, graph=graph)))[0][2] == (
        "the caller was put through to `+15551234567`"
    )


@pytest.mark.parametrize("seed", range(5))
def test_a_call_that_is_hung_up_on(tmp_path: Path, seed: int) -> None:
    expect = "{ended: agent, recovery: {llm.then: line.hang_up}}"
    assert told(run(call_file(tmp_path, FAILS, expect, graph=ESCALATES.replace("THEN", "line.hang_up")), seed)) == []
