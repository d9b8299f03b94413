"""A whole graph: what each phase finds wrong with it."""

from __future__ import annotations

import pytest

from tests.graph.nodes import AGENT
from tests.graph.reading import chat, codes, marked, mistakes, only, part, read


def test_a_graph_without_a_mistake() -> None:
    graph = read(AGENT)
    assert graph.warnings == ()
    assert graph.line == "line"
    assert graph.stand_ins() == {"tts": ("backup",)}


# --- keys and shapes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "under", "hint"),
    [
        (chat(rest="flows: []\n"), "unknown-key", "flows", "did you mean `flow`?"),
        (chat("llm: {use: t.llm, wth: {}}"), "unknown-key", "wth", "did you mean `with`?"),
        (chat("llm: {use: t.llm, recover: {timout: 1s}}"), "unknown-key", "timout", "did you mean `timeout`?"),
        (chat(rest="version: 2\n"), "unsupported-version", "2", "write `version: 1`"),
        (chat("llm: {use: t.llm, with: [a]}"), "wrong-shape", "[a]", "not a list"),
        (chat("llm: {use: [t.llm]}"), "wrong-shape", "[t.llm]", "if it is meant as text, quote it"),
        (chat("llm: {use: t.llm, recover: {timeout: 500}}"), "bad-value", "500",
         "a duration needs its unit: write 500ms or 500s"),
        (chat('llm: {use: t.llm, recover: {timeout: "2s\\n"}}'), "bad-value", '"2s\\n"',
         "a duration is a number and a unit: 250ms, 2s, 1.5m or 1h"),
        (chat("llm: {use: t.llm, recover: {stall: 0s}}"), "bad-value", "0s", "more than 0ms and at most 24h"),
        (chat("llm: {use: t.llm, recover: {retries: 1.5}}"), "bad-value", "1.5", "a whole number from 0 to 10"),
        (chat("llm: {use: t.llm, recover: {retries: 99}}"), "bad-value", "99", "a whole number from 0 to 10"),
        (chat("llm: {use: t.llm, recover: {say: 5}}"), "bad-value", "5", "the words to say"),
        (chat("llm: {use: t.llm, recover: {say: '  '}}"), "bad-value", "'  '", "the words to say"),
        (chat("llm: {use: t.llm, recover: {then: hang up}}"), "bad-value", "hang up",
         "an action such as `line.transfer`, `line.hang_up`, `continue` or a tool's name"),
        (chat("llm: {use: t.llm, recover: {timeout: [1s]}}"), "wrong-shape", "[1s]", "not a list"),
        (chat(rest="budgets: {llm: fast}\n"), "bad-value", "fast",
         "a duration is a number and a unit: 250ms, 2s, 1.5m or 1h"),
        (chat(rest="budgets: {anwser: 1s}\n"), "unknown-budget", "anwser", "did you mean `answer`?"),
    ],
)  # fmt: skip
def test_keys_and_values(text: str, code: str, under: str, hint: str) -> None:
    found = only(mistakes(text))
    assert (found.code, marked(found), found.hint) == (code, under, hint)


def test_a_node_without_a_type_is_one_mistake() -> None:
    assert codes(mistakes(chat("llm: {with: {model: x}}"))) == ["missing-key"]
    assert codes(mistakes(chat("llm: "))) == ["wrong-shape"]
    assert codes(mistakes(chat("llm: [t.llm]"))) == ["wrong-shape"]


def test_a_name_that_cannot_be_one() -> None:
    assert codes(mistakes("nodes: {my node: t.stt, b: t.shout, c: t.shout}\nflow: b -> c"))[0] == "bad-name"
    assert codes(mistakes("nodes: {a.b: t.shout, b: t.shout, c: t.shout}\nflow: b -> c"))[0] == "bad-name"


def test_nothing_in_it() -> None:
    assert sorted(codes(mistakes("version: 1"))) == ["missing-key", "missing-key"]
    assert sorted(codes(mistakes("nodes: []\nflow: {}"))) == ["wrong-shape", "wrong-shape"]
    assert codes(mistakes("nodes: {a: t.shout, b: t.shout}\nflow: []")) == ["missing-key"]


