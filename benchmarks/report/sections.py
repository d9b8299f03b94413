"""What each file of results becomes: parts of the page, and plots."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from benchmarks.report import engine, faults, interrupts, local, providers, telephone
from benchmarks.report.document import Document, load, not_measured, taken

Made = tuple[dict[str, str], dict[str, str]]
"""Parts of the page by name, and plots by name."""


class Section(NamedTuple):
    """names: of its parts of the page; the first also tells when and on what it was measured."""

    make: Callable[[Document], Made]
    names: tuple[str, ...]


SECTIONS: Mapping[str, Section] = {
    "hop": Section(engine.hop, ("hop",)),
    "framework": Section(engine.framework, tuple(f"framework-{name}" for name in engine.QUESTIONS)),
    "interrupts": Section(interrupts.interrupts, ("interrupts", "interrupts-virtual")),
    "providers": Section(providers.providers, ("providers",)),
    "dead_air": Section(faults.dead_air, ("dead-air", "dead-air-rivals", "dead-air-thinks", "dead-air-hears")),
    "chaos": Section(faults.chaos, ("chaos", "chaos-random")),
    "calls": Section(telephone.calls, ("calls",)),
    "pipecat_bridge": Section(telephone.bridge, ("pipecat-bridge",)),
    "local_turn": Section(local.local_turn, ("local-turn",)),
    "vad_batch": Section(local.vad_batch, ("vad-batch",)),
}


def made() -> Made:
    """All parts and plots, of what has been measured; the others say how to."""
    blocks: dict[str, str] = {}
    plots: dict[str, str] = {}
    for name, section in SECTIONS.items():
        if (document := load(name)) is None:
            blocks |= dict.fromkeys(section.names, not_measured(name))
            continue
        parts, drawn = section.make(document)
        first = section.names[0]
        blocks |= {**parts, first: f"{parts[first]}\n\n{taken(document)}"}
        plots |= drawn
    return blocks, plots
