"""What chaos has found in the engine, each as the smallest call that shows it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.calls import Evidence, call
from tests.chaos.drawing import THEN, Chaos, Part, Step
from tests.chaos.nodes import Model, Streaming, Transcriber, Voice
from tests.chaos.oracles import judge
from tests.chaos.words import THINKING
from voicegraph.frames import Recovery
from voicegraph.graph.plan import Action, Recover

QUESTION = "badobu fepori gikuta lomeza pusive"
LATE = Recover(timeout=0.5, fallback=("tts_1", "tts_2"))


def calling(
    *voices: Part,
    policy: Recover = LATE,
    steps: tuple[Step, ...] = (),
    then: Action | None = None,
    **more: Any,
) -> Evidence:
    """A call with these voices, of which the first is in the flow. more: other parts, by stage."""
    parts = {"stt": [Part(Transcriber)], "llm": [Part(Model)], "tts": [*voices], **more}
    stand_in = ("stt_1",) if len(parts["stt"]) > 1 else ()
    recover = {
        "stt": Recover(timeout=1.0, retries=1, then=then, fallback=stand_in),
        "llm": Recover(retries=1, say=THINKING),
        "tts": replace(policy, fallback=policy.fallback[: len(voices) - 1]),
    }
    return call(Chaos(1, recover, parts, (Step("ask", QUESTION), *steps)))


def ill(kind: Any, *faults: dict[str, Any], place: int = 0, **config: Any) -> Part:
    return Part(kind, {"place": place, "faults": faults, **config})


def test_a_voice_that_gives_nothing_leaves_the_ledger_as_it_was() -> None:
    """The word that the first one broke off is the last one's to say again."""
    dies, fails = {"kind": "die", "after": "700ms"}, {"kind": "error"}
    evidence = calling(ill(Streaming, dies), ill(Voice, fails, place=1), ill(Voice, place=2))
    assert [frame.to for _, frame in evidence.of(Recovery) if frame.step == "fallback"] == ["tts_1", "tts_2"]
    assert judge(evidence) == []


@pytest.mark.parametrize("after", [400, 900, 1200])
@pytest.mark.parametrize("kind", [Voice, Streaming])
def test_what_a_voice_without_word_times_did_not_say_is_not_in_the_ledger_twice(kind: Any, after: int) -> None:
    dies = {"kind": "die", "after": f"{after}ms"}
    evidence = calling(ill(kind, dies, aligned=False), ill(Voice, dies, place=1, aligned=False), ill(Voice, place=2))
    assert evidence.strikes
    assert judge(evidence) == []


@pytest.mark.parametrize("silent", [0, 1])
def test_a_stand_in_that_is_silent_about_one_sentence(silent: int) -> None:
    """It speaks sentence by sentence, in the place of one that has a connection for all of them."""
    silence = {"kind": "silence", "skip": silent}
    evidence = calling(ill(Streaming, {"kind": "error"}), ill(Voice, silence, place=1), ill(Voice, place=2))
    assert len(evidence.strikes) == 2
    assert judge(evidence) == []


@pytest.mark.parametrize("after", [0.9, 1.0, 1.1])
def test_a_voice_that_swallows_its_cancellation_does_not_outlive_the_call(after: float) -> None:
    slow = ill(Streaming, manner="swallows", first=0.4, pace=0.5)
    assert judge(calling(slow, policy=Recover(retries=2), steps=(Step("hang up", after=after),))) == []


def test_a_voice_that_took_in_all_sentences_may_stall_too() -> None:
    """Its words were told with the first sound, so only the end of its input shows that something is owed."""
    stalls = {"kind": "stall", "after": "1900ms"}
    evidence = calling(ill(Streaming, stalls, aligned=False, ahead=True, pace=0.3), ill(Voice, place=1))
    assert ("fallback", "tts_1") in [(frame.step, frame.to) for _, frame in evidence.of(Recovery)]
    assert judge(evidence) == []


def test_what_was_given_up_is_not_read_by_who_comes_next() -> None:
    """The first one has understood nothing twice; the second one begins where nothing is kept."""
    stalls = {"faults": [{"kind": "stall", "count": 1000}]}
    evidence = calling(Part(Voice), policy=Recover(), stt=[Part(Transcriber, stalls), Part(Transcriber)])
    assert ("fallback", "stt_1") in [(frame.step, frame.to) for _, frame in evidence.of(Recovery)]
    assert judge(evidence) == []


def test_what_a_voice_has_given_up_is_not_taken_up_in_its_midst() -> None:
    """A phrase that is answered between two parts of a reply is no reason to go on with that."""
    breaks_off = Part(Model, {"faults": [{"kind": "truncate", "after": 6}], "between": 0.2})
    evidence = calling(ill(Voice, {"kind": "error"}), policy=Recover(), llm=[breaks_off])
    assert {strike.node for strike in evidence.strikes} == {"llm", "tts"}
    assert judge(evidence) == []


def test_a_deaf_call_ends_though_the_caller_calls_its_end_off() -> None:
    gone = Part(Transcriber, {"drops": [(3.2, 60.0)]})
    steps = (Step("barge", "zudami berolo kisapu", 1.2), Step("barge", "vopidu matesi dagobe", 3.0))
    evidence = calling(Part(Voice), stt=[gone], then=THEN["hang up"], steps=steps)
    assert ("then", "hang_up") in [(frame.step, frame.to) for _, frame in evidence.of(Recovery)]
    assert not evidence.impatient
    assert judge(evidence) == []


def test_who_fails_in_the_very_step_in_which_another_wins_is_out_of_the_race() -> None:
    in_time = ill(Voice, first=0.200001, pace=0.0)  # by a tick too late for the hedge
    fails = ill(Voice, {"kind": "error"}, place=1)
    evidence = calling(in_time, fails, policy=Recover(hedge=0.2, fallback=("tts_1",)))
    assert "hedge" in [frame.step for _, frame in evidence.of(Recovery)]
    assert judge(evidence) == []
