"""Circles in a relation between names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter


def circles(pairs: Iterable[tuple[str, str]]) -> Iterator[list[str]]:
    """Circles one after the other, as `[a, b, a]`, until none is left once the last pair of each is taken out.

    A circle begins with the one of its names that comes first in `pairs`.
    """
    left = dict.fromkeys(pairs)
    rank = {name: i for i, name in enumerate(dict.fromkeys(name for pair in left for name in pair))}
    while (circle := _circle(left)) is not None:
        start = min(range(len(circle)), key=[rank[name] for name in circle].__getitem__)
        path = [*circle[start:], *circle[: start + 1]]
        del left[path[-2], path[-1]]
        yield path


def _circle(pairs: Iterable[tuple[str, str]]) -> list[str] | None:
    """The names of one circle, each once, in its direction."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for first, second in pairs:
        sorter.add(second, first)
    try:
        sorter.prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found[:-1]
    return None
