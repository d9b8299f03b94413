"""No input whatsoever gives anything but a graph or a GraphError, and both can be shown."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.graph.nodes import AGENT
from voicegraph.graph import FORMATS, Graph, GraphError, compile_plan, draw, expand, loads

ENVIRONMENT = {"KEY": "sk-123456", "EMPTY": "", "ODD": "\udcff\x00{a: [", "REF": "${env:REF}"}

VOCABULARY = """
nodes flow pipeline use with recover version name imports extends budgets line vad stt llm tts backup timeout stall
retries fallback say then hedge retry_primary_after cache watchdog silence sorry goodbye continue line.hang_up to
model voice rate interrupt extra answer barge_in t.line t.vad t.stt t.llm t.tts t.fussy
t.vendor t.unsure t.shout t.big-llm t.tools resample -> [ ] { } : , . - & * ! | > ' " % @ ` # ? ~ null true 012 0o17
1e9 .nan -.inf 500ms 0s 1h << --- ... ${env:KEY} ${env:ODD} ${env:NONE} ${env:NONE:-x} ${file:x} ${file:.} ${ $${ ${x}
tts~16000 ../x.py x.yaml
"""
SPACES = [" ", "\n", "\n  ", "\n    ", "\t", "\r\n", "\r", "\x85", "\u2028"]
LONG = ["x" * 200, "9" * 5000, "-" * 300, "line -> vad -> line", "[a, b] -> c"]
WORDS = [*VOCABULARY.split(), *SPACES, *LONG, "", "\U0001f600", "e\u0301"]
NASTY = ["\0", "\ufeff", "\ud800", "\x1b[2J", "\udcff"]  # refused at once, so not too often

printable = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=5)
words = st.integers(0, 99).flatmap(lambda n: st.sampled_from(NASTY) if n == 42 else st.sampled_from(WORDS) | printable)
prose = st.lists(words, max_size=40).map("".join)
scalars: st.SearchStrategy[Any] = st.one_of(words, st.integers(), st.floats(), st.booleans(), st.none())
trees: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=5), max_leaves=30
)
nodes: st.SearchStrategy[Any] = st.dictionaries(
    words,
    st.one_of(
        words,
        trees,
        st.fixed_dictionaries({"use": words}, optional={"with": trees, "recover": trees, "cache": scalars}),
    ),
    max_size=6,
)
graphs: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {},
    optional={
        "version": scalars,
        "name": scalars,
        "imports": trees,
        "extends": words,
        "nodes": nodes | trees,
        "pipeline": st.lists(words | nodes, max_size=5) | trees,
        "flow": st.lists(prose, max_size=4) | trees,
        "budgets": trees,
        "watchdog": trees,
    },
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good graph with some stretches of it taken out, doubled, or overwritten."""
    data = AGENT.encode()
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(data)))
        end = start + draw(st.integers(0, 30))
        new = draw(
            st.one_of(
                st.just(b""),
                words.map(lambda word: word.encode("utf-8", "surrogatepass")),
                st.binary(max_size=4),
                st.just(data[start:end] * 2),
            )
        )
        data = data[:start] + new + data[end:]
    return data


@st.composite
def grafted(draw: st.DrawFn) -> Any:
    """A good graph in which a few branches are replaced, swapped, renamed or taken out."""
    tree: Any = yaml.safe_load(AGENT)
    for _ in range(draw(st.integers(1, 3))):
        branch, key = draw(st.sampled_from(list(branches(tree))))
        match draw(st.sampled_from(["replace", "swap", "remove", "rename"])):
            case "replace":
                branch[key] = draw(trees)
            case "swap":
                other, its_key = draw(st.sampled_from(list(branches(tree))))
                branch[key] = copy.deepcopy(other[its_key])
            case "rename" if hasattr(branch, "items"):
                branch[draw(words)] = branch.pop(key)
            case _:
                del branch[key]
        if not any(branches(tree)):
            break
    return tree


