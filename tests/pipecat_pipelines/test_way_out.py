"""From a graph into a pipeline, in virtual time and without a pipeline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from hypothesis import given
from hypothesis import strategies as st
from pipecat.frames import frames as pc

from voicegraph.frames import ReplyEnd, Transcript, TTSAudio
from voicegraph.pipecat.unheard import Unheard
from voicegraph.pipecat.way_out import LOST, WayOut
from voicegraph.testing.virtual import run_virtual

RATE = 16_000


class Pushed:
    """A way out whose pipeline is a list. heard: seconds, by turn."""

    def __init__(self, *, told: bool = True, text: bool = False) -> None:
        self.frames: list[pc.Frame] = []
        self.heard: dict[int, float] = {}
        self.way = WayOut(self._played, self._push, self._interrupt, lead=0.4, told=told, text=text)

    def _played(self, turn: int, seconds: float) -> None:
        self.heard[turn] = seconds

    async def _push(self, frame: pc.Frame) -> None:
        await asyncio.sleep(0)
        self.frames.append(frame)

    async def _interrupt(self) -> None:
        self.frames.append(pc.InterruptionFrame())

    def kinds(self) -> list[str]:
        return [type(frame).__name__.removesuffix("Frame") for frame in self.frames]


@asynccontextmanager
async def running(pushed: Pushed) -> AsyncGenerator[WayOut]:
    task = asyncio.create_task(pushed.way.run())
    yield pushed.way
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def sound(turn: int, seconds: float = 0.1, text: str = "", *, must: bool = False) -> TTSAudio:
    return TTSAudio(bytes(2 * round(seconds * RATE)), rate=RATE, text=text, turn=turn, interruptible=not must)


def test_no_more_than_the_lead_goes_out_until_it_is_heard_and_what_nobody_tells_of_counts_after_a_while() -> None:
    async def main() -> None:
        pushed, loop = Pushed(), asyncio.get_running_loop()
        async with running(pushed) as way:
            for _ in range(4):
                await way.give(sound(1))
            began = loop.time()
            await way.give(sound(1))
            assert loop.time() - began == LOST
            assert pushed.heard == {1: 0.4}
            await way.drain()
            way.on_pushed(pc.TTSAudioRawFrame(bytes(320), RATE, 1))
            assert round(pushed.heard[1], 6) == 0.41

    run_virtual(main())


def test_an_interrupt_stands_behind_what_is_being_pushed_and_before_what_follows() -> None:
    async def main() -> None:
        pushed = Pushed()
        async with running(pushed) as way:
            await way.give(sound(1, text="One"))
            await way.give(sound(1, text="two"))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            way.clear()
            await way.give(sound(2, text="Three"))
            await way.give(ReplyEnd(turn=2))
            way.tell(Transcript("Four"))
            await way.drain()
            before, _, behind = ",".join(pushed.kinds()).partition("Interruption,")
            assert "LLMFullResponseEnd" not in before
            assert behind == (
                "LLMFullResponseStart,TTSStarted,TTSAudioRaw,TTSText,TTSStopped,LLMFullResponseEnd,Transcription"
            )

    run_virtual(main())


def test_until_the_interruption_has_passed_the_output_it_tells_of_what_was_given_up() -> None:
    async def main() -> None:
        pushed = Pushed()
        async with running(pushed) as way:
            await way.give(sound(1))
            way.clear()
            await way.give(sound(2))
            old = pc.TTSAudioRawFrame(bytes(3_200), RATE, 1)
            way.on_pushed(old)
            assert pushed.heard == {}
            way.on_pushed(pc.InterruptionFrame())
            way.on_pushed(old)
            assert pushed.heard == {2: 0.1}

    run_virtual(main())


def test_the_end_of_a_reply_marks_all_of_it_as_heard() -> None:
    async def main() -> None:
        pushed = Pushed(text=True)
        async with running(pushed) as way:
            await way.give(sound(1, 0.3, "Hello"))
            await way.give(sound(1, 0.3, "there.\n"))
            await way.give(ReplyEnd(turn=1))
            await way.drain()
            assert pushed.kinds() == ["LLMFullResponseStart", "AggregatedText", "LLMFullResponseEnd"]
            way.on_pushed(pc.TTSAudioRawFrame(bytes(3_200), RATE, 1))
            assert pushed.heard == {}
            way.on_pushed(pushed.frames[-1])
            assert pushed.heard == {1: 0.6}

    run_virtual(main())


@given(
    given_=st.lists(st.tuples(st.integers(1, 3), st.floats(0.001, 1.0), st.booleans()), max_size=8),
    heard=st.lists(st.floats(0.0, 1.0), max_size=8),
)
def test_what_is_heard_is_never_more_than_was_given(given_: list[tuple[int, float, bool]], heard: list[float]) -> None:
    unheard, told, total = Unheard(), dict[int, float](), 0.0
    for turn, seconds, must in sorted(given_, key=lambda each: each[0]):
        unheard.add(turn, seconds, must=must)
        total += seconds
    for seconds in heard:
        told |= unheard.heard(seconds)
    assert abs(sum(told.values()) - min(total, sum(heard))) < 0.02
    for turn, seconds in told.items():
        assert seconds <= sum(each for number, each, _ in given_ if number == turn) + 1e-9
    unheard.clear()
    told |= unheard.heard_through(3)
    assert sum(told.values()) <= total + 1e-9
    assert unheard.seconds == 0
