"""The caller's voices, and what is made of an agent's sound."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from tests.caller.agents import STREAM, media
from tests.models.fetched import fetched
from voicegraph.audio.g711 import decode_mulaw, encode_mulaw
from voicegraph.audio.wav import write_wav
from voicegraph.caller import voices
from voicegraph.caller.leg import Leg
from voicegraph.caller.twilio import FRAME, Identity, Messages
from voicegraph.caller.voiced import Voiced, loud_part
from voicegraph.errors import AudioError
from voicegraph.testing.telephone import LineEar, line_words


def leg() -> Leg:
    return Leg(Messages(Identity("AC", "CA", STREAM)), keep=True)


def test_simulated_speech_is_heard_on_a_telephone_line_as_it_was_said() -> None:
    said = "Hello there, wie geht's? Ünïcode and \0."
    codes = voices.simulated()(said)
    one = leg()
    one.receive(media(codes), 0.5)
    one.hear(100.0)
    assert " ".join(word.text for word in one.heard.words) == said
    pcm = b"".join(sound for _, sound in line_words(said, origin=1))
    assert decode_mulaw(encode_mulaw(pcm)) == pcm
    assert decode_mulaw(codes) == pcm[: 2 * len(codes)]
    assert [block.word.text for block in LineEar().feed(pcm, 0.0) if block.word] == said.split()


def test_what_the_caller_says_goes_out_in_frames() -> None:
    one = leg()
    codes = voices.simulated()("Hello")
    one.mouth.say(codes)
    sent = [one.frame() for _ in range(40)]
    payloads = [base64.b64decode(json.loads(message or "{}")["media"]["payload"]) for message in sent]
    assert {len(payload) for payload in payloads} == {FRAME}
    assert b"".join(payloads).rstrip(b"\xff") == codes.rstrip(b"\xff")
    (run,) = one.caller.runs
    assert (run.start, run.end) == (0, len(codes))


def test_a_pause_makes_another_run_if_it_is_long() -> None:
    voiced = Voiced(pause=1_000)
    voiced.add(0, b"\x80" * 400 + b"\xff" * 900 + b"\x80" * 100 + b"\xff" * 1_000 + b"\x80")
    assert [(run.start, run.end) for run in voiced.runs] == [(0, 1_400), (2_400, 2_401)]
    assert loud_part(b"\xff\x80\x80\xff") == (1, 3)
    assert loud_part(b"\xff\x7e\x7d") is None


def test_a_recording_is_the_callers_side(tmp_path: Path) -> None:
    file = tmp_path / "caller.wav"
    write_wav(file, decode_mulaw(b"\x80\x90" * 800), 8_000)
    assert voices.from_file(file) == b"\x80\x90" * 800
    with pytest.raises(AudioError, match="no file"):
        voices.from_file(tmp_path / "nothing.wav")


def test_a_real_voice_is_understood_by_a_real_transcriber() -> None:
    fetched(voices.VOICE)
    fetched(voices.TRANSCRIBER)
    assert voices.has_local()
    one = leg()
    one.receive(media(voices.local()("When do you open on Saturdays?")), 1.0)
    one.hear(100.0)
    assert "when do you open" in voices.transcribe(one)[0].lower()
