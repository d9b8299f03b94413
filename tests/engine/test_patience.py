"""A node that hangs when a call begins or ends holds it up for so long, and no longer."""

from __future__ import annotations

import asyncio

import pytest

from tests.engine.calls import TestLine, plan
from tests.engine.nodes import Turns
from tests.engine.test_session import Life
from voicegraph import node
from voicegraph.engine.patience import ENTERS_WITHIN, LEAVES_WITHIN
from voicegraph.engine.session import Session
from voicegraph.errors import CallFailed, NotAnswered
from voicegraph.testing.virtual import run_virtual

DAY = 86_400.0


@node("test.never_ready")
class NeverReady(Life):
    async def __aenter__(self) -> None:
        await asyncio.sleep(DAY)


@node("test.never_done")
class NeverDone(Life):
    async def __aexit__(self, *exception: object) -> None:
        await asyncio.sleep(DAY)


@node("test.own_patience")
class OwnPatience(Life):
    async def __aenter__(self) -> None:
        raise TimeoutError("of its own")


def call_with(life: type[Life]) -> tuple[float, Session, Exception | None]:
    """How long a call with this node took, and how it ended. The caller is done at once."""

    async def call() -> tuple[float, Session, Exception | None]:
        clock = asyncio.get_running_loop().time
        session = Session(plan({"line": TestLine, "turns": Turns, "life": life}, "line -> turns -> life"))
        began = clock()
        try:
            await session.run()
        except Exception as error:  # noqa: BLE001 - what it is, the test says
            return clock() - began, session, error
        return clock() - began, session, None

    return run_virtual(call())


def test_a_node_that_is_never_ready() -> None:
    took, _, error = call_with(NeverReady)
    assert took == pytest.approx(ENTERS_WITHIN)
    assert isinstance(error, NotAnswered)
    assert str(error) == "life was not ready within 10 s"


def test_a_node_that_never_lets_go() -> None:
    took, session, error = call_with(NeverDone)
    assert LEAVES_WITHIN <= took < LEAVES_WITHIN + 1
    assert isinstance(error, NotAnswered)
    assert [str(fault) for _, fault in session.faults] == ["life did not let go of the call within 8 s"]


def test_a_timeout_of_the_nodes_own_is_its_fault() -> None:
    _, _, error = call_with(OwnPatience)
    assert isinstance(error, CallFailed)
    assert str(error) == "life: TimeoutError: of its own"
