"""The recoveries of one call: which nodes have stand-ins, and what is said and done when they do not help."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from math import inf
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from loguru import logger

from voicegraph.call import Call
from voicegraph.engine.heard import Heard
from voicegraph.engine.lanes import Bound, Work
from voicegraph.engine.outlet import Answering, Cause
from voicegraph.engine.phrases import NoPhrases, Phrases
from voicegraph.engine.recovery.breakers import Breakers
from voicegraph.engine.recovery.candidates import CONVERTER, Candidate, Chain
from voicegraph.engine.recovery.listening import Listening
from voicegraph.engine.recovery.request import GIVE_UPS
from voicegraph.engine.recovery.speaking import Recovering, Speaking
from voicegraph.errors import raised_at
from voicegraph.frames import Frame, Recovery, Sentence, TTSAudio
from voicegraph.graph.plan import Action, Plan, PlannedNode

if TYPE_CHECKING:
    from voicegraph.engine.running import RunningNode

PARTING = ("line.hang_up", "line.transfer")
"""Tools after which the agent has nothing more to say."""
SAY_AGAIN = 5.0
"""Seconds after which the same may be said again for want of a node that belongs to no reply."""


class Host(Call, Protocol):
    """What recoveries ask of their call, besides what every node may."""

    heard: Heard

    def failed(self, node: str, error: BaseException, *, fatal: bool, turn: int = 0) -> None: ...
    def tell(self, frame: Recovery) -> None: ...
    @property
    def nodes(self) -> Mapping[str, RunningNode]: ...
    def notice(self, node: str, text: str) -> None: ...
    def say_in(self, cause: Cause, text: str) -> bool:
        """Says something as a part of a reply. False: nothing of that reply comes to the voice any more."""
        ...

    def cannot_go_on(self, node: str) -> None: ...
    def is_ending(self) -> bool:
        """Whether the call is over, or will be when the agent has spoken."""
        ...

    def jitter(self) -> float: ...


class Recoveries:
    """The chains of a call's nodes, by the name of the node in the flow. Is the `Site` of their requests.

    instances: of all nodes, those on standby included. phrases: None where nothing is replayed.
    """

    def __init__(
        self,
        plan: Plan,
        instances: Mapping[str, Any],
        host: Host,
        *,
        phrases: Phrases | None,
        breakers: Breakers,
    ) -> None:
        self._plan = plan
        self._instances = instances
        self._host = host
        self._phrases = phrases
        self._breakers = breakers
        self._said: dict[tuple[int, str], float] = {}
        self._candidates: dict[str, Candidate] = {}
        self._voices: dict[str, Speaking] = {}
        self._acting = False
        self._known = {" ".join(phrase.split()) for phrase in plan.phrases}
        self.chains = {
            name: self._chain(planned)
            for name, planned in plan.nodes.items()
            if planned.recover or (phrases and _is_voice(planned))
        }

    def work(self, planned: PlannedNode, bound: Bound, *, live: bool) -> Work:
        """What stands in the lane of a handler: the handler itself, if nothing is to be done when it fails."""
        chain = self.chains.get(planned.name)
        if chain is None or bound.source:
            return bound
        if bound.lasting:
            return self.listening(planned, bound.takes, live=live)
        ledger = self._host.heard
        if Sentence not in bound.takes or not _is_voice(planned):
            return Recovering(bound, chain, self, ledger)
        phrases = self._phrases or NoPhrases()
        voice = self._voices[planned.name] = Speaking(bound, chain, self, ledger, phrases=phrases, known=self._known)
        return voice

    def listening(self, planned: PlannedNode, takes: Iterable[type[Frame]], *, live: bool) -> Work:
        """What stands in the lane of all that a node does with these frames of the caller."""
        begins = any(given.side == "reply" for given in planned.kind.gives)
        return Listening(takes, self.chains[planned.name], self, begins=begins, live=live)

    def tasks(self) -> list[asyncio.Task[None]]:
        """Those of candidates at work, and of those that do not let go."""
        return [task for chain in self.chains.values() for task in chain.tasks]

    def used(self, name: str) -> list[Any]:
        """The instances that have worked in the place of a node so far."""
        chain = self.chains.get(name)
        return [each.instance for each in chain.used.values()] if chain else [self._instances[name]]

    def enters(self, name: str) -> bool:
        """Whether the call need not wait until this node has been entered: others can do its work."""
        chain = self.chains.get(name)
        return chain is not None and len(chain.candidates) > 1 and chain.primary.planned.kind.source is None

    def enter(self, stack: AsyncExitStack, leave: Callable[[str, Any], Awaitable[None]]) -> None:
        """Begins to enter those, and the nodes that stand by. leave: see `Session`."""
        for chain in self.chains.values():
            for each in chain.candidates if len(chain.candidates) > 1 else ():
                if each.ready is None and hasattr(each.instance, "__aenter__"):
                    each.ready = chain.run(_enter(each, stack, leave), each.name)

    def spares(self, name: str) -> bool:
        """Whether the call can do without this node."""
        return name not in self._plan.nodes or self.enters(name)

    # --- what requests ask for (Site) --------------------------------------------------------------------------------

    @property
    def sorry(self) -> str:
        return self._plan.watchdog.sorry or ""

    def failed(self, node: str, error: BaseException, *, turn: int = 0) -> None:
        self._host.failed(node, error, fatal=False, turn=turn)

    def now(self) -> float:
        return self._host.now()

    def jitter(self) -> float:
        return self._host.jitter()

    def lost(self, node: str) -> None:
        self._host.cannot_go_on(node)

    def soothe(self, node: str, text: str, cause: Cause) -> None:
        voice = self._voices.get(node)
        if voice is not None or self._said_before(cause.turn, text):
            return  # a voice that fails cannot say it; it replays what it has when nothing else has helped
        self._host.tell(Recovery(node=node, step="say", to=text, turn=cause.turn))
        if not cause.turn or not self._host.say_in(cause, text):
            # What is left of the caller's words, and comes now, does not call it off.
            self._host.say(text, interruptible=bool(cause.turn))

    async def resort(self, chain: Chain, cause: Cause) -> None:
        if not chain.note(cause.turn, self.now(), answered=False):
            return
        if cause.turn and not await self._host.committed(cause.turn):
            return
        action = chain.policy.then
        chain.step("give_up", "", "nothing has helped", cause.turn)
        if action is not None and not self._acting:
            self._acting = True
            chain.step("then", action.name or action.tool.name, "nothing has helped", cause.turn)
            self._host.keep(self._act(chain.name, action), grace=action.tool.options.timeout)
        elif chain.given_up >= GIVE_UPS:
            self._host.cannot_go_on(chain.name)
        elif self.sorry and (cause.turn or isinstance(cause, Answering)):
            self.soothe(chain.name, self.sorry, cause)

    async def speak_over(self, node: str, text: str, cause: Cause) -> None:
        """Says something for want of a node that holds up a reply: past the voice, if it is that."""
        voice = self._voices.get(node)
        if voice is None:
            self.soothe(node, text, cause)
        elif await voice.replay(text, self._host.nodes[node].outlet, cause):
            self._host.tell(Recovery(node=node, step="say", to=text, turn=cause.turn))

    # --- inside ------------------------------------------------------------------------------------------------------

    def _said_before(self, turn: int, text: str) -> bool:
        """Whether this was said in the same reply, or, for what belongs to no reply, just now."""
        now, before = self.now(), self._said.get((turn, text), -inf)
        if before > -inf and (turn or now - before < SAY_AGAIN):
            return True
        self._said[turn, text] = now
        return False

    async def _act(self, node: str, action: Action) -> None:
        """Runs a tool that nobody asked for but the graph. Where it fails too, the call cannot go on."""
        arguments = msgspec.json.encode(action.arguments).decode()
        try:
            async with asyncio.timeout(action.tool.options.timeout):
                await action.tool.run(arguments, self._host)
        except Exception as error:  # noqa: BLE001 - a user's tool, or a carrier's refusal
            logger.error("{}: then {}: {} at {}", node, action.tool.name, type(error).__name__, raised_at(error))
            self._host.cannot_go_on(node)
        else:
            if self.sorry and action.name not in PARTING and not self._host.is_ending():
                self._host.say(self.sorry)  # or the caller would wait for what will not come
        finally:
            self._acting = False

    def _chain(self, planned: PlannedNode) -> Chain:
        everyone = {**self._plan.nodes, **self._plan.standby}
        names = [planned.name]
        for name in names:  # which grows
            recover = everyone[name].recover
            names += [each for each in (recover.fallback if recover else ()) if each not in names]
        host, wanted = self._host, self._wanted(planned.name)
        candidates = [self._candidate(everyone[name]) for name in names]
        return Chain(candidates, wanted, tell=host.tell, failed=self.failed, notice=host.notice)

    def _candidate(self, planned: PlannedNode) -> Candidate:
        """One for each node, though it may stand in for several."""
        if planned.name not in self._candidates:
            instance = self._instances[planned.name]
            bounds = [Bound.of(handler, instance, planned.kind) for handler in planned.kind.handlers]
            self._candidates[planned.name] = Candidate(planned, instance, bounds, self._breakers.of(planned))
        return self._candidates[planned.name]

    def _wanted(self, name: str) -> int | None:
        """The rate at which a node's voice is taken. A converter behind it takes any rate."""
        takers = [edge.taker for edge in self._plan.edges if edge.giver == name and edge.frame is TTSAudio]
        rates = [
            Bound.of(handler, self._instances[taker], self._plan.nodes[taker].kind).hertz
            for taker in takers
            if self._plan.nodes[taker].kind.name != CONVERTER
            for handler in self._plan.nodes[taker].kind.handlers
            if TTSAudio in handler.takes
        ]
        return next((rate for rate in rates if rate is not None), None)


async def _enter(candidate: Candidate, stack: AsyncExitStack, leave: Callable[[str, Any], Awaitable[None]]) -> None:
    try:
        await candidate.instance.__aenter__()
        stack.push_async_callback(leave, candidate.name, candidate.instance)
    except Exception as error:  # noqa: BLE001 - it is told when somebody needs this node
        candidate.broken = error


def _is_voice(planned: PlannedNode) -> bool:
    return TTSAudio in planned.kind.gives and Sentence in planned.kind.takes
