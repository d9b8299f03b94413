"""The inside of a server, shown to whoever runs it: how it is (`/stats`), and frames of a call that is on (`/tap`)."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from voicegraph.errors import VoicegraphError
from voicegraph.observe.stats import Call, Process, Seen, Stats
from voicegraph.serve.calls import LiveCall
from voicegraph.serve.metrics import FOLDER
from voicegraph.serve.peers import Peers, Question
from voicegraph.serve.tap import TAPS, Tap

if TYPE_CHECKING:
    from voicegraph.serve.app import App


class NotShown(VoicegraphError):
    """What was asked for cannot be shown. status: of HTTP."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Inside:
    """Of one app, and of the other processes of its server."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._began = asyncio.get_running_loop().time()
        folder = os.environ.get(FOLDER)
        self._peers = Peers(Path(folder), self._answer) if folder else None
        self._tapped = 0

    async def start(self) -> None:
        if self._peers is not None:
            await self._peers.start()

    async def stop(self) -> None:
        if self._peers is not None:
            await self._peers.stop()

    # --- how it is ---------------------------------------------------------------------------------------------------

    async def stats(self) -> Stats:
        """Of all processes that answer in time."""
        others = await self._peers.ask_all({"ask": "seen"}) if self._peers else []
        return Stats.of([self.seen(), *(msgspec.msgpack.decode(other, type=Seen) for other in others if other)])

    def seen(self) -> Seen:
        """Of this process."""
        app = self._app
        now = asyncio.get_running_loop().time()
        following, live = app.following, self._live()
        return Seen(
            graph=app.edition.plan.name,
            process=Process(
                pid=os.getpid(),
                seconds=round(now - self._began, 1),
                cpu=following.cpu,
                memory=resident(),
                lag=app.lag.seconds,
                calls=len(live),
                max_calls=app.limits.max_calls,
                closed=app.admission.closed if app.admission else "starting",
                spans_lost=following.spans_lost,
            ),
            calls=tuple(Call(**call.told(), pid=os.getpid(), answer=call.followed.answer) for call in live.values()),
            nodes=following.nodes(app.edition.plan),
            breakers=dict(app.edition.breakers.states(now)),
            answers=following.answers.recent(),
            barge_ins=following.barge_ins.recent(),
            interrupts=following.interrupts,
        )

    def _live(self) -> Mapping[str, LiveCall]:
        return self._app.calls.live if self._app.calls else {}

    # --- frames of a call --------------------------------------------------------------------------------------------

    async def tap(self, query: Mapping[str, str]) -> AsyncGenerator[bytes]:
        """Lines of JSON. query: `call`, which may be left out where one is on; `node`; `words`. Raises NotShown."""
        question: Question = {"ask": "tap", "call": query.get("call"), "node": query.get("node")}
        question["words"] = query.get("words", "") not in ("", "0")
        call = self._choose((await self.stats()).calls, question["call"])
        if call.id in self._live() or self._peers is None:
            return self._own(call.id, question)
        pieces = self._peers.stream(call.pid, question | {"call": call.id})
        try:
            first = await anext(pieces)
        except (OSError, StopAsyncIteration):
            raise NotShown(404, f"the call {call.id} is over") from None
        _check(first)
        return _behind(first, pieces)

    def _choose(self, calls: tuple[Call, ...], wanted: str | None) -> Call:
        chosen = [call for call in calls if wanted in (None, call.id)]
        if len(chosen) == 1:
            return chosen[0]
        on = ", ".join(call.id for call in calls) or "none"
        if wanted is not None:
            raise NotShown(404, f"no call {wanted} is on. Calls that are on: {on}")
        if not calls:
            raise NotShown(404, "no call is on")
        raise NotShown(409, f"{len(calls)} calls are on: choose one with --call: {on}")

    def _own(self, call_id: str, question: Question) -> AsyncGenerator[bytes]:
        call, node = self._live().get(call_id), question["node"]
        if call is None:
            raise NotShown(404, f"the call {call_id} is over")
        if node is not None and node not in call.session.plan.nodes:
            raise NotShown(404, f"{call.edition.plan.name} has no node {node}; it has {', '.join(call.session.nodes)}")
        if question["words"] and not self._app.exports.words:
            raise NotShown(403, "this server shows no words: it was not started with --words")
        if self._tapped >= TAPS:
            raise NotShown(503, f"{TAPS} are watching already")
        return self._lines(call, Tap(call.session, node, words=question["words"]))

    async def _lines(self, call: LiveCall, tap: Tap) -> AsyncGenerator[bytes]:
        self._tapped += 1
        call.taps.append(tap)
        try:
            async with aclosing(tap.lines()) as lines:
                async for some in lines:
                    yield some
        finally:
            self._tapped -= 1
            call.taps.remove(tap)

    # --- what the other processes ask --------------------------------------------------------------------------------

    async def _answer(self, question: Question) -> AsyncGenerator[bytes]:
        if question["ask"] == "seen":
            yield msgspec.msgpack.encode(self.seen())
            return
        try:
            lines = self._own(question["call"], question)
        except NotShown as error:
            yield msgspec.json.encode({"tap": "refused", "status": error.status, "why": str(error)}) + b"\n"
            return
        async with aclosing(lines):
            async for some in lines:
                yield some


def _check(line: bytes) -> None:
    """Raises NotShown if this is what another process refuses with."""
    told: dict[str, Any] = msgspec.json.decode(line.partition(b"\n")[0])
    if told.get("tap") == "refused":
        raise NotShown(told["status"], told["why"])


async def _behind(first: bytes, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async with aclosing(pieces):
        yield first
        async for piece in pieces:
            yield piece


def resident() -> int:
    """Bytes of memory that the process holds now; where the system does not tell, the most that it held."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        pass
    try:
        import resource
    except ImportError:
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
