"""One call: makes the nodes of a plan, runs them to the call's end, and carries out what they ask for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from random import Random
from typing import Any, TypeVar

from loguru import logger

from voicegraph.call import Reply, give_call
from voicegraph.engine import offload
from voicegraph.engine.ending import Ending
from voicegraph.engine.handlers import Bound, Work
from voicegraph.engine.heard import Heard
from voicegraph.engine.joining import join, reachable
from voicegraph.engine.milestones import Milestones
from voicegraph.engine.mouth import Mouth
from voicegraph.engine.observers import Observer, Observers
from voicegraph.engine.outlet import CALL, Cause, Route
from voicegraph.engine.patience import ENTERS_WITHIN, LEAVES_WITHIN, within
from voicegraph.engine.phrases import Phrases
from voicegraph.engine.recovery.breakers import Breakers
from voicegraph.engine.recovery.recoveries import Recoveries
from voicegraph.engine.running import RunningNode
from voicegraph.engine.silence import Silence
from voicegraph.engine.tasks import Tasks
from voicegraph.engine.timing import NodeTiming, Sampling
from voicegraph.engine.turns import Turns
from voicegraph.errors import CallFailed, NotAnswered, ProviderError, VoicegraphError, as_failure, raised_at
from voicegraph.frames import End, Error, Frame, Recovery, ReplyEnd, Sentence
from voicegraph.graph.plan import Plan, PlannedNode

T = TypeVar("T")

FAULTS = 100
"""Faults that are kept: the first ones, which tell more than what came of them."""


async def warm(plan: Plan) -> None:
    """Loads what the plan's nodes share between calls: models, connections. Once per process, before the first call."""
    for planned in (*plan.nodes.values(), *plan.standby.values()):
        instance = planned.make()
        if hasattr(instance, "warm"):
            await offload.offload(instance.warm)


