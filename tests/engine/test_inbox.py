"""The bounded queue before a task: its bound, its order, and what it does with what is void."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from voicegraph import Audio, Sentence, Transcript
from voicegraph.engine.inbox import Inbox
from voicegraph.engine.timing import NodeTiming
from voicegraph.engine.turns import Turns
from voicegraph.engine.turnstile import Turnstile
from voicegraph.frames import Frame


@given(
    bound=st.integers(1, 5),
    givers=st.lists(st.integers(0, 12), min_size=1, max_size=4),
    reads=st.lists(st.integers(0, 3), max_size=60),
)
def test_never_over_its_bound_never_out_of_order_and_nothing_lost(
    bound: int, givers: list[int], reads: list[int]
) -> None:
    async def go() -> list[Sentence]:
        inbox = Inbox(Turns(), bound, NodeTiming(clock=lambda: 0.0), lossy=False, replies=True)

        async def give(name: int, count: int) -> None:
            for number in range(count):
                wait = inbox.push(Sentence(f"{name}:{number}"))
                if wait is not None:
                    await wait

        tasks = [asyncio.create_task(give(name, count)) for name, count in enumerate(givers)]
        taken: list[Sentence] = []
        schedule = iter(reads)
        while len(taken) < sum(givers):
            for _ in range(next(schedule, 0)):
                await asyncio.sleep(0)
            assert len(inbox) <= bound
            frame = await inbox.peek()
            inbox.pop()
            assert isinstance(frame, Sentence)
            taken.append(frame)
        await asyncio.gather(*tasks)
        return taken

    texts = [sentence.text for sentence in asyncio.run(go())]
    for name, count in enumerate(givers):
        assert [text for text in texts if text.startswith(f"{name}:")] == [f"{name}:{n}" for n in range(count)]


def test_live_audio_drops_its_oldest_and_says_so() -> None:
    inbox = Inbox(Turns(), 3, NodeTiming(clock=lambda: 0.0), lossy=True, replies=False)
    for index in range(5):
        assert inbox.push(Audio(b"", at=float(index))) is None
    assert inbox.dropped == 2
    left = [inbox.pop() for _ in range(len(inbox))]
    assert [frame.at for frame in left if isinstance(frame, Audio)] == [2.0, 3.0, 4.0]


def test_live_audio_never_pushes_out_words() -> None:
    inbox = Inbox(Turns(), 2, NodeTiming(clock=lambda: 0.0), lossy=True, replies=False)
    assert inbox.push(Transcript("one")) is None
    assert inbox.push(Transcript("two")) is None
    assert inbox.push(Audio(b"")) is None
    assert len(inbox) == 2
    assert inbox.dropped == 1


def test_a_waiting_giver_that_is_cancelled_leaves_no_place_taken() -> None:
    async def go() -> list[str]:
        inbox = Inbox(Turns(), 1, NodeTiming(clock=lambda: 0.0), lossy=False, replies=True)
        assert inbox.push(Sentence("first")) is None

        async def give(text: str) -> None:
            wait = inbox.push(Sentence(text))
            if wait is not None:
                await wait

        cancelled, patient = asyncio.create_task(give("cancelled")), asyncio.create_task(give("patient"))
        await asyncio.sleep(0)
        cancelled.cancel()
        texts: list[str] = []
        for _ in range(2):
            frame = await inbox.peek()
            inbox.pop()
            assert isinstance(frame, Sentence)
            texts.append(frame.text)
        await patient
        assert inbox.push(Sentence("room again")) is None
        return texts

    assert asyncio.run(go()) == ["first", "patient"]


def test_what_is_void_is_not_read() -> None:
    async def go() -> Frame:
        turns = Turns()
        inbox = Inbox(turns, 4, NodeTiming(clock=lambda: 0.0), lossy=False, replies=True)
        inbox.push(Sentence("old", turn=turns.open("test")))
        inbox.push(Sentence("must be said", turn=turns.latest, interruptible=False))
        turns.interrupt()
        inbox.push(Sentence("new", turn=turns.open("test")))
        frame = await inbox.peek()
        inbox.pop()
        assert isinstance(await inbox.peek(), Sentence)
        return frame

    frame = asyncio.run(go())
    assert isinstance(frame, Sentence)
    assert frame.text == "must be said"


def test_a_turnstile_lets_no_reply_in_before_the_one_begun_earlier_has_ended() -> None:
    async def go() -> list[int]:
        turns, taken = Turns(), list[int]()
        turnstile = Turnstile(turns)
        push = turnstile.guard(lambda frame: taken.append(frame.turn))
        first, second = turns.open("a"), turns.open("b")
        assert push(Sentence("1", turn=first)) is None
        ahead = push(Sentence("2", turn=second))
        assert ahead is not None
        waiting = asyncio.ensure_future(ahead)
        await asyncio.sleep(0)
        push(Sentence("1", turn=first))
        turnstile.ended(first)
        await waiting
        return taken

    assert asyncio.run(go()) == [1, 1, 2]


def test_a_turnstile_forgets_what_was_interrupted() -> None:
    turns, taken = Turns(), list[int]()
    turnstile = Turnstile(turns)
    push = turnstile.guard(lambda frame: taken.append(frame.turn))
    push(Sentence("1", turn=turns.open("a")))
    turns.interrupt()
    turnstile.interrupt()
    assert push(Sentence("2", turn=turns.open("a"))) is None
    assert taken == [1, 2]


def test_a_reply_that_is_interrupted_while_it_waits_holds_up_no_later_one() -> None:
    async def go() -> list[int]:
        turns, taken = Turns(), list[int]()
        turnstile = Turnstile(turns)
        push = turnstile.guard(lambda frame: taken.append(frame.turn))
        push(Sentence("1", turn=turns.open("a")))
        ahead = push(Sentence("2", turn=turns.open("b")))
        assert ahead is not None
        waiting = asyncio.ensure_future(ahead)
        await asyncio.sleep(0)
        turns.interrupt()
        turnstile.interrupt()
        await waiting
        assert push(Sentence("3", turn=turns.open("a"))) is None
        return taken

    assert asyncio.run(go()) == [1, 3]
