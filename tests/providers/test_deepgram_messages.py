"""What the nodes read of Deepgram's messages is what the vendor's own SDK says is in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest

from voicegraph.frames import Audio, EndOfTurn, SpeechStarted, SpeechStopped, Transcript
from voicegraph.providers import deepgram_flux, deepgram_nova
from voicegraph.providers.deepgram_nova import Given, Nova
from voicegraph.providers.deepgram_stream import Lost
from voicegraph.providers.deepgram_tape import Reel, Tape

pytestmark = pytest.mark.filterwarnings("ignore:websockets:DeprecationWarning")


def _models(socket_client: Any, union: str) -> dict[str, Any]:
    """The SDK's models by the name that a message says."""
    return {model.model_fields["type"].default: model for model in get_args(getattr(socket_client, union))}


@pytest.mark.parametrize("version", [1, 2])
def test_every_field_that_is_read_is_one_of_the_sdks(version: int) -> None:
    import deepgram.listen.v1.socket_client as v1
    import deepgram.listen.v2.socket_client as v2

    ours: Any = (deepgram_nova if version == 1 else deepgram_flux).Message
    theirs = _models(v1, "V1SocketClientResponse") if version == 1 else _models(v2, "V2SocketClientResponse")
    assert {str(each.__struct_config__.tag) for each in get_args(ours)} == set(theirs)
    for struct in get_args(ours):
        _compare(struct, theirs[struct.__struct_config__.tag])


def _compare(struct: Any, model: Any) -> None:
    """Ours reads no field that theirs has not, and demands none that theirs leaves out."""
    for field in msgspec.structs.fields(struct):
        assert field.encode_name in model.model_fields, f"{struct.__name__}.{field.name}"
        theirs = model.model_fields[field.encode_name]
        assert theirs.is_required() or not field.required, f"{struct.__name__}.{field.name}"
        for ours, inner in zip(_parts(field.type), _parts(theirs.annotation), strict=False):
            _compare(ours, inner)


def _parts(annotation: Any) -> Iterator[Any]:
    """The structs, or models, in a type."""
    if hasattr(annotation, "__struct_fields__") or hasattr(annotation, "model_fields"):
        yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


# --- what the emulator never says, and Deepgram may ------------------------------------------------------------------


def _nova(*messages: dict[str, Any], **config: Any) -> list[Given]:
    """What these messages give, on one connection over which 10 s of sound went."""
    tape = Tape(16_000)
    reel = _played(tape)
    nova = Nova(tape, vad_events=config.get("vad_events", False), finalize=True, language=config.get("language"))
    return [given for message in messages for given in nova.read(json.dumps(message), reel)]


def _played(tape: Tape) -> Reel:
    reel = tape.reel()
    tape.keep(Audio(bytes(2 * 16_000 * 10)))
    reel.next()
    return reel


def _results(text: str, start: float = 0.0, **also: Any) -> dict[str, Any]:
    words = [{"word": word, "start": start + 0.1, "end": start + 0.4, "confidence": 0.5} for word in text.split()]
    said = {"transcript": text, "confidence": 0.51234, "words": words}
    return {"type": "Results", "start": start, "duration": 1.0, "channel": {"alternatives": [said]}} | also


def _final(text: str, start: float = 0.0, **also: Any) -> dict[str, Any]:
    return _results(text, start, is_final=True, speech_final=False, from_finalize=False, **also)


def test_a_guess_that_comes_to_nothing_is_taken_back() -> None:
    partial, final = _nova(_results("uh"), _final(""), _final("", 1.0))
    assert partial == Transcript("uh", final=False, start=0.1, end=0.4, confidence=0.512)
    assert final == Transcript("", final=True, start=0.1, end=1.0, confidence=0.512)


def test_a_guess_that_is_only_told_again_is_not_given_again() -> None:
    """It would look like speech to an aggregator without a VAD."""
    assert len(_nova(_results("hello"), _results("hello", duration=1.5))) == 1


def test_the_start_of_a_segment_is_that_of_its_first_word_and_stays() -> None:
    first = _results("hello", 1.0)
    later = _final("hello you", 1.0)
    later["channel"]["alternatives"][0]["words"][0]["start"] = 1.3
    assert {given.start for given in _nova(first, later) if isinstance(given, Transcript)} == {1.1}


def test_a_noise_that_deepgram_takes_for_speech_ends() -> None:
    began = {"type": "SpeechStarted", "channel": [0, 1], "timestamp": 2.0}
    started, stopped = _nova(began, began, _final("", 1.0), vad_events=True)
    assert (started, stopped) == (SpeechStarted(2.0, noticed=10.0), SpeechStopped(2.0, noticed=10.0))


