"""The simulated call: a caller who does as told, and a line that knows what was heard to the sample."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.calls import Log, plan
from tests.testing.directed import Done, directed, passing
from voicegraph import Audio, Dtmf, Interrupt, Pause, Resume, Sentence, TTSAudio, node
from voicegraph.call import Call, Reply, give_call
from voicegraph.engine.inbox import REPLY_BOUND
from voicegraph.engine.session import Session
from voicegraph.node import node_type
from voicegraph.testing import SimulatedCall, hear, run_virtual, utter
from voicegraph.testing.heard_sound import HeardSound
from voicegraph.testing.scripted import ScriptedTTS

TEXT = "We are open from nine to five on weekdays, and on Saturdays until noon."
RATE = 16_000


@node("test.simulated.sink")
def sink(frame: Audio | Dtmf) -> None:
    """Where it ends."""


@node("test.simulated.mute")
def mute(frame: Audio) -> Sentence | None:
    """Never says anything."""


@node("test.simulated.boss")
class Boss:
    """Speaks, and then interrupts, pauses and resumes at the times of a schedule."""

    text: str = TEXT
    schedule: list[Any]
    must: bool = False

    async def act(self) -> AsyncIterator[Sentence | Interrupt | Pause | Resume]:
        yield Sentence(self.text, interruptible=not self.must)
        for step in self.schedule:
            if isinstance(step, float):
                await asyncio.sleep(step)
            else:
                yield {"interrupt": Interrupt, "pause": Pause, "resume": Resume}[step]()


def caller(direct: Callable[[SimulatedCall, Session], Awaitable[Any]], **line: Any) -> Done:
    return directed(plan({"line": SimulatedCall, "sink": sink}, "line -> sink", config={"line": line}), direct)


def agent(*schedule: Any, text: str = TEXT, must: bool = False, tts: Any = None, **line: Any) -> Done:
    """A reply, and what is done to it."""
    nodes = {"line": SimulatedCall, "boss": Boss, "tts": ScriptedTTS}
    config: dict[str, Any] = {
        "boss": {"text": text, "schedule": [*schedule, 20.0], "must": must},
        "tts": {"rate": line.get("plays_at", RATE), **(tts or {})},
        "line": line,
    }
    made = plan(nodes, "boss -> tts -> line", config=config)
    return directed(made, lambda line, session: passing(line, 15.0))


def sound(done: Done) -> bytes:
    return b"".join(bytes(stretch.pcm) for stretch in done.line.heard.stretches)


# --- the caller -----------------------------------------------------------------------------------------------------


def test_there_is_sound_all_the_time_and_it_is_silence() -> None:
    done = caller(lambda line, session: passing(line, 1.0))
    frames = done.given("line", Audio)
    assert len(frames) == 50
    assert {frame.pcm for frame in frames} == {bytes(640)}
    assert [frame.at for frame in frames] == pytest.approx([n * 0.02 for n in range(50)])
    assert done.times("line", Audio) == pytest.approx([(n + 1) * 0.02 for n in range(50)], abs=0.001)


def test_what_is_said_begins_with_the_next_20_ms_and_comes_in_its_time() -> None:
    async def direct(line: SimulatedCall, session: Any) -> None:
        await asyncio.sleep(0.507)
        act = line.say("Hello there.")
        assert act.began is None
        assert act.spoken == 0.0
        assert await act.begun()
        assert act.began == pytest.approx(0.52)
        assert act.spoken == pytest.approx(session.now() - 0.52)
        assert await act.done()
        assert act.ended == pytest.approx(0.52 + act.seconds)
        assert act.ended == pytest.approx(session.now())
        assert act.spoken == act.seconds

    done = caller(direct)
    heard = hear(b"".join(frame.pcm for frame in done.given("line", Audio)), RATE)
    assert [word.text for word in heard] == ["Hello", "there."]
    assert heard[0].start == pytest.approx(0.52)
    assert {word.origin for word in heard} == {1}


def test_one_thing_is_said_after_the_other() -> None:
    async def direct(line: SimulatedCall, session: Any) -> None:
        acts = [line.say("One."), line.cough(0.1), line.say("Two.", speed=2.0)]
        await acts[-1].done()
        for before, after in pairwise(acts):
            assert before.ended == pytest.approx(after.began)
        assert [act.number for act in line.acts] == [1, 2, 3]
        assert acts[2].seconds < 0.7 * acts[0].seconds

    frames = caller(direct).given("line", Audio)
    heard = hear(b"".join(frame.pcm for frame in frames), RATE)
    assert [(word.text, word.origin) for word in heard] == [("One.", 1), ("Two.", 3)]


def test_keys_are_pressed_one_by_one_while_the_caller_speaks() -> None:
    async def direct(line: SimulatedCall, session: Any) -> None:
        line.say("One moment please.")
        pressed = line.press("12#")
        await pressed.done()
        await line.press("0").done()

    done = caller(direct)
    assert [key.digit for key in done.given("line", Dtmf)] == ["1", "2", "#", "0"]
    times = done.times("line", Dtmf)
    assert all(after - before == pytest.approx(0.1, abs=0.021) for before, after in pairwise(times))


def test_what_is_no_key_is_refused() -> None:
    async def direct(line: SimulatedCall, session: Any) -> None:
        with pytest.raises(ValueError, match="a phone has no key x"):
            line.press("1x")

    caller(direct)


def test_a_caller_who_hangs_up_ends_the_call_and_nobody_waits_for_them() -> None:
    async def direct(line: SimulatedCall, session: Any) -> None:
        unsaid = line.say("I never get to say this.")
        line.hang_up()
        assert line.over
        assert not await line.tick()
        assert not await unsaid.begun()
        assert not await unsaid.done()

    assert caller(direct).given("line", Audio) == []


def test_who_waits_when_the_call_ends_is_told() -> None:
    async def direct(line: SimulatedCall, session: Any) -> None:
        waiting = asyncio.create_task(line.say("Hello?" * 20).done())
        await passing(line, 0.5)
        session.hang_up("over")
        assert not await waiting

    caller(direct)


def test_the_greeting_is_said_first() -> None:
    nodes = {"line": SimulatedCall, "mute": mute, "tts": ScriptedTTS}
    config: dict[str, Any] = {"line": {"greeting": "Good morning."}, "tts": {"rate": RATE}}
    made = plan(nodes, "line -> mute -> tts -> line", config=config)
    done = directed(made, lambda line, session: passing(line, 3.0))
    assert done.line.heard.text(1) == "Good morning."


# --- playback -------------------------------------------------------------------------------------------------------


def test_every_sample_is_heard_once_and_in_its_time() -> None:
    done = agent()
    given = b"".join(frame.pcm for frame in done.given("tts", TTSAudio))
    assert sound(done) == given
    (stretch,) = done.line.heard.stretches
    assert (stretch.turn, stretch.void) == (1, False)
    assert stretch.at == pytest.approx(done.times("tts", TTSAudio)[0], abs=0.001)
    assert done.session.reply(1).heard_seconds == pytest.approx(len(given) / 2 / RATE)


@pytest.mark.parametrize("at", [0.6, 0.6131, 1.0])
def test_an_interrupt_cuts_at_its_very_sample(at: float) -> None:
    done = agent(at, "interrupt")
    (stretch,) = done.line.heard.stretches
    assert stretch.at + len(stretch.pcm) / 2 / RATE == pytest.approx(at, abs=0.5 / RATE)
    assert done.session.reply(1).heard_seconds == pytest.approx(len(stretch.pcm) / 2 / RATE)
    assert done.line.heard.stale() == []


@settings(max_examples=25, deadline=None)
@given(pauses=st.lists(st.tuples(st.floats(0.05, 1.0), st.floats(0.001, 1.0)), max_size=4))
def test_after_a_pause_not_a_sample_is_lost_or_heard_twice(pauses: list[tuple[float, float]]) -> None:
    schedule = [step for speak, pause in pauses for step in (speak, "pause", pause, "resume")]
    done = agent(*schedule)
    assert sound(done) == b"".join(frame.pcm for frame in done.given("tts", TTSAudio))
    assert done.line.heard.text(1) == TEXT
    assert done.line.heard.stale() == []


def test_nothing_is_heard_during_a_pause() -> None:
    done = agent(0.7, "pause", 0.5, "resume")
    first, second = done.line.heard.stretches
    assert first.at + len(first.pcm) / 2 / RATE == pytest.approx(0.7, abs=0.5 / RATE)
    assert second.at == pytest.approx(1.2, abs=0.5 / RATE)


def test_what_must_be_said_survives_an_interrupt() -> None:
    done = agent(0.6, "interrupt", must=True)
    assert done.line.heard.text(1) == TEXT
    assert done.line.heard.stale() == []


def test_no_more_than_the_lead_is_taken_ahead() -> None:
    done = agent(tts={"pace": 0.0, "first": "0ms"}, lead="300ms")
    frames, times = done.given("tts", TTSAudio), done.times("tts", TTSAudio)
    queued = sum(frame.seconds for frame, at in zip(frames, times, strict=True) if at == times[0])
    waiting = sum(frame.seconds for frame in frames[-REPLY_BOUND - 2 :])  # in the line's inbox, and on the way there
    assert 0.3 < queued < 0.4 + waiting


def test_sound_at_another_rate_is_refused() -> None:
    with pytest.raises(Exception, match=r"simulated\.call plays 16000 Hz, and was given 24000 Hz"):
        agent(tts={"rate": 24_000})


def test_both_ways_may_have_rates_of_their_own() -> None:
    done = agent(rate=8_000, plays_at=24_000)
    assert done.line.heard.text(1) == TEXT
    assert {frame.rate for frame in done.given("line", Audio)} == {8_000}


# --- reports --------------------------------------------------------------------------------------------------------


class Reports(Log):
    """When what was reported as heard."""

    def __init__(self) -> None:
        super().__init__()
        self.reports: list[tuple[float, float]] = []

    def played(self, turn: int, seconds: float) -> None:
        self.reports.append((asyncio.get_running_loop().time(), seconds))


def reports(*schedule: Any, **line: Any) -> tuple[list[tuple[float, float]], SimulatedCall]:
    nodes = {"line": SimulatedCall, "boss": Boss, "tts": ScriptedTTS}
    config: dict[str, Any] = {"boss": {"schedule": [*schedule, 8.0]}, "tts": {"rate": RATE}, "line": line}
    made = plan(nodes, "boss -> tts -> line", config=config)

    async def main() -> tuple[list[tuple[float, float]], SimulatedCall]:
        log = Reports()
        session = Session(made, seed=1, observers=(log,))
        await session.run()
        return log.reports, session.nodes["line"].instance

    return run_virtual(main(), seed=1)


def test_playback_is_reported_as_often_as_asked_for_and_at_its_end() -> None:
    often, line = reports()
    whole = line.heard.seconds(1)
    assert len(often) == pytest.approx(whole / 0.02, abs=3)
    assert often[-1][1] == pytest.approx(whole)
    seldom, _ = reports(report_every="500ms")
    assert len(seldom) == pytest.approx(whole / 0.5, abs=2)
    assert all(after - before == pytest.approx(0.5, abs=0.001) for (before, _), (after, _) in pairwise(seldom[:-2]))
    start = line.heard.stretches[0].at
    assert all(seconds == pytest.approx(at - start, abs=0.001) for at, seconds in seldom)


def test_an_interrupt_is_told_at_once_what_was_heard_however_seldom_the_reports() -> None:
    told, line = reports(1.0, "interrupt", report_every="10s")
    at, seconds = told[-1]
    assert at == pytest.approx(1.0)
    assert seconds == pytest.approx(line.heard.seconds(1))


def test_far_away_sound_comes_late_stops_late_and_is_reported_later() -> None:
    near, line = reports(1.0, "interrupt")
    far, far_line = reports(1.0, "interrupt", latency="100ms")
    (here,), (there,) = line.heard.stretches, far_line.heard.stretches
    assert there.at == pytest.approx(here.at + 0.1)
    assert len(there.pcm) == len(here.pcm)
    assert far[0][0] == pytest.approx(near[0][0] + 0.2)
    assert far[-1][1] == pytest.approx(far_line.heard.seconds(1))
    assert [seconds for _, seconds in far] == sorted(seconds for _, seconds in far)


# --- what should not have been heard --------------------------------------------------------------------------------


def test_a_stale_chunk_that_was_given_the_number_of_a_new_turn_is_caught() -> None:
    heard = HeardSound(RATE)
    fresh, stale = (utter("Hello there", rate=RATE, origin=origin) for origin in (2, 1))
    heard.hear(0.0, 2, fresh, void=False)
    heard.hear(len(fresh) / 2 / RATE, 2, stale[:700], void=False)
    caught = heard.stale()
    assert [(each.origin, each.turn, each.void) for each in caught] == [(1, 2, False)] * len(caught)
    assert caught[0].at == pytest.approx(len(fresh) / 2 / RATE)
    assert heard.text(2) == "Hello there"


def test_sound_of_a_reply_that_was_given_up_is_caught() -> None:
    """As it would be if the engine did not clear the line."""

    class Given:
        """What the line asks of its call."""

        def __init__(self) -> None:
            self.interrupted = False

        def now(self) -> float:
            return asyncio.get_running_loop().time()

        def reply(self, turn: int) -> Reply:
            return Reply(turn, interrupted=self.interrupted)

        def played(self, turn: int, seconds: float) -> None:
            """Not asked."""

    async def main() -> SimulatedCall:
        line: SimulatedCall = node_type(SimulatedCall).configure({"lead": "10s"})
        call = Given()
        give_call(line, cast("Call", call))
        pcm = utter("Hello", rate=RATE, origin=1)
        await line.play(TTSAudio(pcm, RATE, turn=1))
        await asyncio.sleep(0.1)
        line.pause()  # so that what was heard before is known to have been
        line.resume()
        call.interrupted = True
        await line.drain()
        await line.__aexit__()
        return line

    line = run_virtual(main())
    before, after = line.heard.stretches
    assert (before.void, after.void) == (False, True)
    assert len(before.pcm) == pytest.approx(0.1 * 2 * RATE)
    assert all(each.void and each.at > 0.09 for each in line.heard.stale())
    assert len(line.heard.stale()) == pytest.approx(len(after.pcm) / 640, abs=1)


# --- the same again -------------------------------------------------------------------------------------------------


def test_one_seed_gives_one_call() -> None:
    def once() -> list[tuple[float, float]]:
        return reports(0.7, "pause", 0.3, "resume", 0.4, "interrupt", latency="30ms")[0]

    assert once() == once()
