"""The calls of one process: each a session on a connection of its own."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

from loguru import logger

from voicegraph.engine.observers import Observer, guarded
from voicegraph.engine.session import Session
from voicegraph.errors import CallFailed, VoicegraphError, raised_at
from voicegraph.frames import Frame
from voicegraph.observe.recording import Recording
from voicegraph.phrases import PhraseStore
from voicegraph.serve.connection import WebConnection
from voicegraph.serve.doors import told
from voicegraph.serve.edition import Edition
from voicegraph.serve.following import Followed, Following
from voicegraph.serve.metrics import CallMetrics, Metrics
from voicegraph.serve.tap import Tap

LETS_GO = 10.0
"""Seconds that a call which is told to end may take for that: more than a node has to leave it."""


@dataclass(eq=False)
class LiveCall:
    """A call that is on. began: loop time. ended_by: why the server ends it, if it does. taps: who watches it."""

    id: str
    edition: Edition
    session: Session
    began: float
    followed: Followed
    ended_by: str | None = None
    taps: list[Tap] = field(default_factory=list[Tap])

    def end(self, why: str) -> None:
        self.ended_by = self.ended_by or why
        self.session.hang_up(why)

    def told(self) -> dict[str, Any]:
        """For whoever runs the server. Holds nothing about the caller."""
        now = asyncio.get_running_loop().time()
        return {
            "id": self.id,
            "graph": self.edition.plan.name,
            "line": self.edition.plan.nodes[self.edition.line].kind.name,
            "state": self._state(),
            "seconds": round(now - self.began, 1),
            "turns": len(self.session.replies()),
        }

    def _state(self) -> str:
        if not self.session.speaking():
            return "listening"
        sounding = any(reply.heard_seconds for reply in self.session.replies() if not reply.over)
        return "speaking" if sounding else "thinking"


class Calls:
    """record: the folder for recordings, or None. idle: set while no call is on."""

    def __init__(
        self, metrics: Metrics, phrases: PhraseStore, following: Following, record: Path | None = None
    ) -> None:
        self.live: dict[str, LiveCall] = {}
        self.idle = asyncio.Event()
        self.idle.set()
        self._metrics = metrics
        self._phrases = phrases
        self._following = following
        self._record = record

    async def serve(self, edition: Edition, connection: WebConnection) -> None:
        """Runs one call to its end and closes its connection."""
        call_id = token_hex(6)
        try:
            await self._serve(call_id, edition, connection)
        except Exception as error:  # noqa: BLE001 - a node that cannot be made, or a fault of ours: touches no other call
            logger.error("{}: {} at {}", call_id, type(error).__name__, raised_at(error))
            if connection.outcome is None:
                await connection.close(*told("failed"))
                self._metrics.ended.labels("failed").inc()

    async def _serve(self, call_id: str, edition: Edition, connection: WebConnection) -> None:
        now = asyncio.get_running_loop().time
        shown = _Shown() if hasattr(edition.plan.nodes[edition.line].kind.target, "observer") else None
        async with AsyncExitStack() as stack:
            observers: list[Observer] = [CallMetrics(self._metrics), *([shown] if shown else [])]
            if self._record is not None:
                recording = Recording(self._record / call_id, edition.plan, lambda turn: session.reply(turn))
                observers.append(await stack.enter_async_context(recording))
            session = Session(
                edition.plan,
                call_id=call_id,
                phrases=self._phrases,
                breakers=edition.breakers,
                observers=tuple(observers),
            )
            line = session.nodes[edition.line].instance
            line.attach(connection)
            if shown is not None:
                shown.to = line.observer()
            call = LiveCall(call_id, edition, session, now(), self._following.begin(session, connection.headers))
            connection.broken = call.end
            self._on(call)
            outcome = "failed"
            try:
                outcome = await _run(call, connection)
            finally:
                self._off(call, outcome)
            self._metrics.ended.labels(outcome).inc()
            self._metrics.seconds.observe(now() - call.began)
            logger.info("{}: over after {:.1f} s: {}", call_id, now() - call.began, outcome)

    async def end_all(self) -> None:
        for call in [*self.live.values()]:
            call.end("deadline")
        try:
            async with asyncio.timeout(LETS_GO):
                await self.idle.wait()
        except TimeoutError:
            logger.error("{} calls did not end when told to", len(self.live))

    def _on(self, call: LiveCall) -> None:
        self.live[call.id] = call
        self.idle.clear()
        self._metrics.calls.set(len(self.live))

    def _off(self, call: LiveCall, outcome: str) -> None:
        del self.live[call.id]
        guarded(self._following.end)(call.followed, outcome)
        for tap in call.taps:
            tap.end(outcome)
        self._metrics.calls.set(len(self.live))
        if not self.live:
            self.idle.set()


async def _run(call: LiveCall, connection: WebConnection) -> str:
    """Runs the call. Returns why it is over, as a name in voicegraph.serve.reasons."""
    failed = False
    try:
        await call.session.run()
    except VoicegraphError as error:
        failed = True
        if not any(fault in (error, error.__cause__) for _, fault in call.session.faults):  # else it was logged
            logger.error("{}: {}", call.id, _safely(error))
    except Exception as error:  # noqa: BLE001 - a fault of ours touches no other call
        logger.error("{}: {} at {}", call.id, type(error).__name__, raised_at(error))
        failed = True
    await connection.settle()
    outcome = connection.outcome or call.ended_by or ("failed" if failed else "done")
    await connection.close(*told(outcome))
    return outcome


def _safely(error: VoicegraphError) -> str:
    """Without what the exception of a node may hold of the caller's words."""
    cause = error.__cause__
    if isinstance(error, CallFailed) and cause is not None and not isinstance(cause, VoicegraphError):
        return f"{error.node}: {type(cause).__name__} at {raised_at(cause)}"
    return str(error)


class _Shown:
    """An observer whose call is made before there is anybody to show it to."""

    def __init__(self) -> None:
        self.to: Observer | None = None

    def given(self, node: str, frame: Frame) -> None:
        if self.to is not None:
            self.to.given(node, frame)

    def played(self, turn: int, seconds: float) -> None:
        if self.to is not None:
            self.to.played(turn, seconds)