def test_a_graph_has_bounds() -> None:
    nodes = "".join(f"  n{i}: t.shout\n" for i in range(501))
    assert "too-large" in codes(mistakes(f"nodes:\n{nodes}flow: n1 -> n2"))
    group = ", ".join(f"n{i}" for i in range(80))
    nodes = "".join(f"  n{i}: t.shout\n" for i in range(80))
    assert "too-large" in codes(mistakes(f"nodes:\n{nodes}flow: '[{group}] -> [{group}]'"))


# --- types and settings ---------------------------------------------------------------------------------------------


def test_an_unknown_type_is_told_at_every_node_and_breaks_nothing_else() -> None:
    found = mistakes(AGENT.replace("t.sentences", "t.sentence").replace("vad: t.vad", "vad: t.vda"))
    assert [(each.code, marked(each), each.hint) for each in found] == [
        ("unknown-node-type", "t.vda", "did you mean `t.vad`?"),
        ("unknown-node-type", "t.sentence", "did you mean `t.sentences`?"),
    ]


def test_use_takes_no_import_path() -> None:
    assert only(mistakes(chat("llm: {use: ./clinic.py}"))).hint.startswith("`use` takes no path")


@pytest.mark.parametrize(
    ("llm", "code", "under", "message", "hint"),
    [
        ("{use: t.llm, with: {modle: a}}", "unknown-key", "modle", "`t.llm` has no setting `modle`",
         "did you mean `model`?"),
        ("{use: t.llm, with: {temperature: warm}}", "bad-config", "warm",
         "`temperature` should be a valid number, unable to parse string as a number", ""),
        ("{use: t.llm, with: {model: [a]}}", "bad-config", "[a]", "`model` should be a valid string", ""),
        ("{use: t.llm, with: {effort: mid}}", "bad-config", "mid",
         "`effort` should be 'low' or 'high' or a valid integer, unable to parse string as an integer", ""),
        ("{use: t.big-llm, with: {a: 1}}", "unknown-key", "a", "`t.big-llm` has no setting `a`",
         "it takes no settings"),
        ("{use: t.fussy, with: {fail: value}}", "bad-config", "t.fussy", "`t.fussy`: this cannot be", ""),
        ("{use: t.fussy, with: {fail: other}}", "bad-config", "t.fussy", "`t.fussy` cannot be made: KeyError: 'other'",
         "do its settings fit together?"),
    ],
)  # fmt: skip
def test_settings(llm: str, code: str, under: str, message: str, hint: str) -> None:
    found = only(mistakes(chat(f"llm: {llm}")))
    assert (found.code, marked(found), found.message, found.hint) == (code, under, message, hint)


def test_settings_inside_settings() -> None:
    text = AGENT.replace("ignore: [uh-huh, okay]", "ingore: [a], min_words: few")
    unknown, wrong = mistakes(text)
    assert (unknown.code, marked(unknown), unknown.hint) == ("unknown-key", "ingore", "did you mean `ignore`?")
    assert unknown.message == "`t.aggregator` has no setting `interrupt.ingore`"
    assert (wrong.code, marked(wrong)) == ("bad-config", "few")
    assert wrong.message.startswith("`interrupt.min_words` should be a valid integer")
    item = only(mistakes(AGENT.replace("[uh-huh, okay]", "[uh-huh, {a: b}]")))
    assert marked(item) == "{a: b}"


def test_a_setting_that_is_missing() -> None:
    found = only(mistakes(AGENT.replace("with: {voice: Rachel}", "with: {}")))
    assert (found.code, marked(found), found.message) == ("missing-key", "t.tts", "`t.tts` needs `voice`")


def test_settings_of_a_function() -> None:
    found = only(mistakes(AGENT.replace("sentences: t.sentences", "sentences: {use: t.sentences, with: {x: 1}}")))
    assert (found.code, found.hint) == ("unknown-key", "it takes no settings")


