"""run_node: what it gives back, and what it tells of a test that cannot be right."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import cast

import pytest

from voicegraph import Sentence, Token, Transcript, node
from voicegraph.errors import CallFailed
from voicegraph.testing import run_node
from voicegraph.transports.file import FileCall


@node("test.testing.shout")
class Shout:
    """Refuses numbers."""

    mark: str = "!"

    def on_transcript(self, frame: Transcript | Token) -> Sentence:
        if frame.text.isdigit():
            raise ValueError(f"a number: {frame.text}")
        return Sentence(frame.text.upper() + self.mark)


@node("test.testing.slow")
async def slow(frame: Transcript) -> Sentence:
    """Thinks for an hour."""
    await asyncio.sleep(3600)
    return Sentence(frame.text)


@node("test.testing.clock")
class Clock:
    """Ticks by itself, and answers."""

    async def tick(self) -> AsyncIterator[Transcript]:
        for text in ("tick", "tock"):
            await asyncio.sleep(1)
            yield Transcript(text)

    async def on_token(self, token: Token) -> Sentence:
        return Sentence(token.text)


def test_it_gives_what_the_node_gives() -> None:
    given = run_node(Shout, Transcript("one"), Transcript("two"), with_={"mark": "?"})
    assert [frame.text for frame in given if isinstance(frame, Sentence)] == ["ONE?", "TWO?"]


def test_pauses_take_no_time() -> None:
    began = time.monotonic()
    assert len(run_node(slow, Transcript("one"))) == 1
    assert time.monotonic() - began < 60  # not the hour that the node waits


def test_a_line_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`file\.call` is a line.*node_type\(FileCall\)\.configure"):
        run_node(FileCall)


def test_a_frame_that_the_node_does_not_take_is_no_passing_test() -> None:
    with pytest.raises(ValueError, match=r"^`test\.testing\.shout` takes Transcript, Token, not Sentence$"):
        run_node(Shout, Transcript("one"), Sentence("two"), Sentence("three"))


def test_one_fault_is_the_cause() -> None:
    with pytest.raises(CallFailed, match=r"^node: a number: 1$") as caught:
        run_node(Shout, Transcript("1"))
    assert isinstance(caught.value.__cause__, ValueError)


def test_all_faults_are_told() -> None:
    with pytest.raises(CallFailed, match=r"^node: a number: 1 \(and 1 more\)$") as caught:
        run_node(Shout, Transcript("1"), Transcript("one"), Transcript("2"))
    cause = cast("ExceptionGroup[Exception]", caught.value.__cause__)
    assert [str(error) for error in cause.exceptions] == ["a number: 1", "a number: 2"]


def test_a_source_of_its_own_is_heard_to_its_end() -> None:
    texts = [getattr(frame, "text", "") for frame in run_node(Clock, Token("now"))]
    assert sorted(texts) == ["now", "tick", "tock"]
