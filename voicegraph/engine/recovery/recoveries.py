"""The recoveries of one call: which nodes have stand-ins, and what stands in the lanes of those that do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from typing import Any

from voicegraph.engine.handlers import Bound, Work
from voicegraph.engine.phrases import NoPhrases, Phrases
from voicegraph.engine.recovery.breakers import Breakers
from voicegraph.engine.recovery.candidates import CONVERTER, Candidate, Chain
from voicegraph.engine.recovery.care import Care, Host
from voicegraph.engine.recovery.listening import Listening
from voicegraph.engine.recovery.speaking import Recovering, Speaking
from voicegraph.frames import Frame, Sentence, TTSAudio
from voicegraph.graph.plan import Plan, PlannedNode


class Recoveries:
    """The chains of a call's nodes, by the name of the node in the flow. care: see there.

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
        self._candidates: dict[str, Candidate] = {}
        self.care = Care(host, plan.watchdog.sorry or "")
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
            return Recovering(bound, chain, self.care, ledger)
        phrases = self._phrases or NoPhrases()
        voice = self.care.voices[planned.name] = Speaking(
            bound, chain, self.care, ledger, phrases=phrases, known=self._known
        )
        return voice

    def listening(self, planned: PlannedNode, takes: Iterable[type[Frame]], *, live: bool) -> Work:
        """What stands in the lane of all that a node does with these frames of the caller."""
        begins = any(given.side == "reply" for given in planned.kind.gives)
        return Listening(takes, self.chains[planned.name], self.care, begins=begins, live=live)

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
            for each in chain.candidates if self.enters(chain.name) else chain.candidates[1:]:
                if each.ready is None and hasattr(each.instance, "__aenter__"):
                    each.ready = chain.run(_enter(each, stack, leave), each.name)

    def spares(self, name: str) -> bool:
        """Whether the call can do without this node."""
        return name not in self._plan.nodes or self.enters(name)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _chain(self, planned: PlannedNode) -> Chain:
        everyone = {**self._plan.nodes, **self._plan.standby}
        names = [planned.name]
        for name in names:  # which grows
            recover = everyone[name].recover
            names += [each for each in (recover.fallback if recover else ()) if each not in names]
        host, wanted = self._host, self._wanted(planned.name)
        candidates = [self._candidate(everyone[name]) for name in names]
        return Chain(candidates, wanted, tell=host.tell, failed=self.care.failed, notice=host.notice)

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
