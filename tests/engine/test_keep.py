"""Work beside the nodes (`Call.keep`): no interrupt ends it, the end of the call does, at once or with some grace."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.engine.calls import ScriptedLine, plan
from tests.engine.test_interrupts import STARTED, STOPPED
from voicegraph import Call, SpeechStarted, SpeechStopped, node, this_call
from voicegraph.engine.session import Session
from voicegraph.errors import CallFailed
from voicegraph.testing.virtual import run_virtual

Work = Callable[[Call], Awaitable[None]]


@node("keep.boss")
class Boss:
    """Keeps the work when the caller stops, and hangs up when they start again."""

    work: Any
    grace: float = 0.0
    call: Call = this_call()

    def on_speech(self, frame: SpeechStarted | SpeechStopped) -> None:
        if isinstance(frame, SpeechStarted):
            self.call.hang_up("over")
        else:
            self.work(self.call, self.grace)


def ends_at(work: Callable[[Call, float], Any], grace: float = 0.0) -> float:
    """When a call ends that is hung up after a second."""
    config: dict[str, dict[str, Any]] = {
        "line": {"script": [STOPPED, 1.0, STARTED, 9.0]},
        "boss": {"work": work, "grace": grace},
    }
    made = plan({"line": ScriptedLine, "boss": Boss}, "line -> boss", config=config)

    async def run() -> float:
        await Session(made).run()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return asyncio.get_running_loop().time()

    return run_virtual(run())


@pytest.mark.parametrize(
    ("takes", "grace", "ended", "finished"),
    [(3.0, 0.0, 1.0, False), (3.0, 5.0, 3.0, True), (9.0, 5.0, 6.0, False), (0.5, 5.0, 1.0, True)],
)
def test_the_end_of_the_call_waits_for_as_long_as_the_grace(
    takes: float, grace: float, ended: float, finished: bool
) -> None:
    done: list[bool] = []

    async def sleep() -> None:
        await asyncio.sleep(takes)
        done.append(True)

    assert ends_at(lambda call, grace: call.keep(sleep(), grace=grace), grace) == ended
    assert done == [True] * finished


def test_what_is_cancelled_before_it_began_is_no_mistake() -> None:
    async def work() -> None: ...

    assert ends_at(lambda call, grace: call.keep(work()).cancel()) == 1.0


def test_its_exception_ends_the_call() -> None:
    async def fail() -> None:
        raise ValueError("kept")

    with pytest.raises(CallFailed, match="kept"):
        ends_at(lambda call, grace: call.keep(fail()))
