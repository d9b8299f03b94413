"""README.md's generated parts, each between `<!-- begin NAME -->` and `<!-- end NAME -->`, and what they come from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import RESULTS

README = Path(__file__).parent.parent / "README.md"
PLOTS = README.parent / "plots"

Document = dict[str, Any]
"""A file of results: command, date, machine, versions, results."""


def load(name: str) -> Document | None:
    """None, if it was not measured yet."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def fill(page: str, blocks: Mapping[str, str]) -> str:
    """The page with these parts in place of what is there."""
    places = set(re.findall(r"<!-- begin ([\w-]+) -->", page))
    if places != set(blocks):
        raise ValueError(f"only in the page, or only made: {', '.join(sorted(places ^ set(blocks)))}")
    for name, block in blocks.items():
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        if page.count(begin) != 1 or page.count(end) != 1 or page.index(end) < page.index(begin):
            raise ValueError(f"the part {name} needs one begin and one end behind it")
        before, rest = page.split(begin)
        page = f"{before}{begin}\n{block.strip()}\n{end}{rest.split(end)[1]}"
    return page


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def figure(value: float | None) -> str:
    """Two or three digits that mean something; `,` between thousands."""
    if value is None:
        return ""
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 or size == 0 else 3
    return f"{value:,.{digits}f}"


def emphasised(cells: Sequence[str], values: Sequence[float | None], *, most: bool = False) -> list[str]:
    """The best in bold, whoever has it, and what reads the same. Values of None, such as a floor's, do not count."""
    pairs = [*zip(cells, values, strict=True)]
    known = [(value, cell) for cell, value in pairs if value is not None]
    best = (max if most else min)(known, default=(0.0, ""))[1]
    return [f"**{cell}**" if cell == best and value is not None else cell for cell, value in pairs]


def behind(columns: Iterable[tuple[str, Mapping[str, float], bool]]) -> str:
    """Where the best rival is better than the best of ours. columns: name, figures, whether most is best."""
    found: list[str] = []
    for name, figures, most in columns:
        best = max if most else min
        ours = best(value for label, value in figures.items() if label.startswith("voicegraph"))
        rivals = {label: value for label, value in figures.items() if not label.startswith(("voicegraph", "floor"))}
        first = best(rivals, key=lambda label: figures[label], default=None)
        if first is not None and rivals[first] != ours and best(rivals[first], ours) == rivals[first]:
            found.append(f"{name}, {first} {figure(rivals[first])} against our {figure(ours)}")
    return f"**Behind a rival**: {'; '.join(found)}." if found else "Behind a rival in none of these."


def taken(document: Document) -> str:
    """When, on what and of what versions, in small print."""
    machine = document["machine"]
    of = ", ".join(f"{name} {version}" for name, version in document["versions"].items() if name != "voicegraph")
    where = (
        f"{machine['cores']} cores of {machine['processor']}, load {machine['load_1min']}, Python {machine['python']}"
    )
    return f"<sub>`{document['command']}`, {document['date']}; {where}; {of}.</sub>"


def plot(name: str, says: str) -> str:
    return f"![{says}](plots/{name}.svg)"


def not_measured(name: str) -> str:
    return f"*Not measured yet: `python -m benchmarks.{name}` writes `results/{name}.json`.*"
