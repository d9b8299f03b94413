"""What is said and done for a caller when a node fails, and when nothing has helped."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING, Protocol

import msgspec
from loguru import logger

from voicegraph.call import Call
from voicegraph.engine.heard import Heard
from voicegraph.engine.outlet import Answering, Cause
from voicegraph.engine.recovery.candidates import Chain
from voicegraph.engine.recovery.request import GIVE_UPS
from voicegraph.engine.recovery.speaking import Speaking
from voicegraph.errors import raised_at
from voicegraph.frames import Recovery
from voicegraph.graph.plan import Action

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


class Care:
    """Of one call. Is the `Site` of its requests.

    sorry: what the caller hears of a reply that will not come. voices: those that replay phrases, by node.
    """

    def __init__(self, host: Host, sorry: str) -> None:
        self.sorry = sorry
        self.voices: dict[str, Speaking] = {}
        self._host = host
        self._said: dict[tuple[int, str], float] = {}
        self._acting = False

    def failed(self, node: str, error: BaseException, *, turn: int = 0) -> None:
        self._host.failed(node, error, fatal=False, turn=turn)

    def now(self) -> float:
        return self._host.now()

    def jitter(self) -> float:
        return self._host.jitter()

    def lost(self, node: str) -> None:
        self._host.cannot_go_on(node)

    def soothe(self, node: str, text: str, cause: Cause) -> None:
        voice = self.voices.get(node)
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
        voice = self.voices.get(node)
        if voice is None:
            self.soothe(node, text, cause)
        elif await voice.replay(text, self._host.nodes[node].outlet, cause):
            self._host.tell(Recovery(node=node, step="say", to=text, turn=cause.turn))

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
