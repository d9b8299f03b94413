"""Makes a call as it was drawn, in virtual time, and keeps all that can tell how it went."""

# pyright: reportPrivateUsage=false
from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.drawing import STAGES, Chaos, Step
from tests.chaos.hurt import Strike
from tests.chaos.nodes import RATE
from tests.chaos.words import PHRASES, REPEAT
from voicegraph import Interrupt, Reply, Sentence, UserTurn
from voicegraph.engine.phrases import Piece
from voicegraph.engine.recovery.breakers import FAILURES, Breakers
from voicegraph.engine.session import Session
from voicegraph.frames import Error, Frame, Pause, Recovery
from voicegraph.graph.plan import SORRY, PlannedNode
from voicegraph.testing import SimulatedCall, VirtualLoop
from voicegraph.testing.heard_sound import HeardSound
from voicegraph.testing.speech import utter_words

CALL = "~call"
"""Who says what no node says."""
KEPT = 0xFFFF
"""The origin of sound that comes from the store of phrases: no turn has that number."""
PATIENCE = 90.0
"""Seconds that a caller waits for an answer."""
HUNG = 600.0
"""Seconds after which a call that has not ended never will."""
HURRY = 1.3
"""How much faster than usual the callers speak: calls are short, and none of their words is too short to be missed."""
SETTLED = 0.5
"""Seconds of nothing, after which nothing more is on its way."""
AFTERMATH = 10.0
"""Seconds after the call in which the worst of the nodes let go."""


class Store:
    """Phrases that were rendered before the call, of some voices."""

    def __init__(self, voices: Sequence[str]) -> None:
        self._voices = voices
        self._sound = {
            text: [Piece(pcm, RATE, word) for word, pcm in utter_words(text, rate=RATE, origin=KEPT)]
            for text in PHRASES
        }

    async def find(self, voice: PlannedNode, text: str) -> Sequence[Piece] | None:
        return self._sound.get(text) if voice.name in self._voices else None

    def keep(self, voice: PlannedNode, text: str, pieces: Sequence[Piece]) -> None:
        """What is said in a call bears the number of its turn, and is never replayed here."""


@dataclass
class Evidence:
    """How a call went. Times are of the loop's clock, which begins with the call.

    frames: turns, interrupts, errors, recoveries and what was said of itself, with when and by whom. said: the caller's
    words, with when they began and ended, if they came to it. ended: when the call was over, None: never. failure: the
    exception that it ended with. left: tasks and timers that outlived it; loose: exceptions that nobody caught.
    """

    chaos: Chaos
    frames: list[tuple[float, str, Frame]] = field(default_factory=list[tuple[float, str, Frame]])
    said: list[tuple[str, float, float | None]] = field(default_factory=list[tuple[str, float, float | None]])
    ended: float | None = None
    failure: BaseException | None = None
    left: list[str] = field(default_factory=list[str])
    loose: list[str] = field(default_factory=list[str])
    heard: HeardSound = field(default_factory=lambda: HeardSound(RATE))
    replies: list[Reply] = field(default_factory=list[Reply])
    strikes: list[Strike] = field(default_factory=list[Strike])
    misled: list[str] = field(default_factory=list[str])
    faults: list[tuple[str, BaseException]] = field(default_factory=list[tuple[str, BaseException]])
    hung_up: float | None = None
    impatient: bool = False
    transferred: bool = False

    def of(self, kind: type[Any]) -> list[tuple[float, Any]]:
        return [(at, frame) for at, _, frame in self.frames if type(frame) is kind]


NOTED = (UserTurn, Interrupt, Pause, Error, Recovery)


class _Observer:
    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence

    def given(self, node: str, frame: Frame) -> None:
        if isinstance(frame, NOTED) or (node == CALL and isinstance(frame, Sentence)):
            self._evidence.frames.append((asyncio.get_running_loop().time(), node, frame))

    def played(self, turn: int, seconds: float) -> None:
        """The sound tells."""


