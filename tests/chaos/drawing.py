"""Draws a call at random: how an agent recovers, what goes wrong with it, and what its caller does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, Literal

from tests.chaos.nodes import RATE, Model, Streaming, Transcriber, Voice
from tests.chaos.words import GREETING, PHRASES, REPEAT, SPEAKING, STILL_HERE, THINKING, question
from tests.engine.calls import plan as planned
from voicegraph.graph import compile_plan, load
from voicegraph.graph.plan import GOODBYE, SORRY, Action, Plan, PlannedNode, Recover, Watchdog
from voicegraph.node import node_type
from voicegraph.processors.aggregator import Aggregator
from voicegraph.processors.sentences import Sentences
from voicegraph.testing import SimulatedCall
from voicegraph.testing.scripted import ScriptedVAD
from voicegraph.tools.line import hang_up, transfer
from voicegraph.tools.reading import read_tool

Stage = Literal["stt", "llm", "tts"]
STAGES: tuple[Stage, ...] = ("stt", "llm", "tts")
DEAD = 1_000
"""Faults of a node that does not come back."""
FLOW = ("line -> vad -> aggregator -> llm -> sentences -> tts -> line", "line -> stt -> aggregator")
TIMEOUTS: dict[Stage, tuple[float, ...]] = {"stt": (1.0, 2.0, 3.0), "llm": (0.5, 1.0, 2.0), "tts": (0.4, 0.5, 1.0)}
"""A transcriber's is longer than any pause between two of its guesses."""
MANNERS = ("at once", "at once", "at once", "slow", "very slow", "swallows", "raises")


async def nobody_there() -> str:
    """Calls somebody."""
    raise RuntimeError("nobody is there")


THEN = {
    "hang up": Action(read_tool(hang_up)),
    "transfer": Action(read_tool(transfer), {"to": "+15551234567"}),
    "fail": Action(read_tool(nobody_there)),
}


@dataclass(frozen=True)
class Step:
    """What the caller does: `ask` and wait for the answer, or `ask` at once; or something else after some seconds."""

    do: Literal["ask", "barge", "cough", "press", "hang up"]
    text: str = ""
    after: float = 0.0


@dataclass(frozen=True)
class Part:
    """A node of a stage: what it is and how it is configured."""

    kind: Any
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Chaos:
    """A call. parts: of each stage, the one in the flow and those that stand by. cached: nodes whose voice is kept.

    open: nodes whose providers are known to be down when the call begins.
    """

    seed: int
    recover: Mapping[str, Recover]
    parts: Mapping[str, Sequence[Part]]
    steps: tuple[Step, ...]
    line: Mapping[str, Any] = field(default_factory=dict[str, Any])
    aggregator: Mapping[str, Any] = field(default_factory=dict[str, Any])
    watchdog: Watchdog = field(default_factory=Watchdog)
    vad_to_stt: bool = True
    cached: tuple[str, ...] = ()
    open: tuple[str, ...] = ()

    def plan(self) -> Plan:
        nodes: dict[str, Any] = {
            "line": SimulatedCall,
            "vad": ScriptedVAD,
            "stt": self.parts["stt"][0].kind,
            "aggregator": Aggregator,
            "llm": self.parts["llm"][0].kind,
            "sentences": Sentences,
            "tts": self.parts["tts"][0].kind,
        }
        config: dict[str, dict[str, Any]] = {
            "line": {"rate": RATE, **self.line},
            "aggregator": dict(self.aggregator),
            **{stage: {"name": stage, **self.parts[stage][0].config} for stage in STAGES},
        }
        made = planned(nodes, *FLOW, *(("vad -> stt",) if self.vad_to_stt else ()), config=config)
        backups = {
            name: PlannedNode(name, node_type(part.kind), {"name": name, **part.config})
            for stage in STAGES
            for name, part in zip(backup_names(stage), self.parts[stage][1:], strict=False)
        }
        flow = {name: replace(each, recover=self.recover.get(name)) for name, each in made.nodes.items()}
        return replace(made, nodes=flow, standby=backups, watchdog=self.watchdog, phrases=PHRASES)

    def well(self) -> Chaos:
        """The same without a fault."""
        ill = ("faults", "drops", "manner")
        parts = {
            stage: [
                Part(part.kind, {key: value for key, value in part.config.items() if key not in ill}) for part in parts
            ]
            for stage, parts in self.parts.items()
        }
        return replace(self, parts=parts, open=())