def test_a_turn_ends_once() -> None:
    ends = [{"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 0.4}] * 2
    given = _nova(_final("hello") | {"speech_final": True}, *ends)
    assert given[1:] == [EndOfTurn(0.4)]


def test_nor_does_one_end_that_has_no_words() -> None:
    assert not _nova({"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": -1})


def test_the_language_is_the_first_that_was_heard() -> None:
    said = _final("hola")
    said["channel"]["alternatives"][0]["languages"] = ["es", "en"]
    assert [given.language for given in _nova(said, language="multi") if isinstance(given, Transcript)] == ["es"]
    assert [given.language for given in _nova(_final("hi"), language="de") if isinstance(given, Transcript)] == ["de"]


def test_fields_that_are_null_or_new_do_no_harm() -> None:
    (given,) = _nova(_results("hello", is_final=True, speech_final=None, from_finalize=None, entities=[], new={}))
    assert isinstance(given, Transcript)
    assert given.final


def test_no_alternative_is_no_transcript() -> None:
    assert not _nova(_final("") | {"channel": {"alternatives": []}})


def test_a_missing_segment_is_noticed_behind_a_broken_message() -> None:
    tape = Tape(16_000)
    reel, nova = _played(tape), Nova(tape, vad_events=False, finalize=True, language=None)
    with pytest.raises(msgspec.DecodeError):
        list(nova.read('{"type":"Resu', reel))
    with pytest.raises(Lost):
        list(nova.read(json.dumps(_results("hello", 3.0)), reel))
    assert tape.done == 0.0


def _flux(*turns: tuple[str, str, float], **also: Any) -> list[Any]:
    tape = Tape(16_000)
    reel, flux = _played(tape), deepgram_flux.Flux(tape, language="en")
    return [given for turn in turns for given in flux.read(json.dumps(_turn(*turn) | also), reel)]


def _turn(event: str, text: str, until: float) -> dict[str, Any]:
    words = [{"word": word, "confidence": 0.5} for word in text.split()]
    return {
        "type": "TurnInfo",
        "event": event,
        "turn_index": 0,
        "audio_window_start": 0.0,
        "audio_window_end": until,
        "transcript": text,
        "words": words,
        "end_of_turn_confidence": 0.8,
    }


def test_words_without_times_will_do() -> None:
    """The SDK's model says that they may be without."""
    told = _flux(("StartOfTurn", "one", 1.0), ("EagerEndOfTurn", "one", 1.2), ("TurnResumed", "one", 1.5))
    told += _flux(("StartOfTurn", "one", 1.0), ("EndOfTurn", "one two", 2.0))
    assert [each.end for each in told if isinstance(each, Transcript)] == [1.0, 1.2, 1.0, 2.0]
    assert [each.at for each in told if isinstance(each, SpeechStarted)] == [1.0, 1.2, 1.0]


def test_a_turn_without_a_word_ends_too() -> None:
    """Noise on the line may begin one."""
    started, stopped, end = _flux(("StartOfTurn", "", 1.0), ("Update", "", 1.5), ("EndOfTurn", "", 6.0))
    assert [type(each) for each in (started, stopped, end)] == [SpeechStarted, SpeechStopped, EndOfTurn]
    assert end.at == 6.0


def test_a_turn_whose_start_was_not_told_has_one() -> None:
    assert [type(each) for each in _flux(("Update", "one", 1.0))] == [SpeechStarted, Transcript]


def test_an_event_that_nobody_knows_is_an_update() -> None:
    *_, partial = _flux(("StartOfTurn", "one", 1.0), ("TurnSighed", "one two", 1.5))
    assert (partial.text, partial.final) == ("one two", False)


def test_a_turn_that_ended_untold_is_noticed() -> None:
    tape = Tape(16_000)
    reel, flux = _played(tape), deepgram_flux.Flux(tape, language="en")
    list(flux.read(json.dumps(_turn("StartOfTurn", "one", 1.0)), reel))
    with pytest.raises(Lost):
        list(flux.read(json.dumps(_turn("Update", "", 2.0) | {"turn_index": 1}), reel))


def test_sound_without_a_word_is_not_kept() -> None:
    tape = Tape(16_000)
    reel, flux = _played(tape), deepgram_flux.Flux(tape, language="en")
    list(flux.read(json.dumps(_turn("Update", "", 8.0)), reel))
    assert tape.done == 7.0
