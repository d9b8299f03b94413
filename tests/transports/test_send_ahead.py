"""What goes out to a carrier, whatever happens: nothing out of order, nothing lost, and what was heard is known."""

from __future__ import annotations

import asyncio
from math import inf

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transports.carriers import Phone as PhoneOf
from tests.transports.carriers import PlivoSide, TwilioSide, run
from tests.transports.sounds import RATE, counting
from voicegraph.audio.g711 import encode_mulaw
from voicegraph.transports.send_ahead import FRAME, MARK_EVERY, Flush, Mark, Media, SendAhead

TIMES = st.integers(0, 700).map(lambda ms: ms / 1000)
ACTS = st.lists(st.tuples(TIMES, st.sampled_from(["say", "must", "clear", "pause", "resume"]), TIMES), max_size=8)


@settings(max_examples=60, deadline=None)
@given(acts=ACTS, delay=st.sampled_from([0.0, 0.03, 0.12]), side=st.sampled_from([TwilioSide, PlivoSide]))
def test_what_is_told_as_heard_is_what_the_carrier_has_played(
    acts: list[tuple[float, str, float]], delay: float, side: type[TwilioSide]
) -> None:
    async def call() -> None:
        async with PhoneOf(side, delay=delay) as phone:
            keep_on = asyncio.create_task(_caller(phone))
            saying: list[asyncio.Task[None]] = []
            said = seams = turn = 0
            for wait, act, seconds in acts:
                await asyncio.sleep(wait)
                if act in ("say", "must"):
                    turn += 1
                    said += round(seconds * RATE)
                    last = saying[-1:]
                    saying.append(asyncio.create_task(_say(phone, last, seconds, turn, must=act == "must")))
                else:
                    seams += act != "resume"
                    getattr(phone.line, act)()
            phone.line.resume()
            await asyncio.gather(*saying)
            await phone.line.drain()
            await asyncio.sleep(2 * delay)  # what was told last comes there
            keep_on.cancel()
            told = round(sum(phone.call.heard(each) for each in range(1, turn + 1)) * RATE)
            played = len(phone.carrier.sound())
            assert abs(played - told) <= 2 * seams + 1, "what a clear cuts is known to the sample on an even network"
            assert played <= said + 2 * seams
            if not seams:
                assert played == told == said
            assert phone.line.counts["marks lost"] == 0

    run(call())


async def _say(phone: PhoneOf, after: list[asyncio.Task[None]], seconds: float, turn: int, *, must: bool) -> None:
    await asyncio.gather(*after)
    await phone.say(counting(seconds), turn, must=must, every=0.03)


async def _caller(phone: PhoneOf) -> None:
    while True:
        phone.connection.say(phone.carrier.media(b"\xff" * 160))
        await asyncio.sleep(0.02)


PIECE = st.tuples(st.integers(1, 3), st.integers(1, 900), st.booleans(), st.booleans())
"""Turn, samples, whether it must be said, whether words begin with it."""


@given(pieces=st.lists(PIECE, min_size=1, max_size=20), lead=st.integers(100, 2_000).map(lambda ms: ms / 1000))
def test_all_is_sent_in_order_with_marks_between_and_behind(
    pieces: list[tuple[int, int, bool, bool]], lead: float
) -> None:
    """A carrier that gives each mark back when it is heard, and no time passes but what is waited for."""
    pieces.sort(key=lambda piece: piece[0])
    out, now, sound, turns = SendAhead(lead), 0.0, b"", list[int]()
    expected = b"".join(bytes([n % 127]) * size for n, (_, size, _, _) in enumerate(pieces))
    for number, (turn, size, must, word) in enumerate(pieces):
        out.add(turn, bytes([number % 127]) * size, must=must, word=word)
    ends, unmarked, waiting = 0.0, 0, list[tuple[float, str]]()
    for _ in range(10_000):
        if (send := out.poll(now)) is None:
            if out.silent:
                break
            later = min([max(now + 1e-3, out.wake_at()), *(max(now, due) for due, _ in waiting[:1])])
            assert later < inf, "something is to be sent, and nobody will"
            assert out.wake_at() > now, "nothing is due, so it would be asked again and again"
            now = later
        elif isinstance(send, Media):
            sound += send.codes
            ends = max(ends, now) + len(send.codes) / RATE
            unmarked += len(send.codes)
            assert unmarked <= MARK_EVERY + FRAME
            assert ends - now <= lead + 1e-3
        else:
            assert isinstance(send, Mark), "nobody asked for a flush"
            waiting.append((ends, send.name))
            turns.append(int(send.name.split(":")[0]))
            unmarked = 0
        while waiting and waiting[0][0] <= now:
            out.marked(waiting.pop(0)[1], now)
    assert sound == expected
    assert turns == sorted(turns)
    assert not waiting
    assert out.lost == out.discarded == out.strange == 0
    for turn in {turn for turn, *_ in pieces}:
        assert out.heard(turn) == sum(size for each, size, *_ in pieces if each == turn) / RATE


def test_a_flush_is_the_first_thing_sent() -> None:
    out = SendAhead(0.2)
    out.add(1, encode_mulaw(counting(2.0)))
    assert isinstance(out.poll(0.0), Media)
    out.clear(0.1)
    out.add(2, encode_mulaw(counting(1.0)))
    assert isinstance(out.poll(0.1), Flush)
    assert isinstance(out.poll(0.1), Media)


def test_what_was_heard_is_known_to_the_moment_when_the_marks_say_that_all_is_well() -> None:
    out = SendAhead(0.2)
    out.add(1, bytes(8_000))
    now, sent = 0.0, 0
    while now < 0.5:
        if isinstance(send := out.poll(now), Media):
            sent += len(send.codes)
        elif isinstance(send, Mark):
            pass
        else:
            now += 0.01
    assert out.clear(0.5) == {1: 0.4}, "no mark has come back: 200 ms and the round trip that is taken for granted"


def test_marks_that_are_late_slow_it_down_and_one_alone_does_not() -> None:
    out = SendAhead(0.2)
    out.add(1, bytes(80_000))
    waiting: list[tuple[float, str]] = []
    now, sent, late = 0.0, 0, 0.0
    while now < 4.0:
        send = out.poll(now)
        if isinstance(send, Media):
            sent += len(send.codes)
        elif isinstance(send, Mark):
            waiting.append((sent / RATE + 0.05, send.name))
        else:
            now = round(now + 0.005, 3)
            late = (
                0.3 if now > 2.0 else 0.15 if 0.6 < now < 0.7 else 0.0
            )  # the carrier has had a gap; one mark was slow
            while waiting and waiting[0][0] + late <= now:
                out.marked(waiting.pop(0)[1], now)
            if now == 1.5:
                assert sent / RATE - now > 0.09
    assert sent / RATE - (now - 0.3) <= 0.2 + 0.01, "no more than the lead, as the carrier plays"
