"""Runs tests: each is one call in virtual time, on the engine and the graph that serve real calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loguru import logger

from voicegraph.engine.session import Session, warm
from voicegraph.errors import VoicegraphError
from voicegraph.graph.diagnostics import Diagnostic
from voicegraph.graph.render import as_text
from voicegraph.graph.wording import quote
from voicegraph.testing.conversations import timeline
from voicegraph.testing.conversations.director import Director, StepFailed
from voicegraph.testing.conversations.expect import EXPECTATIONS, no_faults
from voicegraph.testing.conversations.happened import By, Happened, Spoken
from voicegraph.testing.conversations.model import Case, Fault, Suite
from voicegraph.testing.conversations.record import Record
from voicegraph.testing.conversations.timeline import FAILED, Row, rows
from voicegraph.testing.conversations.wording import words_of
from voicegraph.testing.scripted import ScriptedTTS
from voicegraph.testing.virtual import VirtualTimeError, run_virtual

if TYPE_CHECKING:
    from loguru import Message

SEED = 1
"""Of tests that name none: the same every time."""


@dataclass(frozen=True)
class Outcome:
    """How a test went. found: what is wrong; nothing if it passed. seconds: of the call. took: of this machine."""

    suite: Suite
    case: Case
    seed: int
    found: tuple[Diagnostic, ...]
    seconds: float
    took: float
    timeline: tuple[Row, ...]

    @property
    def passed(self) -> bool:
        return not self.found

    def report(self) -> str:
        """All that there is to tell: what is wrong, and what happened."""
        return "\n\n".join(filter(None, (as_text(self.found), f"seed {self.seed}", timeline.as_text(self.timeline))))


def warm_up(suite: Suite) -> None:
    """Loads the models of nodes that are to be themselves. Once per file, and not in virtual time."""
    if suite.real:
        asyncio.run(warm(suite.plan))


def run_case(suite: Suite, case: Case, seed: int | None = None) -> Outcome:
    """Runs one test. seed: of all randomness in it; else the file's."""
    if seed is None:
        seed = SEED if suite.seed is None else suite.seed
    began = time.perf_counter()
    call = _Call(suite, case, seed)
    notices = logger.add(call.notice, level="WARNING", filter=lambda told: told["level"].name == "WARNING")
    found: list[Diagnostic] = []
    try:
        run_virtual(call.run(), seed=seed)
    except StepFailed as failed:
        found += [*call.not_virtual()] or [failed.diagnostic]
    except VirtualTimeError as error:
        found.append(Diagnostic("not-virtual", str(error), case.name.span))
    else:
        found += [*call.not_virtual()] or call.findings()
    finally:
        logger.remove(notices)
    took = time.perf_counter() - began
    return Outcome(suite, case, seed, tuple(found), call.record.now(), took, tuple(call.timeline()))


class _Call:
    """The call of one test: what plays it, and what is seen of it."""

    def __init__(self, suite: Suite, case: Case, seed: int) -> None:
        self.suite = suite
        self.case = case
        self.seed = seed
        self.failure: VoicegraphError | None = None
        self._speaks_words = any(node.kind.target is ScriptedTTS for node in suite.plan.nodes.values())

    async def run(self) -> None:
        """To the end of the conversation. Raises StepFailed."""
        self.record = Record()
        self.director = Director(self.case, self.record, self.spoken)
        observers = (self.record, self.director)
        self.session = Session(self.suite.plan, call_id=self.case.title, seed=self.seed, observers=observers)
        self.director.serve(self.session)
        director = asyncio.create_task(self._direct(), name="the test")
        try:
            await self.session.run()
        except VirtualTimeError:
            raise
        except VoicegraphError as error:
            self.failure = error
        self.director.end(self.failure)
        if to := self.director.line.transferred:
            self.record.note("agent", f"(puts the caller through to {to})")
        await director

    def notice(self, message: Message) -> None:
        """The engine warns of something, such as a node that does not let go. (Faults are told to the record.)"""
        self.record.note("notice", message.record["message"])

    async def _direct(self) -> None:
        try:
            await self.director.play()
        except StepFailed as failed:
            self.record.note(FAILED, str(failed))
            raise
        finally:
            if not self.director.over:
                self.director.hang_up()

    def spoken(self, turn: int) -> Spoken:
        """What was said and heard of a turn. A scripted voice has words in its sound; others, the ledger knows."""
        reply = self.session.reply(turn)
        heard = self.director.line.heard.text(turn) if self._speaks_words else reply.heard
        complete = reply.ended and words_of(heard) == words_of(self.record.text(reply))
        return Spoken(turn, reply.said, heard, cut=not complete, interrupted=reply.interrupted)

    # --- afterwards --------------------------------------------------------------------------------------------------

    def not_virtual(self) -> Iterator[Diagnostic]:
        """Nodes that wanted what is not there. Nothing else that was found counts then."""
        for node, error in self.session.faults:
            if isinstance(error, VirtualTimeError):
                place = next((word.span for word in self.suite.real if word.text == node), self.case.name.span)
                yield Diagnostic("not-virtual", f"{quote(node)} cannot run in virtual time: {error}", place)

    def findings(self) -> Iterator[Diagnostic]:
        """What was not as it was expected to be."""
        happened = self._happened()
        for expected in self.case.expected:
            for finding in EXPECTATIONS[expected.name].check(expected.value, happened):
                place = finding.place or expected.place
                yield Diagnostic("not-as-expected", finding.message, place, finding.hint)
        if not self._may_fail():
            for finding in no_faults(happened):
                yield Diagnostic("not-as-expected", finding.message, self.case.name.span, finding.hint)

    def _may_fail(self) -> bool:
        """Whether the test makes something fail, or says how often that may be."""
        expected = {each.name: each.value for each in self.case.expected}
        told = "errors" in expected or expected.get("ended") == "fault"
        return told or any(isinstance(step, Fault) for step in self.case.steps)

    def _happened(self) -> Happened:
        ended: By = "fault" if self.failure else "caller" if self.director.hung_up else "agent"
        faults = list(self.session.faults)
        if self.failure and not faults:  # a node could not even begin
            faults.append(("the call", self.failure))
        replies = [self.spoken(reply.turn) for reply in self.session.replies()]
        times = [times for _, times in sorted(self.session.turn_times.turns.items())]
        transferred = self.director.line.transferred
        return Happened(self.record.now(), ended, replies, times, self.record, faults, transferred)

    def timeline(self) -> list[Row]:
        replies = self.session.replies()
        return rows(self.record, map(self.spoken, (reply.turn for reply in replies)), replies, self.session.turn_times)
