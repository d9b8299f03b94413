"""The playout clock, against one that goes sample by sample."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voicegraph.caller.playout import Due, Playout, Sound

moves = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from(["add", "mark", "clear", "look"]), st.integers(0, 25)), max_size=40
)


class Slow:
    """A queue of codes and marks, of which one code is played in each step of time."""

    def __init__(self) -> None:
        self.queue: list[int | str] = []
        self.heard: dict[int, int] = {}
        self.marks: list[Due] = []
        self.now = 0

    def pass_to(self, now: int) -> None:
        while self.now < now:
            self.back(flushed=False)
            if self.queue:
                code = self.queue.pop(0)
                assert isinstance(code, int)
                self.heard[self.now] = code
            self.now += 1
        self.back(flushed=False)

    def back(self, *, flushed: bool) -> None:
        while self.queue and isinstance(self.queue[0], str):
            self.marks.append(Due(self.now, self.queue.pop(0), flushed=flushed))  # type: ignore[arg-type]

    def clear(self) -> int:
        dropped = sum(isinstance(each, int) for each in self.queue)
        self.queue = [each for each in self.queue if isinstance(each, str)]
        self.back(flushed=True)
        return dropped


@given(moves)
def test_every_sample_is_heard_when_its_turn_comes_and_every_mark_behind_its_last(
    moves: list[tuple[int, str, int]],
) -> None:
    playout, slow = Playout(), Slow()
    heard: list[Sound] = []
    marks: list[Due] = []
    now = count = 0
    for number, (step, move, size) in enumerate(moves):
        now += step
        slow.pass_to(now)
        if move == "add":
            codes = bytes((count + n) % 251 for n in range(size))
            count += size
            slow.queue += codes
            playout.add(codes, now)
        elif move == "mark":
            slow.queue.append(str(number))
            slow.back(flushed=False)
            playout.mark(str(number), now)
        elif move == "clear":
            dropped = playout.clear(now)
            assert sum(len(each.codes) for each in dropped) == slow.clear()
        heard += playout.hear(now)
        marks += playout.due(now)
        assert {sound.at + n: code for sound in heard for n, code in enumerate(sound.codes)} == slow.heard
        assert marks == slow.marks
    slow.pass_to(now + 2_000)
    assert playout.end <= now + 2_000
    heard += playout.hear(now + 2_000)
    marks += playout.due(now + 2_000)
    assert {sound.at + n: code for sound in heard for n, code in enumerate(sound.codes)} == slow.heard
    assert marks == slow.marks


def test_when_the_next_mark_is_due_is_known_from_the_start_and_changed_by_a_clear_alone() -> None:
    playout = Playout()
    playout.add(bytes(800), now=100)
    playout.mark("a", now=120)
    playout.add(bytes(800), now=150)
    playout.mark("b", now=150)
    assert playout.next_mark == 900
    assert playout.due(899) == []
    assert playout.due(900) == [Due(900, "a", flushed=False)]
    playout.clear(now=1_000)
    assert playout.due(1_000) == [Due(1_000, "b", flushed=True)]
    assert playout.next_mark is None


def test_a_mark_with_nothing_before_it_is_due_at_once() -> None:
    playout = Playout()
    playout.mark("a", now=7)
    assert playout.due(7) == [Due(7, "a", flushed=False)]