class Session:
    """One call on one plan. `await run()` returns at the call's end. Is the `Call` that its nodes see.

    seed: of all randomness in the call. call_id: its name, unique in the process. phrases: the process's store of
    phrases, breakers: what it knows of its providers' health; without them the call has none and its own. faults: what
    nodes raised, by node. turn_times: when each turn reached its milestones. began, ended: loop times of `run`.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        call_id: str = "call",
        seed: int | None = None,
        observers: tuple[Observer, ...] = (),
        phrases: Phrases | None = None,
        breakers: Breakers | None = None,
    ) -> None:
        self.plan = plan
        self.id = call_id
        self._seed = seed
        self._random: Random | None = None
        self.variables: dict[str, str] = {}
        self.turns = Turns(self._turn_opened)
        self.heard = Heard()
        self.turn_times = Milestones()
        self.faults: list[tuple[str, BaseException]] = []
        self.began: float | None = None
        self.ended: float | None = None
        self.sampling = Sampling()
        self.signals: dict[type[Frame], Route] = {}
        self._observers = Observers(observers)
        self.taps = self._observers.taps
        self._ending = Ending(call_id, self.speaking, self._say_goodbye)
        self._paused = False
        work = {edge.taker for edge in plan.edges} | {name for name, node in plan.nodes.items() if node.kind.source}
        self._unended = work - {plan.line}
        self._line_hears = any(edge.taker == plan.line for edge in plan.edges)
        self._tasks = Tasks(call_id, self._gone_wrong, self.notice)
        self._mouth = Mouth(plan, self)
        self._edges = [*plan.edges, *self._mouth.edges]
        self._reaches: dict[str, set[str]] = {}
        instances = {name: planned.make() for name, planned in {**plan.nodes, **plan.standby}.items()}
        self.recoveries = Recoveries(plan, instances, self, phrases=phrases, breakers=breakers or Breakers())
        self._silence = Silence(plan.watchdog, self.heard, self)
        self.nodes = self._make_nodes(instances)
        self._line = self.nodes[plan.line] if plan.line else None
        join(self._edges, self.nodes, self)
        self._mouth.join(self.nodes)

    async def run(self) -> None:
        """Runs the call to its end. Raises CallFailed when a node's fault ended it."""
        self.began = self.now()
        async with AsyncExitStack() as stack:
            stack.callback(self._over)
            for node in self.nodes.values():
                if hasattr(node.instance, "__aenter__") and not self.recoveries.enters(node.name):
                    await self._enter(node)
                    stack.push_async_callback(self._leave, node.name, node.instance)
            self.recoveries.enter(stack, self._leave)
            for node in self.nodes.values():
                node.start()
            try:
                await self._ending.over.wait()
            finally:
                await self._stop()
        if self._ending.failure is not None:
            raise self._ending.failure

    def _over(self) -> None:
        self.ended = self.now()

    @property
    def random(self) -> Random:
        """The source of all randomness in the call. (It takes 2.5 kB, and most calls need none.)"""
        if self._random is None:
            self._random = Random(self._seed)
        return self._random

    def timings(self) -> dict[str, NodeTiming]:
        """How long each node took so far."""
        for node in self.nodes.values():
            node.timing.dropped = node.dropped()
        return {name: node.timing for name, node in self.nodes.items()}

    def observe(self, observer: Observer) -> None:
        """From now on it sees the call, which may be under way."""
        self._observers.add(observer)

    def unobserve(self, observer: Observer) -> None:
        """It has seen enough. Not to be called from within its own methods."""
        self._observers.remove(observer)

    # --- what nodes ask of their call (voicegraph.call.Call) ---------------------------------------------------------

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def reply(self, turn: int) -> Reply:
        return self.heard.reply(turn)

    def replies(self) -> list[Reply]:
        return self.heard.replies()

    def speaking(self) -> bool:
        return self.heard.speaking()

    def say(self, text: str, *, interruptible: bool = True) -> None:
        if self._mouth.voice is None:
            logger.warning("{}: no node takes a Sentence, so nothing can be said", self.plan.name)
        else:
            self._mouth.say(text, self.now(), interruptible=interruptible)

    def say_in(self, cause: Cause, text: str) -> bool:
        """Says something as a part of a reply. False: nothing of that reply comes to the voice any more, or ever."""
        voice = self._mouth.voice
        if voice not in self._reached_from(self.turns.origin(cause.turn)) or cause.turn <= self.nodes[voice].ended:
            return False
        self._mouth.say_in(cause, text)
        return True

    def played(self, turn: int, seconds: float) -> None:
        self.heard.played(turn, seconds)
        self._silence.played(turn, seconds)
        self.turn_times.played(turn, seconds)
        self._observers.played(turn, seconds)
        self._ending.heard()

    @property
    def line(self) -> Any:
        return self._line.instance if self._line else None

    def hang_up(self, reason: str, *, after_speaking: bool = False) -> None:
        self._ending.hang_up(reason, after_speaking=after_speaking)

    async def committed(self, turn: int) -> bool:
        return await self.turns.committed(turn)

    async def offload(self, function: Callable[..., T], *args: Any) -> T:
        return await offload.offload(function, *args)

    def offload_stream(self, produce: Callable[[Callable[[T], bool]], None]) -> AsyncGenerator[T, None]:
        return offload.offload_stream(produce)

    # --- what the engine does for them (engine.running.Policy) -------------------------------------------------------

    def interrupt(self, frame: Frame) -> None:
        """Gives up every reply: turns first, then the line, then up from the line to the reply's source.

        All of it in this loop step; nothing here awaits, so no node can hold it up.
        """
        self.turns.interrupt()
        self._silence.interrupted()
        self._ending.called_off()
        if self._line is not None:
            self._line.attempt(self._line.instance.clear)  # its last word on what was heard comes from this
        given_up = self.heard.interrupt(self.turns.outlives)
        self.turn_times.interrupted(turn for turn in given_up if not self.turns.outlives(turn))
        self.resume(frame)
        upwards = list(reversed(self.nodes.values()))
        for node in upwards:
            node.interrupt()
        for turn in given_up:
            worked = self._reached_from(self.turns.origin(turn))
            for node in upwards:
                for instance in self.recoveries.used(node.name) if node.name in worked else ():
                    if hasattr(instance, "interrupted"):
                        node.attempt(instance.interrupted, self.reply(turn))

    def commit(self, frame: Frame) -> None:
        """The caller's turn is truly over."""
        self._silence.begun()
        self.turns.commit()

    def pause(self, frame: Frame) -> None:
        """The line falls silent and keeps what it has. What must be said to its end is not paused."""
        if self._line is None or self._paused or self.heard.must_go_on():
            return
        if hasattr(self._line.instance, "pause"):
            self._paused = True
            self._line.attempt(self._line.instance.pause)
        else:
            self.notice(self._line.name, "cannot pause: it speaks on until the interrupt")

    def resume(self, frame: Frame) -> None:
        """The line speaks on where it was paused."""
        if self._line is not None and self._paused:
            self._silence.begun()
            self._paused = False
            self._line.attempt(self._line.instance.resume)

    def failed(self, node: str, error: BaseException, *, fatal: bool, turn: int = 0) -> None:
        """A handler raised: told to the observers and the log; the call goes on unless it cannot."""
        if node in self.nodes:
            self.nodes[node].timing.errors += 1
        if len(self.faults) < FAULTS:
            self.faults.append((node, error))
        named = self.plan.named(node)
        if isinstance(error, ProviderError | NotAnswered):
            message = str(error)
            logger.bind(fault=node).error("{}: {}", named, message)  # for programs that show it in another way
        else:
            message = f"{type(error).__name__}: {error}"  # which may hold a caller's words
            logger.error("{}: {} at {}", named, type(error).__name__, raised_at(error))
        fatal = fatal and not self._ending.over.is_set()
        self._silence.failed(turn, node)
        self.tell(Error(node=node, message=message, fatal=fatal, turn=turn))
        if fatal:
            self._ending.fail(as_failure(node, error), goodbye=node != self.plan.line)

    def tell(self, frame: Error | Recovery) -> None:
        """Something happened to a node that is no frame of its own."""
        if isinstance(frame, Recovery) and frame.step == "give_up":
            self._silence.given_up(frame.turn)
        self.turn_times.told(frame)
        self._observers.tell(frame)

    def cannot_go_on(self, node: str) -> None:
        """Nobody can do the work of this node any more."""
        self._ending.fail(CallFailed(node, "it has failed, and so has all that was to help"))

    def is_ending(self) -> bool:
        return self._ending.near

    def recovers(self, node: str) -> bool:
        return node in self.recoveries.chains

    def work(self, planned: PlannedNode, bound: Bound, *, live: bool) -> Work:
        return self.recoveries.work(planned, bound, live=live)

    def listening(self, planned: PlannedNode, takes: Iterable[type[Frame]], *, live: bool) -> Work:
        return self.recoveries.listening(planned, takes, live=live)

    def jitter(self) -> float:
        return self.random.random()

    def notice(self, node: str, text: str) -> None:
        """Something about a node that whoever runs the call should know."""
        logger.warning("{}: {}", node, text)

    def source_done(self, node: str) -> None:
        """When the line hears nothing more, nobody else has anything to add."""
        if node != self.plan.line:
            return
        for other in self.nodes.values():
            if other.source is not None and other.name != node:
                other.source.finish()
        self._end_if_all_ended()

    def node_ended(self, node: str) -> None:
        """A node has handed on the end of the call."""
        self._unended.discard(node)
        if self.turns.holds_of(node):
            self.interrupt(End())  # nobody is left to commit what it began
        self.resume(End())  # a pause that nobody may be left to end
        self._end_if_all_ended()

    def _end_if_all_ended(self) -> None:
        """A line that hears the agent ends the call when it has played all. Without one, the last node does."""
        if not self._line_hears and not self._unended:
            self._ending.over.set()

    def line_done(self, end: Frame) -> None:
        """All of a reply, or of the call, has gone to the line."""
        if isinstance(end, ReplyEnd):
            self.heard.ended(end.turn)
            self._ending.heard()
        elif isinstance(end, End):
            assert self._line is not None
            self.keep(self._drain(self._line))

    # --- inside -------------------------------------------------------------------------------------------------------

    def _make_nodes(self, instances: Mapping[str, Any]) -> dict[str, RunningNode]:
        live = self.plan.line is not None and self.plan.nodes[self.plan.line].kind.live
        for instance in instances.values():
            give_call(instance, self)
        return {
            name: RunningNode(planned, instances[name], self, live=live) for name, planned in self.plan.nodes.items()
        }

    def _turn_opened(self, turn: int, origin: str) -> None:
        self._silence.begun()
        self.heard.begun(turn, audible=self.plan.line in self._reached_from(origin))

    def _reached_from(self, origin: str) -> set[str]:
        """Names of the nodes that a reply begun there can come to."""
        if origin not in self._reaches:
            replies = (edge for edge in self._edges if edge.frame.side == "reply")
            self._reaches[origin] = reachable(replies, origin)
        return self._reaches[origin]

    async def _enter(self, node: RunningNode) -> None:
        try:
            await within(ENTERS_WITHIN, node.instance.__aenter__(), node.name, "was not ready")
        except VoicegraphError:
            raise
        except Exception as error:
            raise as_failure(node.name, error) from error

    async def _leave(self, name: str, instance: Any) -> None:
        try:
            await within(LEAVES_WITHIN, instance.__aexit__(None, None, None), name, "did not let go of the call")
        except Exception as error:  # noqa: BLE001 - the other nodes must be left too; it is raised when they are
            self.failed(name, error, fatal=False)
            if not self.recoveries.spares(name):
                self._ending.fail(as_failure(name, error))

    def _say_goodbye(self) -> bool:
        """The last words of a call that cannot go on. False: there is nothing to say, or nobody who could say it."""
        goodbye = self.plan.watchdog.goodbye
        if not goodbye or not self._line_hears or self._mouth.voice is None:
            return False
        self.interrupt(End())  # whatever was being said does not matter any more
        self.say(goodbye, interruptible=False)
        return True

    def is_due(self) -> bool:
        """Whether the caller waits for something to hear."""
        return not self._paused and not all(self.turns.is_held(turn) for turn in self.heard.live())

    def stuck(self) -> str:
        """The last node that has to do something for a reply; the line, if all others have done their work."""
        at_work = [node.name for node in self.nodes.values() if node.at_work() and node.name != self.plan.line]
        return (at_work or [self.plan.line or ""])[-1]

    def speak_over(self, turn: int, node: str, text: str) -> None:
        """Says something in a turn that a node holds up."""
        cause = Sentence("", turn=turn, born=self.now())
        self.keep(self.recoveries.care.speak_over(node, text, cause))

    async def _drain(self, line: RunningNode) -> None:
        try:
            await line.instance.drain()
        except Exception as error:  # noqa: BLE001 - the line's fault, and the end of the call either way
            line.failed(error, fatal=True)
        self._ending.over.set()

    def keep(self, work: Awaitable[None], *, grace: float = 0.0) -> asyncio.Task[None]:
        """Runs something beside the nodes. The session owns the task and ends it with the call."""
        return self._tasks.keep(work, grace=grace)

    def _gone_wrong(self, error: BaseException) -> None:
        self.failed(CALL, error, fatal=True)

    async def _stop(self) -> None:
        """Ends every task of the call, and tells of any that will not go and of what the caller said in vain."""
        for node in self.nodes.values():
            if dropped := node.dropped():
                self.notice(node.name, f"was behind, and dropped {dropped} frames of the caller's audio")
        self._silence.stop()
        self._ending.stop()
        working = [task for node in self.nodes.values() for task in node.stop()]
        await self._tasks.stop([*working, *self.recoveries.tasks()])