def test_a_rate_that_its_author_got_wrong() -> None:
    found = only(mistakes("nodes: {a: t.sentences, b: t.unsure}\nflow: a -> b"))
    assert (found.code, marked(found)) == ("bad-rate", "t.unsure")


# --- shape of the graph ---------------------------------------------------------------------------------------------


def test_a_second_line() -> None:
    found = only(mistakes(AGENT.replace("  vad: t.vad", "  vad: t.vad\n  line2: t.line").replace(
        "- line.dtmf", "- line2.dtmf -> aggregator\n  - line.dtmf")))  # fmt: skip
    assert (found.code, found.message, marked(found)) == ("two-lines", "a second line: `line2`", "t.line")
    assert found.notes[0].span is not None
    assert found.notes[0].span.line == 2


def test_an_unused_node() -> None:
    found = only(mistakes(AGENT.replace("fallback: backup", "retries: 1")))
    assert (found.code, marked(found)) == ("unused-node", "backup")


def test_nodes_that_nothing_reaches() -> None:
    text = AGENT.replace("- line.dtmf -> aggregator", "- shout -> also -> aggregator").replace(
        "  vad: t.vad", "  vad: t.vad\n  shout: t.shout\n  also: t.shout"
    )
    found = only(mistakes(text))
    assert (found.code, marked(found), found.hint) == ("unreachable-node", "shout", "it takes Transcript")


def test_a_node_that_gets_frames_but_none_that_make_it_give() -> None:
    """The aggregator hears speech start, but gives turns for words only."""
    nodes = "line: t.line\nvad: t.vad\naggregator: t.aggregator\nllm: t.llm\nsentences: t.sentences\n"
    nodes += "tts: {use: t.tts, with: {voice: a}}"
    found = only(mistakes(part(nodes, "line -> vad -> aggregator -> llm -> sentences -> tts -> line")))
    assert (found.code, marked(found)) == ("unreachable-node", "llm")
    assert found.message == "nothing reaches `llm`: no frame that it takes comes"


def test_a_part_without_a_line_is_fed_by_its_test() -> None:
    assert read(chat()).line is None


def test_a_line_that_nothing_speaks_on_is_a_warning() -> None:
    graph = read(part("line: t.line\nstt: t.stt", "line -> stt"))
    assert [(each.code, each.severity, marked(each)) for each in graph.warnings] == [("silent-line", "warning", "line")]


def test_circles_are_told_one_by_one_with_their_path() -> None:
    nodes = "\n".join(f"{name}: t.shout" for name in "abcdef")
    found = mistakes(part(nodes, "a -> b -> c -> a\nc -> d -> e -> f -> e\na -> a"))
    assert {each.code for each in found} == {"cycle"}
    assert [(each.message, marked(each)) for each in found] == [
        ("frames go in a circle: a -> b -> c -> a", "c -> a"),
        ("frames go in a circle: e -> f -> e", "f -> e"),
        ("frames go in a circle: a -> a", "a -> a"),
    ]


def test_a_circle_through_the_line_is_a_conversation() -> None:
    assert "cycle" not in codes(mistakes(AGENT))


# --- recovery -------------------------------------------------------------------------------------------------------


def test_fallbacks_of_fallbacks_in_their_order() -> None:
    text = chat(
        "llm: {use: t.llm, recover: {fallback: [b, c]}}",
        "b: {use: t.llm, recover: {fallback: [d, c]}}\nc: t.llm\nd: t.llm",
    )
    assert read(text).stand_ins() == {"llm": ("b", "c", "d")}