class _Caller:
    """Does the steps of a call, one after the other, and hangs up."""

    def __init__(self, line: SimulatedCall, session: Session, evidence: Evidence) -> None:
        self._line = line
        self._session = session
        self._evidence = evidence

    async def act(self, steps: Sequence[Step]) -> None:
        try:
            for step in steps:
                if step.do == "ask":
                    await self._settle()
                await self._pass(step.after)
                await self._do(step)
                if self._line.over:
                    return
            await self._settle()
        finally:
            if not self._line.over:
                self._evidence.hung_up = self._session.now()
                self._line.hang_up()

    async def _do(self, step: Step) -> None:
        match step.do:
            case "ask" | "barge":
                await self._line.say(step.text, speed=HURRY).done()
            case "cough":
                await self._line.cough(0.4).done()
            case "press":
                await self._line.press(step.text).done()
            case "hang up":
                self._evidence.hung_up = self._session.now()
                self._line.hang_up()

    async def _pass(self, seconds: float) -> None:
        for _ in range(round(seconds * 50)):
            if not await self._line.tick():
                return

    async def _settle(self) -> None:
        """Waits until what was said was answered."""
        began = self._session.now()
        quiet = began
        while await self._line.tick():
            now = self._session.now()
            if self._session.speaking() or not self._asked():
                quiet = now
            if now - quiet >= SETTLED:
                return
            if now - began > PATIENCE:
                self._evidence.impatient = True
                return

    def _asked(self) -> bool:
        """Whether the caller's last words have come to the agent, or it has asked for them again."""
        last = max((act.ended or 0.0 for act in self._line.acts if act.number and act.text), default=0.0)
        if any(at >= last and frame.to in (REPEAT, SORRY) for at, frame in self._evidence.of(Recovery)):
            return True
        words = " ".join(act.text for act in self._line.acts if act.number).split()
        turns = self._evidence.of(UserTurn)
        return not words or bool(turns and turns[-1][1].text.split()[-1:] == words[-1:])


async def _call(chaos: Chaos) -> Evidence:
    loop = asyncio.get_running_loop()
    evidence = Evidence(chaos)
    loop.set_exception_handler(
        lambda _, context: evidence.loose.append(f"{context.get('message')}: {context.get('exception')!r}")
    )
    plan, breakers = chaos.plan(), Breakers()
    for name in chaos.open:
        for _ in range(FAILURES):
            breakers.of({**plan.nodes, **plan.standby}[name]).failed(loop.time())
    session = Session(
        plan,
        seed=chaos.seed,
        observers=(_Observer(evidence),),
        phrases=Store(chaos.cached) if chaos.cached else None,
        breakers=breakers,
    )
    line: SimulatedCall = session.nodes["line"].instance
    acting = asyncio.create_task(_Caller(line, session, evidence).act(chaos.steps))
    try:
        async with asyncio.timeout(HUNG):
            await session.run()
        evidence.ended = loop.time()
    except TimeoutError:
        acting.cancel()
    except Exception as failure:  # noqa: BLE001 - what it may be is for the oracles to say
        evidence.ended, evidence.failure = loop.time(), failure
    line.over = True
    await asyncio.wait([acting])
    await asyncio.sleep(AFTERMATH)
    _collect(evidence, session, line)
    return evidence


def _collect(evidence: Evidence, session: Session, line: SimulatedCall) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    mine = asyncio.current_task()
    evidence.left += [f"task {task.get_name()}" for task in asyncio.all_tasks() if task is not mine]
    evidence.left += [f"timer {handle!r}" for _, _, handle in loop._timers if not handle.cancelled()]
    evidence.said = [(act.text, act.began, act.ended) for act in line.acts if act.number and act.began is not None]
    evidence.heard, evidence.replies = line.heard, session.replies()
    evidence.transferred = bool(line.transferred)
    evidence.faults = list(session.faults)
    chains = session.recoveries.chains
    for stage in STAGES:
        instances = (
            [each.instance for each in chains[stage].candidates] if stage in chains else [session.nodes[stage].instance]
        )
        for instance in instances:
            evidence.strikes += instance.ills.strikes
            evidence.misled += getattr(instance, "misled", ())
    evidence.strikes.sort()


def call(chaos: Chaos) -> Evidence:
    """Makes it, from beginning to end."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(chaos.seed)) as runner:
        return runner.run(_call(chaos))
