"""No file whatsoever gives anything but tests that can be run or a GraphError that can be shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.graph.test_graph_fuzz import branches
from tests.testing.desk import GRAPH
from voicegraph.graph import FORMATS, GraphError
from voicegraph.testing.conversations import Suite, read_suite, run_case
from voicegraph.testing.conversations.expect import EXPECTATIONS
from voicegraph.testing.conversations.read import KEYS, TEST_KEYS
from voicegraph.testing.conversations.steps import AFTER, STEPS

GOOD = """\
version: 1
graph: desk.yaml
set: [nodes.aggregator.with.end_silence=500ms]
seed: 3
real: [sentences]
with: {llm: {first: 300ms}, tts: {rate: 8000}}
tests:
  - name: one
    deadline: 9s
    steps:
      - caller: Hello
      - after: {caller_audio: 100ms}
      - agent: Good morning.
      - after: {frame: UserTurn, node: aggregator}
      - fault: {node: tts, kind: die, after: 300ms, count: 2, skip: 1}
      - dtmf: "12#"
      - hang_up:
    expect:
      answer: < 900ms
      heard: [Good morning.]
      never: noon
      frames: {llm.Token: "> 2", UserTurn: 1}
      history: [user: Hello]
      ended: caller
"""
KNOWN = [
    *KEYS,
    *TEST_KEYS,
    *STEPS,
    *AFTER,
    *EXPECTATIONS,
    "node",
    "kind",
    "desk.yaml",
    "llm",
    "tts",
    "line",
    "UserTurn",
]
VALUES = [
    "",
    "< 1s",
    ">= 2",
    "500ms",
    "0s",
    "-1",
    "1e9",
    ".nan",
    "12#",
    "llm.Token",
    "a.b.c",
    "../desk.yaml",
    ".",
    "~",
    "\0",
    "x" * 300,
]

words = st.sampled_from([*KNOWN, *VALUES]) | st.text(max_size=5)
scalars: st.SearchStrategy[Any] = st.one_of(words, st.integers(), st.floats(), st.booleans(), st.none())
trees: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4), max_leaves=12
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("desk")
    (made / "desk.yaml").write_text(GRAPH)
    return made


@st.composite
def grafted(draw: st.DrawFn) -> Any:
    """A good file in which a few branches are replaced, renamed or taken out."""
    tree: Any = yaml.safe_load(GOOD)
    for _ in range(draw(st.integers(1, 4))):
        branch, key = draw(st.sampled_from(list(branches(tree))))
        match draw(st.sampled_from(["replace", "replace", "remove", "rename"])):
            case "replace":
                branch[key] = draw(trees)
            case "rename" if hasattr(branch, "items"):
                branch[draw(words)] = branch.pop(key)
            case _:
                del branch[key]
        if not any(branches(tree)):
            break
    return tree


def read(folder: Path, text: str | bytes) -> Suite | None:
    file = folder / "desk_test.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    try:
        return read_suite(file)
    except GraphError as error:
        told = error.diagnostics
    assert told
    for written in FORMATS.values():
        assert written(told)
    return None


def test_the_file_is_good(folder: Path) -> None:
    suite = read(folder, GOOD)
    assert suite is not None
    assert len(suite.cases[0].steps) == 7


@settings(max_examples=150, deadline=None)
@given(tree=grafted())
def test_a_good_file_gone_wrong(folder: Path, tree: Any) -> None:
    read(folder, json.dumps(tree))


@settings(max_examples=100, deadline=None)
@given(steps=trees, expect=trees, head=st.dictionaries(st.sampled_from(KEYS), trees, max_size=3))
def test_wrong_branches(folder: Path, steps: Any, expect: Any, head: Any) -> None:
    test = {"name": "one", "steps": steps, "expect": expect}
    read(folder, json.dumps({"graph": "desk.yaml", "tests": [test], **head}))


@settings(max_examples=100, deadline=None)
@given(start=st.integers(0, len(GOOD)), length=st.integers(0, 30), new=words | st.binary(max_size=4))
def test_overwritten_text(folder: Path, start: int, length: int, new: str | bytes) -> None:
    data, put = GOOD.encode(), new if isinstance(new, bytes) else new.encode("utf-8", "surrogatepass")
    read(folder, data[:start] + put + data[start + length :])


SHORT = st.sampled_from(["60ms", "300ms", "1.1s"])
steps = st.one_of(
    st.sampled_from(["Hello", "Yes, please", "I would like to know when you are open"]).map(lambda t: {"caller": t}),
    st.sampled_from(["From nine to five.", "Oak Dental, good morning."]).map(lambda t: {"agent": t}),
    st.fixed_dictionaries({"after": SHORT.map(lambda d: {"agent_audio": d}) | SHORT.map(lambda d: {"time": d})}),
    st.sampled_from([{"agent_words": 2}, {"frame": "UserTurn"}, {"frame": "Interrupt"}]).map(lambda a: {"after": a}),
    st.fixed_dictionaries({"silence": SHORT}),
    st.fixed_dictionaries({"cough": SHORT}),
    st.just({"dtmf": "1#"}),
    st.just({"hang_up": None}),
    st.tuples(st.sampled_from(["stt", "llm", "tts"]), st.sampled_from(["error", "hang", "stall", "die"])).map(
        lambda fault: {"fault": {"node": fault[0], "kind": fault[1]}}
    ),
)


@settings(max_examples=30, deadline=None)
@given(test=st.lists(steps, min_size=1, max_size=7), seed=st.integers(0, 99), pause_first=st.booleans())
def test_any_conversation_comes_to_an_end_and_to_the_same(
    folder: Path, test: list[Any], seed: int, pause_first: bool
) -> None:
    case = {"name": "one", "steps": test, "deadline": "4s"}
    change = f"nodes.aggregator.with.interrupt.pause_first={str(pause_first).lower()}"
    suite = read(folder, json.dumps({"graph": "desk.yaml", "set": [change], "tests": [case]}))
    assert suite is not None
    first, again = (run_case(suite, suite.cases[0], seed) for _ in range(2))
    assert first.seconds < 60
    assert {each.code for each in first.found} <= {"never-happened", "call-ended", "other-words", "not-as-expected"}
    assert (first.found, first.seconds, first.timeline) == (again.found, again.seconds, again.timeline)
