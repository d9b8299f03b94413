"""A graph file, the files that it extends, and `--set` options, merged into one tree whose places keep their source.

Mappings merge key by key, everything else is replaced, null takes a key away (but see `_has_null`). Three
rules are wiser than that: imports add up; a flow or pipeline replaces flow and pipeline; and a node that changes its
type starts with an empty configuration, for the old one belongs to the old type, as do arguments to the `then` that
they are given to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os.path import normpath
from pathlib import Path

from voicegraph.graph.diagnostics import Note, Report
from voicegraph.graph.references import References
from voicegraph.graph.shorthand import long_form
from voicegraph.graph.source import Source, Span, Unreadable, read_source
from voicegraph.graph.tree import Map, Scalar, Seq, Tree, is_null, items_of, less, read_tree
from voicegraph.graph.wording import listed, quote

MAX_FILES = 20


def read_layers(source: Source, sets: Sequence[str], environment: Mapping[str, str], report: Report) -> Map | None:
    """The merged tree, in its long form, or None if there is nothing to merge."""
    references = References(environment, report)
    layers = _extended(source, references, report)
    overlays = [_option(option, references, report) for option in sets]
    graph: Map | None = None
    for layer in [*layers, *overlays]:
        if layer is not None:
            long = long_form(layer, graph, report)
            graph = long if graph is None else merge(graph, long)
    return graph if layers else None


def _extended(source: Source, references: References, report: Report) -> list[Map]:
    """The file last, before it the one that it extends, and so on; empty if one of them cannot be used."""
    layers: list[Map] = []
    seen = [(source.folder / Path(source.name).name).resolve()]
    following: Source | None = source
    while following is not None:
        layer = _layer(following, references, report)
        if layer is None:
            return []
        layers.insert(0, layer)
        base = layer.values.get("extends")
        if base is None:
            return layers
        layers[0] = less(layer, "extends")
        following = _base(base, seen, report)
    return []


def _layer(source: Source, references: References, report: Report) -> Map | None:
    tree = read_tree(source, report)
    if tree is None:
        return None
    if isinstance(tree, Map):
        return references.replace(tree)
    hint = "begin with `nodes:` and `flow:`"
    if is_null(tree):
        report.error("empty-graph", "the file is empty", tree.span, hint)
    else:
        report.error("wrong-shape", "a graph is a mapping", tree.span, hint)
    return None


def _base(extends: Tree, seen: list[Path], report: Report) -> Source | None:
    """Reads the file that `extends` names. seen: the files of the chain so far, to which it is added."""
    if isinstance(extends, Scalar) and extends.fault:
        report.add(extends.fault)
        return None
    if not isinstance(extends, Scalar) or not isinstance(extends.value, str):
        report.error("wrong-shape", "`extends` names one file", extends.span, "write `extends: base.yaml`")
        return None
    folder, name = extends.span.source.folder, extends.text
    try:
        path = (folder / name).resolve()
        if path in seen or len(seen) >= MAX_FILES:
            hint = "a base extends nothing that is built on it"
            report.error("extends-cycle", _chain([*seen, path]), extends.span, hint)
            return None
        seen.append(path)
        shown = normpath(Path(extends.span.source.name).parent / name)
        return read_source(folder / name, shown)
    except Unreadable as error:
        note = (Note("extended from here", extends.span),) if error.place else ()
        report.error(error.code, error.message, error.place or extends.span, error.hint, note)
    except (OSError, ValueError, RuntimeError) as error:  # from resolve(): a NUL byte, a loop of links
        report.error("file-unreadable", f"cannot read {quote(name)}: {error}", extends.span)
    return None


def _chain(paths: list[Path]) -> str:
    """What is wrong with a chain of files that comes back to one of them, or has no end."""
    *before, last = paths
    if last not in before:
        return f"more than {MAX_FILES} files extend each other"
    return f"the graph extends itself: {listed([path.name for path in paths[before.index(last) :]], ' -> ')}"


def _option(option: str, references: References, report: Report) -> Map | None:
    """`nodes.llm.with.model=gpt-4.1` as the tree of a graph file that holds nothing else."""
    source = Source("--set", " ".join(option.splitlines()), Path())
    path, equals, value = source.text.partition("=")
    if not equals or not all(path.split(".")):
        report.error("bad-set", f"{quote(option)} sets nothing", source.start, "write --set nodes.llm.with.model=small")
        return None
    indent = " " * (len(path) + 1)
    tree = read_tree(source, report, text=indent + value)
    if tree is None:
        return None
    *outer, last = path.split(".")
    start = len(path) - len(last)
    graph = Map(source.start, {last: _at(source, start, len(path))}, {last: tree})
    for key in reversed(outer):
        end = start - 1
        start = end - len(key)
        graph = Map(source.start, {key: _at(source, start, end)}, {key: graph})
    return references.replace(graph)


def _at(source: Source, start: int, end: int) -> Span:
    return Span(source, 1, start + 1, 1, end + 1)


def merge(base: Map, over: Map, path: tuple[str, ...] = ()) -> Map:
    """`base` with everything that `over` says about it. Both are in their long form."""
    if path == () and "flow" in over.values:
        base = less(base, "flow")
    if len(path) == 2 and path[0] == "nodes" and _changes_type(base, over):
        base = less(base, "with")
    if len(path) == 3 and path[::2] == ("nodes", "recover") and _changes_action(base, over):
        base = less(base, "then")
    keys, values = base.keys | over.keys, base.values.copy()
    for key, new in over.values.items():
        old = values.get(key)
        if is_null(new) and old is not None and not _has_null(path):
            del values[key], keys[key]
        elif isinstance(old, Map) and isinstance(new, Map):
            values[key] = merge(old, new, (*path, key))
        elif path == () and key == "imports" and old is not None:
            values[key] = Seq(new.span, (*items_of(old), *items_of(new)))
        else:
            values[key] = new
    return replace(over, keys=keys, values=values)


def _changes_type(base: Map, over: Map) -> bool:
    old, new = base.values.get("use"), over.values.get("use")
    return isinstance(old, Scalar) and isinstance(new, Scalar) and old.text != new.text


def _changes_action(base: Map, over: Map) -> bool:
    old, new = base.values.get("then"), over.values.get("then")
    return isinstance(old, Map) and isinstance(new, Map) and [*old.values] != [*new.values]


def _has_null(path: tuple[str, ...]) -> bool:
    """Whether null is a value in the mapping there: settings, arguments of a `then`, and the watchdog's goodbye."""
    return path[2:3] == ("with",) or path[2:4] == ("recover", "then") or path == ("watchdog",)
