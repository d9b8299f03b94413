"""The recoveries of one call: which nodes have stand-ins, and what is said and done when they do not help."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, Protocol

import msgspec
from loguru import logger

from voicegraph.call import Call
from voicegraph.engine.heard import Heard
from voicegraph.engine.lanes import Bound, Work
from voicegraph.engine.outlet import Cause
from voicegraph.engine.phrases import Phrases
from voicegraph.engine.recovery.breakers import Breakers
from voicegraph.engine.recovery.candidates import CONVERTER, Candidate, Chain
from voicegraph.engine.recovery.listening import Listening
from voicegraph.engine.recovery.request import GIVE_UPS
from voicegraph.engine.recovery.speaking import Recovering, Speaking
from voicegraph.errors import raised_at
from voicegraph.frames import Recovery, Sentence, TTSAudio
from voicegraph.graph.plan import Action, Plan, PlannedNode


class Host(Call, Protocol):
    """What recoveries ask of their call, besides what every node may."""

    heard: Heard

    def failed(self, node: str, error: BaseException, *, fatal: bool, turn: int = 0) -> None: ...
    def tell(self, frame: Recovery) -> None: ...
    async def say_in(self, cause: Cause, text: str) -> bool:
        """Says something as a part of a reply. False: that reply does not come by the voice."""
        ...

    def cannot_go_on(self, node: str) -> None: ...
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
        self._said: set[tuple[int, str]] = set()
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
            return Listening(bound, chain, self, live=live)
        spoken = self._host.heard.spoken
        if self._phrases is not None and Sentence in bound.takes and _is_voice(planned):
            return Speaking(bound, chain, self, spoken, phrases=self._phrases, known=self._known)
        return Recovering(bound, chain, self, spoken)

    def tasks(self) -> list[asyncio.Task[None]]:
        """Those of candidates at work, and of those that do not let go."""
        return [task for chain in self.chains.values() for task in chain.tasks]

    def used(self, name: str) -> list[Any]:
        """The instances that have worked in the place of a node so far."""
        chain = self.chains.get(name)
        return [each.instance for each in chain.used.values()] if chain else [self._instances[name]]

    def enter(self, stack: AsyncExitStack, leave: Callable[[str, Any], Awaitable[None]]) -> None:
        """Begins to enter the nodes that stand by. The call need not wait for that. leave: see `Session`."""
        for chain in self.chains.values():
            for each in chain.candidates[1:]:
                if hasattr(each.instance, "__aenter__"):
                    each.ready = chain.run(_enter(each, stack, leave), each.name)

    def without(self, name: str, error: Exception) -> bool:
        """A node cannot be entered. Whether the call can do without it."""
        chain = self.chains.get(name)
        if chain is None or len(chain.candidates) == 1:
            return False
        chain.primary.broken = error
        return True

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

    async def soothe(self, node: str, text: str, cause: Cause) -> None:
        if cause.turn and (cause.turn, text) in self._said:
            return
        self._said.add((cause.turn, text))
        self._host.tell(Recovery(node=node, step="say", to=text, turn=cause.turn))
        if not cause.turn or not await self._host.say_in(cause, text):
            # What is left of the caller's words, and comes now, does not call it off.
            self._host.say(text, interruptible=bool(cause.turn))

    async def resort(self, chain: Chain, cause: Cause) -> None:
        if cause.turn and not await self._host.committed(cause.turn):
            return
        action = chain.policy.then
        chain.step("give_up", "", "nothing has helped", cause.turn)
        if action is not None:
            chain.step("then", action.tool.name, "nothing has helped", cause.turn)
            self._host.keep(self._act(chain.name, action), grace=action.tool.options.timeout)
        elif chain.given_up >= GIVE_UPS:
            self._host.cannot_go_on(chain.name)
        elif self.sorry and cause.turn and not _is_voice(chain.primary.planned):
            await self.soothe(chain.name, self.sorry, cause)

    # --- inside ------------------------------------------------------------------------------------------------------

    async def _act(self, node: str, action: Action) -> None:
        """Runs a tool that nobody asked for but the graph. Where it fails too, the call cannot go on."""
        arguments = msgspec.json.encode(action.arguments).decode()
        try:
            async with asyncio.timeout(action.tool.options.timeout):
                await action.tool.run(arguments, self._host)
        except Exception as error:  # noqa: BLE001 - a user's tool, or a carrier's refusal
            logger.error("{}: then {}: {} at {}", node, action.tool.name, type(error).__name__, raised_at(error))
            self._host.cannot_go_on(node)

    def _chain(self, planned: PlannedNode) -> Chain:
        everyone = {**self._plan.nodes, **self._plan.standby}
        names = [planned.name]
        for name in names:  # which grows
            recover = everyone[name].recover
            names += [each for each in (recover.fallback if recover else ()) if each not in names]
        candidates = [self._candidate(everyone[name]) for name in names]
        for each in candidates[1:]:
            each.wanted = self._wanted(planned.name)
        return Chain(candidates, self._host.tell)

    def _candidate(self, planned: PlannedNode) -> Candidate:
        instance = self._instances[planned.name]
        bounds = [Bound.of(handler, instance, planned.kind) for handler in planned.kind.handlers]
        return Candidate(planned, instance, bounds, self._breakers.of(planned))

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
