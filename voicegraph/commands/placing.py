"""Where a node stands in its graph's file, for what goes wrong with it during a call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from voicegraph.errors import CallFailed, ProviderError, VoicegraphError

if TYPE_CHECKING:
    from voicegraph.graph.source import Span


class Places:
    """Of the nodes of a graph file, which was in order when the call began. It is read when it is first asked for."""

    def __init__(self, path: Path, sets: Sequence[str]) -> None:
        self._path = path
        self._sets = sets

    def named(self, node: str) -> str:
        """A node's name behind its place: `graphs/cloud.yaml:24:10: llm`; alone for one that is in no file."""
        place = self._spans.get(node)
        return f"{place.source.name}:{place.line}:{place.column}: {node}" if place else node

    def told(self, error: VoicegraphError, faults: Iterable[tuple[str, BaseException]] = ()) -> VoicegraphError:
        """What ended a call; if a vendor did, with the node and its place. faults: what nodes raised, by node."""
        if isinstance(error, CallFailed) and isinstance(error.__cause__, ProviderError):
            return VoicegraphError(f"{self.named(error.node)}: {error.__cause__}")
        node = next((name for name, fault in faults if fault is error), None)
        if isinstance(error, ProviderError) and node is not None:
            return VoicegraphError(f"{self.named(node)}: {error}")
        return error

    @cached_property
    def _spans(self) -> Mapping[str, Span]:
        from voicegraph.graph import GraphError, load

        try:
            graph = load(self._path, self._sets, ready=False)
        except GraphError:  # it was changed meanwhile
            return {}
        return {name: node.use.span for name, node in graph.file.nodes.items()}
