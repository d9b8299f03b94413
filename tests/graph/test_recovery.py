"""Recovery as a graph declares it: what becomes of each word, and what cannot be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.graph.nodes import AGENT
from tests.graph.reading import chat, codes, marked, mistakes, only, part, plan, read
from voicegraph import Audio, TTSAudio, UserTurn, node
from voicegraph.durations import format_duration
from voicegraph.graph import compile_plan
from voicegraph.graph.expand import long_form
from voicegraph.graph.plan import Action, Recover, Watchdog
from voicegraph.tools import line as line_tools
from voicegraph.tools.reading import read_tool


@node("t.log")
def log(turn: UserTurn) -> None: ...


@node("t.parrot")
async def parrot(audio: Audio) -> TTSAudio | None: ...


def recover(text: str, name: str = "llm") -> Recover | None:
    """The policy of a node, from what stands under its `recover`."""
    made = plan(chat(f"{name}: {{use: t.llm, recover: {text}}}", "b: t.llm" if "[b]" in text else ""))
    return made.nodes[name].recover


# --- what becomes of it ---------------------------------------------------------------------------------------------


def test_every_word_of_recover() -> None:
    text = """{timeout: 3s, stall: 2s, hedge: 250ms, retries: 2, fallback: [b], say: "Wait, please.",
               then: line.hang_up, retry_primary_after: 1m}"""
    assert recover(text) == Recover(
        timeout=3.0,
        stall=2.0,
        hedge=0.25,
        retries=2,
        fallback=("b",),
        say="Wait, please.",
        then=Action(read_tool(line_tools.hang_up)),
        retry_primary_after=60.0,
    )


@pytest.mark.parametrize(
    "text", ["{}", "{then: continue}", "{then: ~, say: ~, hedge: ~, fallback: ~}", "{then: 'continue'}"]
)
def test_nothing_is_the_default(text: str) -> None:
    assert recover(text) == Recover()


durations = st.integers(1, 10_000).map(float)


@given(
    st.builds(
        Recover,
        timeout=st.none() | durations.map(lambda seconds: seconds + 10_000),
        stall=st.none() | durations,
        hedge=st.none() | durations,
        retries=st.integers(0, 10),
        fallback=st.lists(st.sampled_from(["b", "c", "d"]), unique=True).map(tuple),
        say=st.none() | st.text(st.characters(codec="ascii", exclude_characters="$"), min_size=1).filter(str.strip),
        retry_primary_after=st.none() | durations,
    ),
    st.builds(
        Watchdog,
        silence=durations,
        say=st.none() | st.just("Wait."),
        sorry=st.none() | st.just("Sorry."),
        goodbye=st.none() | st.just("Bye."),
    ),
)
def test_what_is_written_is_what_is_planned(wanted: Recover, watchdog: Watchdog) -> None:
    if not wanted.fallback:
        wanted = replace(wanted, hedge=None, retry_primary_after=None)
    nodes: dict[str, Any] = {"aggregator": "t.aggregator", "sentences": "t.sentences"}
    nodes |= {"llm": {"use": "t.llm", "recover": written(wanted)}, **dict.fromkeys(wanted.fallback, "t.llm")}
    flow = ["aggregator -> llm -> sentences"]
    graph = read(yaml.safe_dump({"nodes": nodes, "flow": flow, "watchdog": written(watchdog)}))
    made = compile_plan(graph)
    assert (made.nodes["llm"].recover, made.watchdog) == (wanted, watchdog)
    assert compile_plan(read(long_form(graph))) == made


def written(policy: Recover | Watchdog) -> dict[str, Any]:
    """As a file has it."""
    forms: dict[type, Callable[[Any], Any]] = {float: format_duration, tuple: list}
    return {key: forms[type(value)](value) if type(value) in forms else value for key, value in vars(policy).items()}


def test_who_stands_by_has_policies_too() -> None:
    made = plan(AGENT, "nodes.backup.recover={stall: 2s}", "nodes.backup.cache=true")
    backup = made.standby["backup"]
    assert (backup.recover, backup.cache) == (Recover(stall=2.0), True)
    assert (made.nodes["tts"].cache, made.nodes["llm"].cache) == (True, False)
    assert not plan(AGENT, "nodes.tts.cache=false").nodes["tts"].cache


def test_references_are_replaced_before() -> None:
    text = chat("llm: {use: t.llm, recover: {then: '${env:T}', retries: '${env:R}', say: '${env:S}'}}")
    made = compile_plan(read(text, env={"T": "line.hang_up", "R": "3", "S": "One moment."})).nodes["llm"].recover
    assert made == Recover(retries=3, say="One moment.", then=Action(read_tool(line_tools.hang_up)))
    voice = part("tts: {use: t.tts, with: {voice: a}, cache: '${env:C}'}\nsentences: t.sentences", "sentences -> tts")
    assert compile_plan(read(voice, env={"C": "true"})).nodes["tts"].cache


# --- what does not go together --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "under", "message", "hint"),
    [
        ("{hedge: 1s}", "missing-key", "hedge", "`hedge` needs a `fallback`",
         "name the node that stands in: `fallback: NODE`"),
        ("{hedge: 1s, fallback: []}", "missing-key", "hedge", "`hedge` needs a `fallback`",
         "name the node that stands in: `fallback: NODE`"),
        ("{retry_primary_after: 1m}", "missing-key", "retry_primary_after", "`retry_primary_after` needs a `fallback`",
         "name the node that stands in: `fallback: NODE`"),
        ("{hedge: 2s, timeout: 2s, fallback: b}", "bad-value", "2s", "`hedge` cannot be `2s`",
         "shorter than `timeout`, which is 2s"),
        ("{hedge: 0s, fallback: b}", "bad-value", "0s", "`hedge` cannot be `0s`", "more than 0ms and at most 24h"),
        ("{retry_primary_after: 25h, fallback: b}", "bad-value", "25h", "`retry_primary_after` cannot be `25h`",
         "more than 0ms and at most 24h"),
        ("{fallbak: b}", "unknown-key", "fallbak", "`recover` has no `fallbak`", "did you mean `fallback`?"),
    ],
)  # fmt: skip
def test_policies_that_cannot_be(text: str, code: str, under: str, message: str, hint: str) -> None:
    found = mistakes(chat(f"llm: {{use: t.llm, recover: {text}}}", "b: t.llm" if ": b}" in text else ""))
    told = [each for each in found if each.code != "unused-node"]
    assert [(each.code, marked(each), each.message, each.hint) for each in told] == [(code, under, message, hint)]


def test_nothing_stands_in_for_the_line() -> None:
    found = only(mistakes(AGENT.replace("line: t.line", "line: {use: t.line, recover: {retries: 1}}")))
    assert (found.code, marked(found)) == ("cannot-recover", "{retries: 1}")
    assert found.message == "nothing can stand in for the line `line`"


def test_who_gives_nothing_is_not_late() -> None:
    def logging(policy: str) -> str:
        return chat(more=f"log: {{use: t.log, recover: {policy}}}").replace("flow:\n", "flow:\n  - aggregator -> log\n")

    found = mistakes(logging("{timeout: 1s, stall: 2s, retries: 1}"))
    assert [(each.code, marked(each)) for each in found] == [("cannot-recover", "1s"), ("cannot-recover", "2s")]
    assert mistakes(logging("{retries: 1, say: Oh.}")) == ()


@pytest.mark.parametrize("value", ["true", "'true'", "True"])
def test_only_the_sound_of_a_voice_is_kept(value: str) -> None:
    found = only(mistakes(chat(f"llm: {{use: t.llm, cache: {value}}}")))
    assert (found.code, marked(found)) == ("cannot-cache", value)
    assert mistakes(chat("llm: {use: t.llm, cache: false}")) == ()


@pytest.mark.parametrize(("value", "code"), [("yes", "bad-value"), ("1", "bad-value"), ("[true]", "wrong-shape")])
def test_a_cache_is_true_or_false(value: str, code: str) -> None:
    found = only(mistakes(AGENT.replace("cache: true", f"cache: {value}")))
    assert (found.code, marked(found)) == (code, value)


# --- a voice to say it ----------------------------------------------------------------------------------------------

MUTE = part("line: t.line\nparrot: {use: t.parrot, recover: {say: Sorry?}}", "line -> parrot -> line")


def test_words_without_a_voice() -> None:
    found = mistakes(MUTE + "watchdog: {say: Hello?, sorry: Oh., goodbye: Bye.}\n")
    assert [(each.code, marked(each)) for each in found] == [
        ("no-voice", "Sorry?"),
        ("no-voice", "Hello?"),
        ("no-voice", "Oh."),
        ("no-voice", "Bye."),
    ]
    assert found[0].hint == "wire a node that takes Sentence and gives TTSAudio, such as `tone.tts`, to `line`"


def test_the_goodbye_that_nobody_asked_for_needs_none() -> None:
    assert mistakes(MUTE.replace("say: Sorry?", "retries: 1") + "watchdog: {silence: 9s, goodbye: ~}\n") == ()


def test_a_voice_that_does_not_lead_to_the_line_is_none() -> None:
    text = MUTE.replace("nodes:\n", "nodes:\n  own: {use: t.tts, with: {voice: a}}\n  sentences: t.sentences\n"
                        "  llm: t.llm\n  aggregator: t.aggregator\n  stt: t.stt\n")  # fmt: skip
    text += "  - line -> stt -> aggregator -> llm -> sentences -> own\n"
    assert codes(mistakes(text)) == ["no-voice"]
    assert mistakes(text.replace("-> own\n", "-> own -> line\n")) == ()


def test_a_part_without_a_line_and_a_graph_with_broken_wires_are_not_told() -> None:
    assert mistakes(chat("llm: {use: t.llm, recover: {say: Oh.}}")) == ()
    assert codes(mistakes(AGENT.replace("-> tts -> line", "-> tss -> line")))[:1] == ["unknown-node"]
    assert "no-voice" not in codes(mistakes(AGENT.replace("-> tts -> line", "-> tss -> line")))


# --- the watchdog ---------------------------------------------------------------------------------------------------


def test_the_watchdog() -> None:
    assert plan(chat()).watchdog == Watchdog()
    assert plan(chat(rest="watchdog: ~\n")).watchdog == Watchdog()
    made = plan(chat(rest="watchdog: {silence: 1m, say: Still here., goodbye: ~}\n"))
    assert made.watchdog == Watchdog(60.0, "Still here.", goodbye=None)


@pytest.mark.parametrize(
    ("watchdog", "code", "under", "hint"),
    [
        ("{silense: 1s}", "unknown-key", "silense", "did you mean `silence`?"),
        ("{silence: 5}", "bad-value", "5", "a duration needs its unit: write 5ms or 5s"),
        ("{say: ''}", "bad-value", "''", "the words to say"),
        ("{goodbye: 1}", "bad-value", "1", "the words to say"),
        ("5s", "wrong-shape", "5s", "not a single value"),
    ],
)
def test_a_wrong_watchdog(watchdog: str, code: str, under: str, hint: str) -> None:
    found = only(mistakes(chat(rest=f"watchdog: {watchdog}\n")))
    assert (found.code, marked(found), found.hint) == (code, under, hint)


# --- variants -------------------------------------------------------------------------------------------------------


def test_null_is_a_goodbye_that_is_not_said(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(AGENT.replace("{silence: 4s}", "{silence: 4s, say: Hm., goodbye: Bye.}"))
    made = plan("extends: base.yaml\nwatchdog: {goodbye: ~}", folder=tmp_path)
    assert made.watchdog == Watchdog(4.0, "Hm.", goodbye=None)
    assert plan("extends: base.yaml\nwatchdog: ~", folder=tmp_path).watchdog == Watchdog()
    made = plan("extends: base.yaml", "watchdog.silence=9s", folder=tmp_path)
    assert made.watchdog == Watchdog(9.0, "Hm.", goodbye="Bye.")


def test_a_node_called_with_is_taken_away_like_any_other() -> None:
    text = chat("llm: {use: t.llm, recover: {fallback: [with]}}", "with: {use: t.llm, recover: {retries: 1}}")
    assert plan(text, "nodes.with.recover=").standby["with"].recover is None