def branches(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in it, as a mapping or list and a key of that."""
    if isinstance(tree, dict | list):
        for key in list(tree if isinstance(tree, dict) else range(len(tree))):  # pyright: ignore
            yield tree, key
            yield from branches(tree[key])


def holds(text: str | bytes, sets: tuple[str, ...] = (), *, ready: bool = True) -> None:
    """A graph or a GraphError comes of it, and each can be shown."""
    try:
        graph = loads(text, sets, environment=ENVIRONMENT, ready=ready)
    except GraphError as error:
        told = error.diagnostics
    else:
        told = graph.warnings
        shows(graph, ready=ready)
    for form in FORMATS.values():
        shown = form(told)
        shown.encode("utf-8")
        assert "sk-123456" not in shown


def shows(graph: Graph, *, ready: bool) -> None:
    """A graph can be compiled, drawn and expanded, and what is expanded is the same graph."""
    plan = compile_plan(graph)
    for picture in draw.FORMATS.values():
        picture(plan)
    long = expand.long_form(graph)
    if ready:
        again = compile_plan(loads(long, environment=ENVIRONMENT))
        assert repr(again.edges) == repr(plan.edges)
        assert (repr(again.phrases), again.watchdog) == (repr(plan.phrases), plan.watchdog)
        assert repr([(n.name, n.config, n.recover, n.cache) for n in again.nodes.values()]) == repr(
            [(n.name, n.config, n.recover, n.cache) for n in plan.nodes.values()]
        )


@given(st.binary())
@example(b"\xef\xbb\xbf")
@example(b"\xff\xfe\x00")
@example(b"[" * 200_000)
@example(b"{a: " * 100_000)
@example(b"- " * 200_000)
@example(b"? " * 200_000)
@example(b"a: &a [" + b"*a, " * 100_000)
@example(b"nodes: {a: " + b"x" * 900_000 + b"}")
@example(b'nodes: {a: {use: t.llm, with: {model: "' + b"9" * 900_000 + b'"}}}')
@example(b"nodes: {a: {use: t.llm, with: {temperature: " + b"9" * 900_000 + b"}}}")
@example(b"flow: [" + b"a -> " * 180_000 + b"a]")
@example(b"flow: '[" + b"a, " * 300_000 + b"a] -> a'")
@example(b"nodes: {a: t.shout}\nflow:\n" + b"- '[a,a,a,a,a,a] -> [a,a,a,a,a,a]'\n" * 20_000)
@example(b"x: '" + b"${env:KEY}" * 90_000 + b"'")
@example(b"x: '" + b"${" * 400_000 + b"'")
@example(b"\n" * 999_999 + b"!")
@example(b"pipeline: [" + b", ".join(b"x%d" % i for i in range(100_000)) + b"]")
@example(b"nodes: {" + b", ".join(b"x%d: t.llm" % i for i in range(50_000)) + b"}")
@example(b"imports: [" + b", ".join(b"x%d.py" % i for i in range(100_000)) + b"]")
@example(b"nodes: {a: {use: t.llm, recover: {fallback: [" + b"b, " * 200_000 + b"]}}}")
@example(AGENT.encode("utf-16"))
@settings(deadline=None)
def test_bytes(data: bytes) -> None:
    holds(data)


@given(prose, st.booleans())
@settings(deadline=None)
def test_text(text: str, ready: bool) -> None:
    holds(text, ready=ready)


@given(mutated(), st.booleans())
@settings(deadline=None, max_examples=150)
def test_a_good_graph_gone_wrong(data: bytes, ready: bool) -> None:
    holds(data, ready=ready)


@given(graphs, st.booleans())
@settings(deadline=None, max_examples=150)
def test_trees(tree: Any, ready: bool) -> None:
    holds(json.dumps(tree, ensure_ascii=False), ready=ready)


@given(grafted(), st.booleans())
@settings(deadline=None, max_examples=150)
def test_a_good_graph_with_wrong_branches(tree: Any, ready: bool) -> None:
    holds(json.dumps(tree, ensure_ascii=False), ready=ready)


PATHS = """
nodes.llm.with.model nodes.llm.with.extra.a nodes.llm.use nodes.llm nodes.tts.recover.fallback nodes.tts.with flow
nodes.line.with.rate budgets.llm name pipeline imports nodes.new nodes x..y nodes.tts.cache nodes.llm.recover.then
nodes.llm.recover.hedge nodes.llm.recover watchdog watchdog.goodbye
"""


@given(
    st.lists(st.tuples(st.sampled_from(PATHS.split()) | words, prose | trees.map(json.dumps)).map("=".join), max_size=3)
)
@example(["nodes.llm.with.extra=" + "[" * 100_000])
@example(["nodes.llm.with.model=\ud800"])
@settings(deadline=None, max_examples=100)
def test_options(sets: list[str]) -> None:
    holds(AGENT, tuple(sets))
