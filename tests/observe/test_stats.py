"""What several processes have seen, put together."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from voicegraph.observe.screen import screen
from voicegraph.observe.stats import Call, Figure, NodeSeen, Process, Seen, Stats

SAMPLES = st.lists(st.floats(0, 10), max_size=50).map(tuple)


def seen(pid: int, **more: object) -> Seen:
    calls = (Call(id=f"call{pid}", pid=pid, graph="desk", line="twilio.call", state="speaking", seconds=pid, turns=2),)
    process = Process(
        pid=pid, seconds=61.0, cpu=0.25, memory=90_000_000, lag=0.03, calls=1, max_calls=100, closed=None, spans_lost=4
    )
    fields = {"graph": "desk", "process": process, "calls": calls} | more
    return Seen(**fields)  # type: ignore[arg-type]


def node(first: tuple[float, ...], dropped: int = 0) -> NodeSeen:
    return NodeSeen(name="tts", use="tone.tts", first=first, queue=(0.001,), waiting=2, dropped=dropped, blocked=1.5)


@given(SAMPLES, SAMPLES)
def test_percentiles_are_of_all_samples_and_not_of_percentiles(one: tuple[float, ...], two: tuple[float, ...]) -> None:
    told = Stats.of([seen(1, nodes=(node(one),), answers=one), seen(2, nodes=(node(two),), answers=two)])
    assert told.answer == Figure.of((*one, *two)) == told.nodes[0].first


def test_counts_add_up_and_the_worst_breaker_counts() -> None:
    one = seen(2, nodes=(node((), 3),), breakers={"tts": "half-open", "llm": "closed"}, interrupts=1)
    two = seen(1, nodes=(node((), 4),), breakers={"tts": "open"}, interrupts=5)
    told = Stats.of([one, two])
    assert [process.pid for process in told.processes] == [1, 2]
    assert [call.id for call in told.calls] == ["call2", "call1"], "the oldest first"
    assert (told.nodes[0].dropped, told.nodes[0].waiting, told.nodes[0].blocked) == (7, 4, 3.0)
    assert told.breakers == {"llm": "closed", "tts": "open"}
    assert told.interrupts == 6


def shown(told: Stats, most_calls: int = 10, width: int = 160) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(screen(told, "http://127.0.0.1:8080", most_calls=most_calls, width=width))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_screen() -> None:
    told = Stats.of(
        [seen(7, nodes=(node((0.1, 0.2), 3),), answers=(0.5, 0.7), breakers={"tts": "open", "llm": "closed"})]
    )
    text = shown(told)
    assert "1 of 100 calls · answer p50 500 ms, p95 700 ms" in text
    for words in ("call7", "speaking", "25%", "90 MB", "30 ms", "1:01", "tone.tts", "1.5 s"):
        assert words in text
    assert "Breakers: tts open" in text
    assert "llm" not in text


def test_a_narrow_screen_cuts_no_figure() -> None:
    text = shown(Stats.of([seen(7, nodes=(node((0.1, 0.2), 3),))]), width=80)
    assert "…" not in text
    assert "tone.tts" not in text
    assert "200" in text


def test_a_screen_of_many_calls_and_of_none() -> None:
    told = Stats.of([seen(pid) for pid in range(1, 13)])
    assert "and 2 more" in shown(told)
    assert "and " not in shown(told, most_calls=12)
    empty = Stats.of([Seen(graph="desk", process=told.processes[0])])
    assert "0 of 100 calls · 0 interrupts" in shown(empty)
