"""The line of a telephone carrier, against carriers in memory, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from tests.transports.carriers import CARRIERS, Phone, TelnyxSide, TwilioSide, run
from tests.transports.sounds import RATE, counting, measure, tone
from voicegraph.audio.dtmf import FREQUENCIES
from voicegraph.audio.g711 import decode_alaw, decode_mulaw, encode_alaw, encode_mulaw
from voicegraph.errors import ToolError, VoicegraphError
from voicegraph.frames import Audio, Dtmf
from voicegraph.node import node_type
from voicegraph.transports.twilio import TwilioCall


def assert_440_hertz(pcm: bytes) -> None:
    """For a second, at 0.3 of full scale."""
    pitch, level, seconds = measure(pcm)
    assert pitch == pytest.approx(440, abs=0.5)
    assert level == pytest.approx(0.3, rel=0.01)
    assert seconds == 1.0


each_carrier = pytest.mark.parametrize("side", CARRIERS)


@each_carrier
def test_a_tone_of_the_caller_comes_in_at_its_pitch_level_and_length(side: type[TwilioSide]) -> None:
    async def call() -> bytes:
        async with Phone(side) as phone:
            codes = encode_mulaw(tone(440, 1.0))
            for number, start in enumerate(range(0, len(codes), 160), 1):
                phone.connection.say(phone.carrier.media(codes[start : start + 160], number))
                await asyncio.sleep(0.02)
            audio = [frame for frame in phone.frames if isinstance(frame, Audio)]
            assert {(len(frame.pcm), frame.rate) for frame in audio} == {(320, RATE)}
            assert [frame.at for frame in audio] == pytest.approx([n * 0.02 for n in range(50)])
            return b"".join(frame.pcm for frame in audio)

    assert_440_hertz(run(call()))


@each_carrier
def test_a_tone_of_the_agent_goes_out_at_its_pitch_level_and_length(side: type[TwilioSide]) -> None:
    async def call() -> bytes:
        async with Phone(side, delay=0.05) as phone:
            await phone.say(tone(440, 1.0), every=0.05)
            await phone.line.drain()
            assert phone.carrier.gaps == []
            assert phone.call.heard(1) == 1.0
            return decode_mulaw(phone.carrier.sound())

    assert_440_hertz(run(call()))


def test_sound_of_any_length_is_cut_into_frames_and_nothing_is_lost() -> None:
    async def call() -> None:
        async with Phone() as phone:
            sound = counting(0.5)
            codes, start = encode_mulaw(sound), 0
            for size in (1, 159, 160, 161, 320, 500, 7, 2_692):
                phone.connection.say(phone.carrier.media(codes[start : start + size]))
                start += size
            await asyncio.sleep(0.01)
            heard = [frame.pcm for frame in phone.frames if isinstance(frame, Audio)]
            assert {len(pcm) for pcm in heard} == {320}
            assert b"".join(heard) == sound

    run(call())


def test_a_law() -> None:
    async def call() -> None:
        class Europe(TelnyxSide):
            encoding = "PCMA"

        async with Phone(Europe) as phone:
            phone.connection.say(phone.carrier.media(encode_alaw(tone(440, 0.1))))
            await phone.say(tone(440, 0.1))
            await phone.line.drain()
            heard = b"".join(frame.pcm for frame in phone.frames if isinstance(frame, Audio))
            assert heard == decode_alaw(phone.carrier.sound()) == decode_alaw(encode_alaw(tone(440, 0.1)))

    run(call())


def test_a_carrier_that_mixes_up_the_order_is_put_right() -> None:
    async def call() -> None:
        async with Phone(TelnyxSide) as phone:
            sound = counting(0.2)
            codes = encode_mulaw(sound)
            for number in (1, 3, 2, 4, 6, 7, 5, 8, 10, 9):
                phone.connection.say(phone.carrier.media(codes[160 * (number - 1) : 160 * number], number))
            await asyncio.sleep(0.01)
            assert b"".join(frame.pcm for frame in phone.frames if isinstance(frame, Audio)) == sound

    run(call())


def test_sound_that_never_comes_is_not_waited_for() -> None:
    async def call() -> None:
        async with Phone(TelnyxSide) as phone:
            for number in (1, 3, 4, 5, 6, 7, 8, 8, 2):
                phone.connection.say(phone.carrier.media(bytes([number]) * 160, number))
            await asyncio.sleep(0.01)
            heard = [encode_mulaw(frame.pcm)[0] for frame in phone.frames if isinstance(frame, Audio)]
            assert heard == [1, 3, 4, 5, 6, 7, 8]

    run(call())


# --- pace -----------------------------------------------------------------------------------------------------------


@each_carrier
def test_the_carrier_has_the_lead_and_no_more(side: type[TwilioSide]) -> None:
    async def call() -> None:
        async with Phone(side, delay=0.04) as phone:
            began = phone.connection.now
            saying = asyncio.create_task(phone.say(counting(3.0)))
            sent = 0.0
            while not saying.done():
                await asyncio.sleep(0.005)
                sent = sum(len(what) for _, what in _media(phone)) / RATE
                assert sent <= phone.connection.now - began + 0.25 + 0.001
                if sent < 2.9:
                    assert sent >= phone.connection.now - began + 0.25 - 0.105
            await phone.line.drain()
            assert phone.carrier.gaps == []
            assert decode_mulaw(phone.carrier.sound()) == counting(3.0)

    run(call())


def test_sound_that_comes_in_time_is_never_late() -> None:
    """A voice that is only as quick as it speaks."""

    async def call() -> None:
        async with Phone(delay=0.03) as phone:
            sound = counting(2.0)
            await phone.say(sound[:3200])
            for start in range(3200, len(sound), 320):
                await phone.say(sound[start : start + 320])
                await asyncio.sleep(0.02)
            await phone.line.drain()
            assert phone.carrier.gaps == []
            assert decode_mulaw(phone.carrier.sound()) == sound

    run(call())


def test_a_hundred_ms_of_nothing_are_not_heard() -> None:
    """Each second this side can send nothing for 100 ms, as when the process computes."""

    async def call() -> None:
        async with Phone(delay=0.05) as phone:
            saying = asyncio.create_task(phone.say(counting(10.0)))
            while not saying.done():
                await asyncio.sleep(0.9)
                phone.connection.stop_reading()
                await asyncio.sleep(0.1)
                phone.connection.read_on()
            await phone.line.drain()
            assert phone.carrier.gaps == []
            assert phone.call.heard(1) == 10.0

    run(call())


def test_a_network_that_stalls_finds_no_flood_behind_it() -> None:
    async def call() -> None:
        async with Phone(delay=0.05) as phone:
            saying = asyncio.create_task(phone.say(counting(10.0)))
            await asyncio.sleep(2.0)
            phone.connection.stall(3.0)
            await asyncio.sleep(3.0)
            sent = sum(len(what) for _, what in _media(phone)) / RATE
            assert sent < 2.0 + 0.2 + 1.0 + 0.2
            await saying
            await phone.line.drain()
            assert len(phone.carrier.gaps) == 1
            assert decode_mulaw(phone.carrier.sound()) == counting(10.0)
            assert phone.call.heard(1) == 10.0
            waits = [at - when for (when, _), (at, _) in zip(_media(phone), phone.carrier.heard, strict=True)]
            assert max(waits) > 1.0, "what was sent while nothing came through"
            assert max(waits[-20:]) < 0.2 + 0.05 + 0.001, "the lead, and the way there"

    run(call())


def test_marks_that_are_lost_do_not_silence_the_agent() -> None:
    async def call() -> None:
        async with Phone() as phone:
            phone.carrier.deaf = True
            began = phone.connection.now
            asking = asyncio.create_task(_media_all_along(phone))
            await phone.say(counting(3.0))
            await phone.line.drain()
            asking.cancel()
            assert phone.call.heard(1) == 3.0
            assert phone.connection.now - began < 25.0
        assert phone.line.counts["marks lost"] > 0

    run(call())


async def _media_all_along(phone: Phone) -> None:
    while True:
        phone.connection.say(phone.carrier.media(b"\xff" * 160))
        await asyncio.sleep(0.02)


# --- what was heard -------------------------------------------------------------------------------------------------


@each_carrier
def test_marks_are_named_by_turn_and_come_at_least_each_200_ms(side: type[TwilioSide]) -> None:
    async def call() -> None:
        async with Phone(side, delay=0.03) as phone:
            await phone.say(counting(0.93), turn=4)
            await phone.say(counting(0.31), turn=5)
            await phone.line.drain()
            assert [(name.split(":")[:2]) for _, name in phone.carrier.came_back] == [
                ["4", "200"], ["4", "400"], ["4", "600"], ["4", "800"], ["4", "930"], ["5", "200"], ["5", "310"],
            ]  # fmt: skip
            assert [(turn, seconds) for _, turn, seconds in phone.call.played_at] == [
                (4, 0.2), (4, 0.4), (4, 0.6), (4, 0.8), (4, 0.93), (5, 0.2), (5, 0.31),
            ]  # fmt: skip

    run(call())


def test_words_have_marks_before_them() -> None:
    async def call() -> None:
        async with Phone() as phone:
            for text in ("one", "two", "three"):
                await phone.say(counting(0.13), text=text)
            await phone.line.drain()
            assert [seconds for *_, seconds in phone.call.played_at] == pytest.approx([0.14, 0.26, 0.39])

    run(call())


def test_what_is_told_is_never_ahead_of_the_ear() -> None:
    async def call() -> None:
        async with Phone(delay=0.05) as phone:
            await phone.say(counting(1.1))
            await phone.line.drain()
            for when, _, seconds in phone.call.played_at:
                assert len(phone.carrier.heard_by(phone.call.made + when)) / RATE >= seconds - 1e-6

    run(call())


@each_carrier
@pytest.mark.parametrize("delay", [0.0, 0.08])
@pytest.mark.parametrize("after", [0.05, 0.5, 0.611, 1.37])
def test_an_interrupt_clears_at_once_and_tells_what_was_heard(
    side: type[TwilioSide], delay: float, after: float
) -> None:
    async def call() -> None:
        async with Phone(side, delay=delay) as phone:
            saying = asyncio.create_task(phone.say(counting(3.0)))
            await asyncio.sleep(after)
            now = phone.connection.now
            phone.line.clear()
            saying.cancel()
            told = phone.call.heard(1)
            await asyncio.sleep(0.5)
            (cleared,) = [when for when, said in phone.connection.sent if said["event"].startswith("clear")]
            assert cleared == now
            assert told == pytest.approx(len(phone.carrier.sound()) / RATE, abs=0.001)
            assert phone.call.heard(1) == told, "marks that the clear has flushed are not heard"
            assert phone.connection.events()[-1].startswith("clear")
        assert phone.line.counts["marks discarded"] > 0
        assert phone.line.counts["strange marks"] == 0

    run(call())


def test_after_an_interrupt_the_next_reply_is_counted_for_itself() -> None:
    async def call() -> None:
        async with Phone(delay=0.05) as phone:
            saying = asyncio.create_task(phone.say(counting(3.0)))
            await asyncio.sleep(0.7)
            phone.line.clear()
            saying.cancel()
            before = phone.call.heard(1)
            await phone.say(counting(0.5, first=60), turn=2)
            await phone.line.drain()
            assert (phone.call.heard(1), phone.call.heard(2)) == (before, 0.5)
            assert decode_mulaw(phone.carrier.sound()[-4_000:]) == counting(0.5, first=60)

    run(call())


def test_what_must_be_said_goes_on_without_a_gap() -> None:
    async def call() -> None:
        async with Phone(delay=0.05) as phone:
            saying = asyncio.create_task(phone.say(counting(1.0), must=True))
            await asyncio.sleep(0.4)
            phone.line.clear()
            await saying
            await phone.line.drain()
            assert "clear" not in phone.connection.events()
            assert phone.carrier.gaps == []
            assert decode_mulaw(phone.carrier.sound()) == counting(1.0)

    run(call())


def test_what_must_be_said_moves_up_and_is_sent_again() -> None:
    async def call() -> None:
        async with Phone(delay=0.05) as phone:
            await phone.say(counting(0.2))
            saying = asyncio.create_task(phone.say(counting(0.5, first=60), must=True))
            await asyncio.sleep(0.06)
            phone.line.clear()
            await saying
            await phone.line.drain()
            assert decode_mulaw(phone.carrier.sound()) == counting(0.06) + counting(0.5, first=60)
            assert phone.call.heard(1) == pytest.approx(0.56)

    run(call())


# --- pause ----------------------------------------------------------------------------------------------------------


@each_carrier
@pytest.mark.parametrize("delay", [0.0, 0.08])
@pytest.mark.parametrize("after", [0.05, 0.5, 0.611, 1.37])
def test_a_pause_loses_nothing_and_repeats_nothing_on_an_even_network(
    side: type[TwilioSide], delay: float, after: float
) -> None:
    async def call() -> None:
        async with Phone(side, delay=delay) as phone:
            saying = asyncio.create_task(phone.say(counting(2.0)))
            await asyncio.sleep(after)
            phone.line.pause()
            await asyncio.sleep(delay)
            silent_from = phone.connection.now
            await asyncio.sleep(0.9)
            heard = len(phone.carrier.heard_by(silent_from)), len(phone.carrier.heard_by(phone.connection.now))
            assert heard[0] == heard[1]
            phone.line.resume()
            await saying
            await phone.line.drain()
            sound = phone.carrier.sound()
            if side is TelnyxSide:
                sound = sound.rstrip(b"\xff")  # it takes whole frames only
            assert abs(len(sound) - 2 * RATE) <= 1, "a sample, where the moment of the pause lies between two"
            if len(sound) == 2 * RATE:
                assert decode_mulaw(sound) == counting(2.0)
            assert phone.call.heard(1) == 2.0

    run(call())


@pytest.mark.parametrize("jitter", [0.02, 0.1])
def test_on_an_uneven_network_a_pause_is_off_by_no_more_than_that(jitter: float) -> None:
    async def call() -> None:
        async with Phone(delay=0.05) as phone:
            saying = asyncio.create_task(phone.say(counting(2.0)))
            await asyncio.sleep(0.7)
            phone.connection.delay += jitter  # the clear comes later than what was before it
            phone.line.pause()
            await asyncio.sleep(1.0)
            phone.line.resume()
            await saying
            await phone.line.drain()
            repeated = len(phone.carrier.sound()) / RATE - 2.0
            assert repeated == pytest.approx(jitter, abs=0.001)

    run(call())


def test_a_pause_while_nothing_is_said_holds_what_comes() -> None:
    async def call() -> None:
        async with Phone() as phone:
            phone.line.pause()
            await phone.say(counting(0.1))
            await asyncio.sleep(1.0)
            assert phone.connection.sent == []
            phone.line.resume()
            await phone.line.drain()
            assert decode_mulaw(phone.carrier.sound()) == counting(0.1)

    run(call())


# --- keys -----------------------------------------------------------------------------------------------------------


@each_carrier
def test_keys_of_the_caller(side: type[TwilioSide]) -> None:
    async def call() -> None:
        async with Phone(side) as phone:
            for digit in "4*#D":
                phone.connection.say(phone.carrier.key(digit))
            await asyncio.sleep(0.01)
            assert "".join(frame.digit for frame in phone.frames if isinstance(frame, Dtmf)) == "4*#D"

    run(call())


def test_keys_of_the_agent_are_two_tones_each() -> None:
    async def call() -> bytes:
        async with Phone() as phone:
            await phone.line.send_dtmf("5#")
            assert phone.call.played_at == []
            return decode_mulaw(phone.carrier.sound())

    sound = run(call())
    assert len(sound) == 2 * 0.4 * RATE
    for start, digit in ((0, "5"), (3_200, "#")):
        assert _pitches(sound[start : start + 1_600]) == pytest.approx(sorted(FREQUENCIES[digit]), abs=4)


def _pitches(pcm: bytes) -> list[float]:
    import numpy as np

    samples = np.frombuffer(pcm, "<i2") * np.hanning(len(pcm) // 2)
    spectrum = np.abs(np.fft.rfft(samples, 1 << 15))
    half = round(1_050 * (1 << 15) / RATE)
    return [peak * RATE / (1 << 15) for peak in (np.argmax(spectrum[:half]), half + np.argmax(spectrum[half:]))]


# --- the end --------------------------------------------------------------------------------------------------------


@each_carrier
def test_the_caller_hangs_up(side: type[TwilioSide]) -> None:
    async def call() -> None:
        async with Phone(side) as phone:
            saying = asyncio.create_task(phone.say(counting(5.0)))
            await asyncio.sleep(0.3)
            phone.connection.say(phone.carrier.stop())
            phone.connection.say(phone.carrier.stop())
            await saying
            await phone.line.drain()
            assert phone.call.hung_up == ["the caller hung up"]
            assert phone.connection.closed == (1000, "hung-up")

    run(call())


def test_the_connection_breaks() -> None:
    async def call() -> None:
        async with Phone() as phone:
            saying = asyncio.create_task(phone.say(counting(5.0)))
            await asyncio.sleep(0.3)
            phone.connection.drop()
            await saying
            await phone.line.drain()
            assert phone.call.hung_up == ["the connection is over"]

    run(call())


def test_a_carrier_that_falls_silent_is_gone() -> None:
    async def call() -> None:
        async with Phone() as phone:
            await asyncio.sleep(14.9)
            assert phone.call.hung_up == []
            await asyncio.sleep(0.2)
            assert phone.call.hung_up[0] == "the carrier has fallen silent"
            assert phone.connection.closed == (1008, "silent")

    run(call())


def test_the_greeting_comes_when_the_call_has_begun_and_variables_are_known() -> None:
    async def call() -> None:
        async with Phone(begin=False, greeting="Hello.") as phone:
            phone.connection.say({"event": "connected", "protocol": "Call", "version": "1.0.0"})
            await asyncio.sleep(0.1)
            assert phone.call.said == []
            phone.connection.say(phone.carrier.start(tenant="oak"))
            await asyncio.sleep(0.1)
            assert phone.call.said == ["Hello."]
            assert phone.call.variables == {"tenant": "oak"}

    run(call())


def test_what_a_line_cannot_do_is_told() -> None:
    async def call() -> None:
        async with Phone() as phone:
            with pytest.raises(ToolError, match="international form"):
                await phone.line.transfer("the boss")
            with pytest.raises(ToolError, match="keys are not set"):
                await phone.line.transfer("+15551234567")

    run(call())


def test_a_line_that_nobody_has_called_says_how_to_be_called() -> None:
    async def call() -> None:
        with pytest.raises(VoicegraphError, match="voicegraph serve"):
            await node_type(TwilioCall).configure({"unsigned": True}).__aenter__()

    run(call())


def _media(phone: Phone) -> list[tuple[float, bytes]]:
    told = [(when, phone.carrier.read(dict(said))) for when, said in phone.connection.sent]
    return [(when, what) for when, (_, what) in told if isinstance(what, bytes)]