@pytest.mark.parametrize(
    ("llm", "more", "code", "under", "message"),
    [
        ("{use: t.llm, recover: {fallback: [b, bb]}}", "b: t.llm", "unknown-node", "bb",
         "no node `bb` to fall back on"),
        ("{use: t.llm, recover: {fallback: b}}", "b: t.shout", "fallback-mismatch", "b",
         "`b` cannot stand in for `llm`: it does not take UserTurn and does not give Token"),
        ("{use: t.llm, recover: {fallback: b}}", "b: {use: t.llm, recover: {fallback: c}}\nc: t.sentences",
         "fallback-mismatch", "c", "`c` cannot stand in for `llm`: it does not take UserTurn and does not give Token"),
        ("{use: t.llm, recover: {fallback: sentences}}", "", "fallback-in-flow", "sentences",
         "`sentences` has its own work in the flow"),
        ("{use: t.llm, recover: {fallback: llm}}", "", "fallback-cycle", "llm",
         "the fallbacks go in a circle: llm -> llm"),
        ("{use: t.llm, recover: {fallback: b}}", "b: {use: t.llm, recover: {fallback: c}}\n"
         "c: {use: t.llm, recover: {fallback: b}}", "fallback-cycle", "b",
         "the fallbacks go in a circle: b -> c -> b"),
    ],
)  # fmt: skip
def test_fallbacks_that_cannot_stand_in(llm: str, more: str, code: str, under: str, message: str) -> None:
    found = [each for each in mistakes(chat(f"llm: {llm}", more)) if each.code == code]
    assert [(marked(each), each.message) for each in found] == [(under, message)]


def test_a_fallback_need_only_do_what_is_wired_here() -> None:
    llm = "llm: {use: t.big-llm, recover: {fallback: b}}"
    assert mistakes(chat(llm, "b: t.llm")) == ()
    wired = chat(llm, "b: t.llm\ntools: t.tools").replace("flow:\n", "flow:\n  - llm -> tools\n")
    assert only(mistakes(wired)).message == "`b` cannot stand in for `llm`: it does not give ToolCall"


# --- requirements ---------------------------------------------------------------------------------------------------


def test_missing_packages_and_keys_all_at_once() -> None:
    found = mistakes(chat("llm: {use: t.vendor, recover: {fallback: b}}", "b: t.vendor"), env={"VENDOR_KEYS": "x"})
    assert [(each.severity, each.code, marked(each), each.hint) for each in found] == [
        ("error", "missing-package", "t.vendor", 'pip install "voicegraph[vendor]"'),
        ("error", "missing-variable", "t.vendor", "did you mean `VENDOR_KEYS`?"),
    ] * 2
    assert found[0].message == "`t.vendor` needs `no_such_package_a`, `no_such_package_b`"


def test_an_empty_key_is_none() -> None:
    assert "missing-variable" in codes(mistakes(chat("llm: t.vendor"), env={"VENDOR_KEY": ""}))
    assert "missing-variable" not in codes(mistakes(chat("llm: t.vendor"), env={"VENDOR_KEY": "sk"}))


def test_they_are_warnings_for_who_only_looks() -> None:
    graph = read(chat("llm: t.vendor"), ready=False)
    assert [(each.severity, each.code) for each in graph.warnings] == [
        ("warning", "missing-package"),
        ("warning", "missing-variable"),
    ]
    assert "llm" in graph.nodes


# --- all of it ------------------------------------------------------------------------------------------------------


def test_every_mistake_at_once() -> None:
    text = """\
version: 1
nodes:
  line: t.line
  vad: {use: t.vad, with: {thresold: 0.5}}
  stt: {use: t.sst}
  aggregator: {use: t.aggregator, with: {end_silence: 500}}
  llm: {use: t.llm, recover: {fallback: vad, timeout: soon}}
  sentences: t.sentences
  lonely: t.shout
  tts: t.tts
flow:
  - line -> vad -> aggregator -> llm -> sentences -> tts -> line
  - line -> stt -> agregator
  - vad -> tts
budgets: {llm: 1}
"""
    assert [(each.code, each.span.line) for each in mistakes(text) if each.span] == [
        ("unknown-key", 4),
        ("unknown-node-type", 5),
        ("bad-config", 6),
        ("fallback-in-flow", 7),
        ("fallback-mismatch", 7),
        ("bad-value", 7),
        ("unused-node", 9),
        ("missing-key", 10),
        ("unknown-node", 13),
        ("type-mismatch", 14),
        ("bad-value", 15),
    ]