def backup_names(stage: str) -> list[str]:
    return [f"{stage}_{number}" for number in range(1, 4)]


# --- one fault, with settings as they are recommended ----------------------------------------------------------------

FAULTS: dict[Stage, tuple[str, ...]] = {
    "tts": ("error", "hang", "stall", "die", "silence"),
    "llm": ("error", "hang", "stall", "die", "truncate"),
    "stt": ("drop", "deaf"),
}
"""Of each stage, in the order of the table."""


GRAPH = Path(__file__).parent.parent.parent / "graphs" / "cloud.yaml"
NO_KEYS = ("line.use=simulated.call", "vad.use=scripted.vad")


def recommended(*sets: str) -> dict[str, Recover]:
    """How graphs/cloud.yaml recovers. sets: changes of it, as `voicegraph run --set` takes them."""
    plan = compile_plan(load(GRAPH, [*(f"nodes.{each}" for each in NO_KEYS), *sets], ready=False))
    policies = {stage: plan.nodes[stage].recover or Recover() for stage in STAGES}
    return {
        stage: replace(policy, fallback=tuple(backup_names(stage)[: len(policy.fallback)]))
        for stage, policy in policies.items()
    }


def single(seed: int, stage: Stage, kind: str, recover: Mapping[str, Recover], *, aligned: bool = True) -> Chaos:
    """One fault of a provider, which is well again then, in a call of one question.

    aligned: the voices tell their words.
    """
    random = Random(f"{seed} {stage} {kind}")
    parts: dict[str, Sequence[Part]] = {
        each: [_part(random, each, place) for place in range(1 + len(recover[each].fallback))] for each in STAGES
    }
    parts["tts"] = [Part(part.kind, {**part.config, "aligned": aligned}) for part in parts["tts"]]
    fault: dict[str, Any] = {"kind": kind}
    if kind in ("stall", "die", "truncate"):
        fault["after"] = random.randint(1, 12) if stage == "llm" else _ms(random.uniform(0.1, 3.0))
    ill: dict[str, Any] = {"faults": [fault]}
    if stage == "stt":
        ill = {
            "drops": [(round(random.uniform(0.5, 4.0), 2), round(random.uniform(0.2, 5.0), 2))],
            "deaf": kind == "deaf",
        }
    first, *others = parts[stage]
    parts[stage] = [Part(first.kind, {**first.config, **ill}), *others]
    steps = [Step("ask", question(random, random.randint(5, 8)))]
    return Chaos(seed, recover, parts, tuple(steps))


def _part(random: Random, stage: Stage, place: int) -> Part:
    """One that is well."""
    if stage == "stt":
        return Part(Transcriber, {"latency": _ms(random.uniform(0.05, 0.2))})
    if stage == "llm":
        return Part(Model, {"first": round(random.uniform(0.1, 0.3), 3), "anew": random.random() < 0.5})
    config = {
        "place": place,
        "first": round(random.uniform(0.08, 0.2), 3),
        "pace": random.choice((0.05, 0.1, 0.3)),
        "chunk": random.choice((0.04, 0.08, 0.2)),
        "aligned": random.random() < 0.75,
    }
    if random.random() < 0.5:
        return Part(Voice, config)
    return Part(Streaming, {**config, "ahead": random.random() < 0.7})


# --- anything ----------------------------------------------------------------------------------------------------


def wild(seed: int) -> Chaos:
    """Any settings, any faults, any caller."""
    random = Random(seed)
    parts: dict[str, list[Part]] = {}
    recover: dict[str, Recover] = {}
    for stage in STAGES:
        backups = random.choice((0, 1, 1, 2))
        parts[stage] = [_part(random, stage, place) for place in range(backups + 1)]
        recover[stage] = _policy(random, stage, backups)
    vad_to_stt = random.random() < 0.75
    ills = random.choices(STAGES, (1, 2, 3), k=random.choice((1, 1, 2, 3)))
    for stage in dict.fromkeys(ills):
        for place, part in enumerate(parts[stage]):
            if place == 0 or random.random() < 0.4:
                ill = _ills(random, stage, recover[stage], vad_to_stt=vad_to_stt)
                parts[stage][place] = Part(part.kind, {**part.config, **ill})
    everyone = [name for stage in STAGES for name in (stage, *backup_names(stage)[: len(parts[stage]) - 1])]
    voices = [name for name in everyone if name.startswith("tts")]
    return Chaos(
        seed,
        recover,
        parts,
        _steps(random),
        line={"greeting": GREETING} if random.random() < 0.25 else {},
        aggregator={
            "end_silence": random.choice(("300ms", "500ms", "700ms")),
            "speculate": random.random() < 0.3,
            "interrupt": {"pause_first": random.random() < 0.3, "min_words": random.choice((0, 0, 1))},
        },
        watchdog=Watchdog(
            silence=random.choice((2.0, 5.0)),
            say=STILL_HERE if random.random() < 0.3 else None,
            sorry=SORRY if random.random() < 0.7 else None,
            goodbye=GOODBYE if random.random() < 0.8 else None,
        ),
        vad_to_stt=vad_to_stt,
        cached=random.choice(((), (), tuple(voices), ("tts",), tuple(voices[1:]))),
        open=(random.choice(everyone),) if random.random() < 0.1 else (),
    )


