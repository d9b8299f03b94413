"""A voice that fails: the next one goes on from the first word that was not given whole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from tests.engine.recovery.agents import ANSWER, RATE, StreamingVoice, agent, ask, gaps, heard, steps
from tests.testing.directed import Done
from voicegraph import Interrupt, Sentence, TTSAudio, node
from voicegraph.engine.recovery.breakers import FAILURES, Breakers
from voicegraph.graph.plan import Plan, Recover
from voicegraph.testing.scripted import ScriptedTTS

LATE = 0.5
POLICY = Recover(timeout=LATE, stall=LATE, fallback=("backup",))
FAULTS = ("error", "hang", "stall", "die", "silence")


def voices(
    *faults: dict[str, Any], kind: Any = ScriptedTTS, policy: Recover = POLICY, backup: Any = None, **tts: Any
) -> Plan:
    """An agent whose voice has these faults. backup: settings of the one that stands by."""
    rate = {"rate": RATE} if kind is ScriptedTTS else {}
    made = agent(
        recover={"tts": policy},
        nodes={"tts": kind},
        standby=dict.fromkeys(policy.fallback, ScriptedTTS),
        config={name: {"rate": RATE, **(backup or {})} for name in policy.fallback},
    )
    tts = {**rate, "faults": faults, **tts}
    return replace(made, nodes={**made.nodes, "tts": replace(made.nodes["tts"], config=tts)})


def began(done: Done) -> float:
    """When the caller first heard something, in loop time."""
    return done.line.heard.stretches[0].at


def twice(text: str, answer: str = ANSWER) -> int:
    """How many words more than those of the answer were heard. Raises where words are missing."""
    words, extra = iter(text.split()), 0
    for word in answer.split():
        while next(words) != word:
            extra += 1
    return extra + len(list(words))


@pytest.mark.parametrize("kind", [ScriptedTTS, StreamingVoice])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_costs_half_a_second_at_most_and_no_word(fault: str, kind: Any) -> None:
    well = ask(voices(kind=kind))
    done = ask(voices({"kind": fault}, kind=kind))
    assert twice(heard(done)) <= 1
    assert done.session.reply(1).heard == ANSWER
    silence = began(done) - began(well) + sum(gaps(done)) - sum(gaps(well))
    assert silence <= LATE + 0.1  # the backup's own time to first sound
    assert ("tts", "fallback", "backup") in steps(done)


def test_a_word_that_is_begun_again_is_one_word_to_the_ledger() -> None:
    done = ask(voices({"kind": "die", "after": "700ms"}, kind=StreamingVoice))
    assert twice(heard(done)) == 1
    assert done.session.reply(1).heard == ANSWER


@pytest.mark.parametrize("after", ["300ms", "600ms", "900ms", "1.2s", "1.5s", "1.8s"])
def test_a_voice_that_does_not_tell_its_words_loses_none(after: str) -> None:
    done = ask(voices({"kind": "die", "after": after}, aligned=False))
    assert twice(heard(done)) <= 3


def test_the_stand_in_stays_for_the_rest_of_the_call() -> None:
    done = ask(voices({"kind": "error"}), "one two three", "four five six")
    assert steps(done).count(("tts", "fallback", "backup")) == 1
    assert done.session.recoveries.chains["tts"].active.name == "backup"
    assert heard(done, 2)


def test_after_a_while_the_first_voice_comes_back_between_replies() -> None:
    policy = replace(POLICY, retry_primary_after=5.0)
    done = ask(voices({"kind": "error"}, policy=policy), "one two three", "four five six")
    assert ("tts", "back", "tts") in steps(done)
    assert done.session.recoveries.chains["tts"].active.name == "tts"


def test_it_does_not_come_back_in_the_midst_of_a_reply() -> None:
    policy = replace(POLICY, retry_primary_after=0.1)
    done = ask(voices({"kind": "error"}, policy=policy))
    assert "back" not in [step for _, step, _ in steps(done)]


def test_a_late_voice_is_hedged() -> None:
    well = ask(voices())
    done = ask(voices({"kind": "hang"}, policy=replace(POLICY, hedge=0.25)))
    assert began(done) - began(well) == pytest.approx(0.25, abs=0.01)
    assert heard(done) == ANSWER
    assert steps(done)[0] == ("tts", "hedge", "backup")
    assert done.session.recoveries.chains["tts"].active.name == "backup"


def test_of_two_that_race_the_first_to_speak_wins() -> None:
    done = ask(voices(policy=replace(POLICY, hedge=0.25), first="300ms", backup={"first": "400ms"}))
    assert heard(done) == ANSWER
    assert done.session.recoveries.chains["tts"].active.name == "tts"
    sounds = [frame for frame in done.given("tts", TTSAudio) if frame.turn == 1]
    assert sum(len(frame.pcm) for frame in sounds) == sum(
        len(frame.pcm) for frame in ask(voices()).given("tts", TTSAudio) if frame.turn == 1
    )


def test_a_retry_before_anything_was_heard() -> None:
    done = ask(voices({"kind": "error"}, policy=Recover(retries=1)))
    assert steps(done)[0] == ("tts", "retry", "tts")
    assert heard(done) == ANSWER


def test_every_voice_in_turn() -> None:
    policy = replace(POLICY, fallback=("backup", "last"))
    plan = voices({"kind": "error"}, policy=policy, backup={"faults": [{"kind": "error"}]})
    plan = replace(plan, standby={**plan.standby, "last": replace(plan.standby["last"], config={"rate": RATE})})
    done = ask(plan)
    assert [to for _, step, to in steps(done) if step == "fallback"] == ["backup", "last"]
    assert heard(done) == ANSWER


def test_a_stand_in_that_fails_later_is_relieved_by_the_first() -> None:
    plan = voices({"kind": "error"}, backup={"faults": [{"kind": "error", "skip": 3}]})
    done = ask(plan, "one two three", "four five six")
    assert [to for _, step, to in steps(done) if step == "fallback"] == ["backup", "tts"]
    assert heard(done, 2)


def test_without_anybody_the_reply_is_given_up_and_the_call_goes_on() -> None:
    plan = voices({"kind": "error"}, {"kind": "error"}, policy=Recover(timeout=LATE))
    done = ask(plan, "one two three", "four five six", "seven eight nine")
    assert [step for _, step, _ in steps(done)].count("give_up") == 2
    assert heard(done, 3)


def test_of_two_voices_that_fail_once_each_the_first_goes_on() -> None:
    """The second has spoken since the first failed: the first may be well again, and mostly is."""
    done = ask(voices({"kind": "error"}, backup={"faults": [{"kind": "die", "after": "700ms"}]}))
    assert [to for _, step, to in steps(done) if step == "fallback"] == ["backup", "tts"]
    assert twice(heard(done)) <= 3


def test_voices_that_always_die_are_given_up_after_a_while() -> None:
    dying = [{"kind": "die", "after": "200ms", "count": 100}]
    done = ask(voices(*dying, backup={"faults": dying}))
    assert "give_up" in [step for _, step, _ in steps(done)]
    assert len([step for _, step, _ in steps(done) if step == "fallback"]) <= 8


def test_an_interrupt_stops_whoever_is_at_work() -> None:
    plan = voices({"kind": "hang"}, policy=replace(POLICY, timeout=60.0, hedge=30.0), kind=StreamingVoice)
    done = ask(plan, "one two three", "four five six", seconds=3.0)
    assert done.session.nodes["tts"].instance.closed == 2
    assert done.given("aggregator", Interrupt)
    assert heard(done, 2).startswith("We are open")
    assert not done.session.recoveries.tasks()


def test_the_next_call_does_not_wait_for_the_same_timeout() -> None:
    well, breakers = ask(voices()), Breakers()
    calls = [ask(voices({"kind": "hang"}), breakers=breakers) for _ in range(FAILURES + 1)]
    late = [began(call) - began(well) for call in calls]
    assert late == pytest.approx([LATE] * FAILURES + [0.0], abs=0.01)
    assert breakers.states(0.0) == {"backup (scripted.tts)": "closed", "tts (scripted.tts)": "open"}


def test_a_known_failure_is_no_reason_to_be_silent() -> None:
    """Where there is nobody else, the provider is asked all the same."""
    breakers = Breakers()
    for _ in range(FAILURES):
        ask(voices({"kind": "error"}, policy=Recover(timeout=LATE)), breakers=breakers)
    assert heard(ask(voices(policy=Recover(timeout=LATE)), breakers=breakers)) == ANSWER


@node("test.recovery.unread")
class Unread:
    """A voice that is gone before it has read a word."""

    async def speak(self, sentences: AsyncIterator[Sentence]) -> AsyncIterator[TTSAudio]:
        return
        yield  # which makes it a generator


def test_a_voice_that_reads_nothing_has_failed() -> None:
    made = voices(kind=Unread)
    done = ask(replace(made, nodes={**made.nodes, "tts": replace(made.nodes["tts"], config={})}))
    assert steps(done)[0] == ("tts", "fallback", "backup")
    assert heard(done) == ANSWER
