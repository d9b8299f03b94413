"""resample as a node: positions, words, turns and ends of replies."""

from __future__ import annotations

from itertools import pairwise

import pytest

from voicegraph.audio.resample import resample
from voicegraph.frames import Audio, Frame, ReplyEnd, TTSAudio
from voicegraph.node import node_type
from voicegraph.processors.resample import Resample
from voicegraph.testing import run_node


def sound(rate: int, seconds: float, step: int = 37) -> bytes:
    return b"".join((n * n * step % 20_011).to_bytes(2, "little") for n in range(round(rate * seconds)))


def caller(rate: int, seconds: float, start: float = 0.0) -> list[Audio]:
    """A stretch of caller audio in frames of 20 ms."""
    size = 2 * rate // 50
    pcm = sound(rate, seconds)
    return [Audio(pcm[at : at + size], rate=rate, at=start + at / (2 * rate)) for at in range(0, len(pcm), size)]


def convert(frames: list[Audio] | list[TTSAudio], rate: int) -> list[Frame]:
    return run_node(Resample, *frames, with_={"rate": rate})


def audio_of(frames: list[Frame]) -> list[Audio]:
    return [frame for frame in frames if isinstance(frame, Audio)]


def voice_of(frames: list[Frame]) -> list[TTSAudio]:
    return [frame for frame in frames if isinstance(frame, TTSAudio)]


def test_caller_audio_is_the_same_sound_at_the_same_place() -> None:
    given = audio_of(convert(caller(24_000, 0.5, start=3.0), 16_000))
    whole = resample(sound(24_000, 0.5), 24_000, 16_000)
    made = b"".join(frame.pcm for frame in given)
    assert whole.startswith(made)
    assert len(whole) - len(made) < 0.002 * 2 * 16_000
    assert {frame.rate for frame in given} == {16_000}
    assert given[0].at == 3.0
    assert all(after.at == pytest.approx(before.at + before.seconds) for before, after in pairwise(given))


def test_a_gap_in_the_caller_audio_stays_where_it_is() -> None:
    frames = caller(8_000, 0.5)
    del frames[5:15]
    given = audio_of(convert(frames, 16_000))
    assert [frame.at for frame in given if 0.09 < frame.at < 0.32] == pytest.approx([0.3, 0.318125])
    assert given[4].at + given[4].seconds == pytest.approx(0.1, abs=0.002)


def test_a_reply_is_whole_and_its_words_stay_with_their_sound() -> None:
    pcm = sound(22_050, 0.5)
    chunks = [TTSAudio(pcm[:8_000], rate=22_050, text="Hello"), TTSAudio(pcm[8_000:9_000], rate=22_050)]
    chunks += [TTSAudio(pcm[9_000:], rate=22_050, text="there.", interruptible=False)]
    given = voice_of(convert(chunks, 16_000))
    assert b"".join(frame.pcm for frame in given) == resample(pcm, 22_050, 16_000)
    assert [frame.text for frame in given] == ["Hello", "", "there.", ""]
    assert [frame.interruptible for frame in given] == [True, True, False, False]


def test_what_must_be_said_is_said_to_its_last_sample() -> None:
    pcm = sound(22_050, 0.1)
    parts = [TTSAudio(pcm, rate=22_050, turn=1, interruptible=must) for must in (False, True, False)]
    given = voice_of(convert(parts, 16_000))
    whole = len(resample(pcm, 22_050, 16_000))
    lengths = {False: 0, True: 0}
    for frame in given:
        lengths[frame.interruptible] += len(frame.pcm)
    assert sum(lengths.values()) == 3 * whole
    assert 2 * whole <= lengths[False] < 2 * whole + 100  # what need not be said may end a ms later, with it


def test_words_are_kept_even_if_their_chunk_is_held_back_whole() -> None:
    given = voice_of(convert([TTSAudio(bytes(4), rate=8_000, text="Hm"), TTSAudio(bytes(320), rate=8_000)], 16_000))
    assert given[0].text == "Hm"


def test_each_reply_begins_anew() -> None:
    made = node_type(Resample).configure({"rate": 16_000})
    pcm = sound(8_000, 0.1)
    (first,) = made.on_voice(TTSAudio(pcm, rate=8_000, turn=1))
    (second,) = made.on_voice(TTSAudio(pcm, rate=8_000, turn=2))  # turn 1 was interrupted: no end of it
    assert second.pcm == first.pcm
    assert [*made.on_reply_end(ReplyEnd(turn=1))] == []
    (tail,) = made.on_reply_end(ReplyEnd(turn=2))
    assert first.pcm + tail.pcm == resample(pcm, 8_000, 16_000)
    assert [*made.on_reply_end(ReplyEnd(turn=2))] == []


def test_what_has_the_rate_already_passes_untouched() -> None:
    audio, voice = caller(16_000, 0.02)[0], TTSAudio(bytes(640), rate=16_000, text="Hi")
    made = node_type(Resample).configure({"rate": 16_000})
    assert made.on_audio(audio) is audio
    assert [*made.on_voice(voice)] == [voice]
    assert [*made.on_reply_end(ReplyEnd())] == []


def test_a_new_rate_in_the_middle_of_a_call() -> None:
    given = audio_of(convert([*caller(8_000, 0.1), *caller(48_000, 0.1, start=0.1)], 16_000))
    assert given[5].at == pytest.approx(0.1)
    assert given[-1].at + given[-1].seconds == pytest.approx(0.2, abs=0.002)