def _policy(random: Random, stage: Stage, backups: int) -> Recover:
    timeout = random.choice(TIMEOUTS[stage])
    asks_then = random.random() < 0.3
    say = {"stt": REPEAT, "llm": THINKING, "tts": SPEAKING}[stage]
    return Recover(
        timeout=timeout if random.random() < 0.85 else None,
        stall=random.choice((None, timeout, timeout / 2 + 0.1)) if stage != "stt" else None,
        hedge=timeout / 2 if backups and stage != "stt" and random.random() < 0.4 else None,
        retries=random.choice((0, 0, 1, 2)),
        fallback=tuple(backup_names(stage)[:backups]),
        say=say if random.random() < 0.6 else None,
        then=THEN[random.choice([*THEN])] if asks_then else None,
        retry_primary_after=random.choice((None, 0.5, 5.0)) if backups else None,
    )


def _ills(random: Random, stage: Stage, policy: Recover, *, vad_to_stt: bool) -> dict[str, Any]:
    """What goes wrong with a node. What hangs can only be noticed where there is a deadline."""
    manner = random.choice(MANNERS)
    if stage == "stt":
        ill: dict[str, Any] = {"manner": manner, "deaf": random.random() < 0.5}
        ill["drops"] = [
            (round(random.uniform(0.3, 6.0), 2), round(random.uniform(0.2, 5.0), 2))
            for _ in range(random.randint(0, 2))
        ]
        ill["drops"].sort()
        kinds = ["error", "die"] + (["hang", "stall"] if policy.timeout and vad_to_stt else [])
    else:
        ill = {"manner": manner}
        if stage == "llm":
            ill |= {"refuses": random.random() < 0.2, "calls": random.choice((-1, -1, 2))}
        late = {"hang", "stall"} if policy.timeout is None else set[str]()
        kinds = [kind for kind in FAULTS[stage] if kind not in late]
    ill["faults"] = [
        _fault(random, stage, random.choice(kinds))
        for _ in range(random.choice((0, 1) if stage == "stt" else (1, 1, 2)))
    ]
    return ill


def _fault(random: Random, stage: Stage, kind: str) -> dict[str, Any]:
    made: dict[str, Any] = {"kind": kind, "skip": random.choice((0, 0, 0, 1, 2))}
    made["count"] = random.choice((1, 1, 2, 3, DEAD))
    if kind in ("stall", "die", "truncate"):
        made["after"] = random.randint(1, 12) if stage == "llm" else _ms(random.uniform(0.05, 3.0))
    return made


def _steps(random: Random) -> tuple[Step, ...]:
    steps = [Step("ask", question(random, random.randint(5, 7)))]
    for _ in range(random.choice((0, 1, 1, 2))):
        match random.choice(("ask", "barge", "barge", "cough", "press", "hang up")):
            case "ask":
                steps.append(Step("ask", question(random, random.randint(5, 7)), random.uniform(0.2, 1.0)))
            case "barge":
                steps.append(Step("barge", question(random, random.randint(5, 7)), random.uniform(0.0, 5.0)))
            case "cough":
                steps.append(Step("cough", "", random.uniform(0.0, 5.0)))
            case "press":
                steps.append(Step("press", "12#", random.uniform(0.0, 4.0)))
            case _:
                steps.append(Step("hang up", "", random.uniform(0.0, 5.0)))
                break
    return tuple(steps)


def _ms(seconds: float) -> str:
    """As a graph file writes it."""
    return f"{round(1000 * seconds)}ms"
