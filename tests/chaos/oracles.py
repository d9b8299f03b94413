"""What must hold of every call, judged by the sound that the caller heard and by the words that they said."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from tests.chaos.calls import KEPT, Evidence
from tests.chaos.words import REPEAT, answer, of_the_agent
from voicegraph import Interrupt, Reply, Sentence, UserTurn
from voicegraph.errors import CallFailed, NotAnswered, ProviderError
from voicegraph.frames import Pause, Recovery
from voicegraph.graph.plan import SORRY
from voicegraph.testing.faults import ScriptedFault
from voicegraph.turn_taking.words import plain_words

GUESSED = 4
"""Words that may be said twice where a voice does not tell which it is at."""
CUT_GUESSED = 3
"""Words by which the ledger may be off where such a voice is cut."""
PROMPT = 0.05
"""Seconds from a deadline to the holding phrase, the voice's own time aside."""
BLOCK = 0.02
ROUNDING = 1e-6
SENTENCES = 6
"""Most of a reply, phrases included."""


class Turn(NamedTuple):
    """A question as the agent understood it, and what came of it. words: of the agent's answers, as they were heard."""

    at: float
    asked: UserTurn
    reply: Reply
    words: list[str]
    phrases: list[str]
    given_up: frozenset[str]

    @property
    def number(self) -> int:
        return self.asked.turn

    @property
    def expected(self) -> list[str]:
        return of_the_agent(answer(self.asked.text).split())


def turns(evidence: Evidence) -> list[Turn]:
    replies = {reply.turn: reply for reply in evidence.replies}
    made: list[Turn] = []
    for at, asked in evidence.of(UserTurn):
        heard = _heard_in(evidence, asked.turn)
        words = of_the_agent(heard)
        given_up = frozenset(
            frame.node for _, frame in evidence.of(Recovery) if frame.turn == asked.turn and frame.step == "give_up"
        )
        phrases = [word for word in heard if not of_the_agent([word])]
        made.append(Turn(at, asked, replies[asked.turn], words, phrases, given_up))
    return made


def _heard_in(evidence: Evidence, turn: int) -> list[str]:
    spans = [
        (each.at, each.at + len(each.pcm) / (2 * evidence.heard.rate))
        for each in evidence.heard.stretches
        if each.turn == turn
    ]
    return [
        word.text
        for word in evidence.heard.words
        if word.origin == turn
        or (word.origin == KEPT and any(start - BLOCK / 2 <= word.start < end for start, end in spans))
    ]


# --- the oracles -----------------------------------------------------------------------------------------------------


def the_call_ends(evidence: Evidence) -> Iterator[str]:
    """Not hung, not crashed, and nothing outlives it."""
    if evidence.ended is None:
        yield "it never ended"
    if evidence.impatient and not _is_left_unsaid(evidence):
        yield "the caller waited in vain"
    failure = evidence.failure
    if failure is not None:
        struck = {strike.node.partition("_")[0] for strike in evidence.strikes}
        if not isinstance(failure, CallFailed):
            yield f"crashed: {failure!r}"
        elif failure.node not in struck:
            yield f"ended by {failure.node}, of which nothing failed: {failure}"
    yield from (f"left behind: {each}" for each in evidence.left)
    yield from (f"nobody caught: {each}" for each in evidence.loose)
    known = (ScriptedFault, NotAnswered, ProviderError, ConnectionError)
    for node, error in evidence.faults:
        if not isinstance(error, known) and type(error).__name__ not in ("Unwilling", "CancelledError"):
            yield f"the engine failed: {node}: {error!r}"
    yield from evidence.misled


def every_question_is_answered(evidence: Evidence) -> Iterator[str]:
    """In speech, unless it was interrupted or the call came to a declared end."""
    for turn in silent(evidence):
        if not _voices_were_down(evidence, turn) and not _is_mute(evidence, turn):
            yield f"turn {turn.number} was answered with silence"


def silent(evidence: Evidence) -> list[Turn]:
    """Those that ended with nothing heard and nothing declared done, though nobody interrupted them."""
    declared = {frame.turn for _, frame in evidence.of(Recovery) if frame.step == "then"}
    return [
        turn
        for turn in turns(evidence)
        if turn.reply.over and not turn.reply.interrupted and not turn.words and not turn.phrases
        if evidence.failure is None and turn.number not in declared
    ]


def no_word_is_lost(evidence: Evidence) -> Iterator[str]:
    """Of an answer, all words are heard, in order, and once, but for what a voice that failed was at."""
    for turn in turns(evidence):
        expected, first = turn.expected, list(dict.fromkeys(turn.words))
        strange = [word for word in first if word not in expected]
        if strange:
            yield f"turn {turn.number}: {strange} is no part of the answer"
            continue
        if first != expected[: len(first)]:
            missing = [word for word in expected[: expected.index(first[-1])] if word not in first]
            yield f"turn {turn.number}: lost {missing}" if missing else f"turn {turn.number}: out of order: {first}"
        elif _is_whole(evidence, turn) and len(first) < len(expected):
            yield f"turn {turn.number}: the answer ends before {expected[len(first) :]}"
        if (twice := len(turn.words) - len(first)) > (most := _most_twice(evidence, turn)):
            yield f"turn {turn.number}: {twice} words were said twice, {most} at most may be"


def the_holding_phrase_is_prompt(evidence: Evidence) -> Iterator[str]:
    """A model that fails before its first word: the caller hears of it in time."""
    policy = evidence.chaos.recover["llm"]
    if policy.say is None or policy.timeout is None or evidence.chaos.open:
        return
    tts = evidence.chaos.parts["tts"][0].config
    everywhere = len(evidence.chaos.cached) == len(evidence.chaos.parts["tts"])
    own = 0.0 if everywhere else tts.get("first", 0.1) + tts.get("chunk", 0.08) * tts.get("pace", 0.1)
    for before, turn in zip([None, *turns(evidence)], turns(evidence), strict=False):
        struck = [strike for strike in evidence.strikes if turn.at <= strike.at and strike.turn in (0, turn.number)]
        at_once = [strike for strike in struck if strike.kind in ("error", "hang", "refuse")]
        if not at_once or at_once != struck or any(not strike.node.startswith("llm") for strike in struck):
            continue
        if turn.reply.interrupted or turn.asked.speculative or not (before is None or before.reply.over):
            continue
        if any(frame.step == "hedge" for _, frame in evidence.of(Recovery)):
            continue
        due = turn.at + policy.timeout + PROMPT + own
        if _is_kept_from_speaking(evidence, turn, due):
            continue
        first = first_sound(evidence, turn.number)
        if (first is None or first > due + ROUNDING) and evidence.ended is not None and evidence.ended > due:
            yield f"turn {turn.number}: the first sound was due at {due:.3f} and came at {first}"


def the_caller_is_understood(evidence: Evidence) -> Iterator[str]:
    """No word of theirs is lost or doubled, unless they were asked to repeat it."""
    said = [word for text, _, ended in evidence.said if ended is not None for word in text.split()]
    asked: list[str] = []
    last: list[str] = []
    for turn in turns(evidence):
        words = plain_words(turn.asked.text)
        if last and words[: len(last)] == last:
            del asked[len(asked) - len(last) :]
        asked += words
        last = words if turn.reply.interrupted else []
    whole = [word for text, _, _ in evidence.said for word in text.split()]
    if not hearing_is_judged(evidence):
        return
    if len(set(asked)) < len(asked) and len(set(whole)) == len(whole):
        yield f"was asked twice: {[one for number, one in enumerate(asked) if one in asked[:number]]}"
    elif asked != whole[: len(asked)]:
        yield f"said {whole}, understood {asked}"
    elif len(asked) < len(said) and evidence.failure is None and not _left_early(evidence):
        yield f"not understood: {said[len(asked) :]}"


def nothing_stale_is_heard(evidence: Evidence) -> Iterator[str]:
    """What was interrupted is not heard any more, by its sound and by its headers."""
    must = {frame.turn for _, frame in evidence.of(Sentence) if not frame.interruptible}
    for stale in evidence.heard.stale():
        if (stale.void and stale.turn not in must) or (stale.origin != KEPT and stale.origin != stale.turn):
            yield f"stale sound of turn {stale.origin} in turn {stale.turn} at {stale.at:.3f}"
            return
    opened = 0
    for at, _, frame in evidence.frames:
        opened = max(opened, frame.turn)
        if isinstance(frame, Interrupt):
            for word in evidence.heard.words:
                if word.start > at + BLOCK and word.origin <= opened and word.origin not in must:
                    yield f"{word.text!r} of turn {word.origin} was heard {word.start - at:.3f} s after its interrupt"
                    return


def the_ledger_tells_what_was_heard(evidence: Evidence) -> Iterator[str]:
    """Word for word, each once; where a reply was cut, but for the word that was cut."""
    for turn in turns(evidence):
        heard, told = list(dict.fromkeys(turn.words)), of_the_agent(turn.reply.heard.split())
        cut = turn.reply.interrupted or not turn.reply.over or "tts" in turn.given_up
        slack = 0 if not cut else 1 if _tell_their_words(evidence) else CUT_GUESSED
        if told[: len(heard)] != heard[: len(told)] or abs(len(told) - len(heard)) > slack:
            yield f"turn {turn.number}: heard {heard}, the ledger tells {told}"


def nothing_is_recovered_that_works(evidence: Evidence) -> Iterator[str]:
    """No step without a fault."""
    if evidence.chaos.open:
        return
    for at, frame in evidence.of(Recovery):
        if frame.step in ("hedge", "back", "recovered", "incident", "say"):
            continue
        if not any(strike.node.startswith(frame.node) and strike.at <= at for strike in evidence.strikes):
            yield f"{frame.step} of {frame.node} at {at:.3f}, which works: {frame.why}"


def nothing_is_retried_for_ever(evidence: Evidence) -> Iterator[str]:
    """A node fails a reply no more often than it may be asked: a voice once for each of its sentences."""
    for node, turn in sorted({(strike.node, strike.turn) for strike in evidence.strikes if strike.turn}):
        stage = node.partition("_")[0]
        most = (2 + evidence.chaos.recover[stage].retries) * (SENTENCES if stage == "tts" else 1)
        failed = sum((strike.node, strike.turn) == (node, turn) for strike in evidence.strikes)
        if failed > most:
            yield f"turn {turn}: {node} was asked {failed} times, {most} at most may be"


ORACLES: tuple[Callable[[Evidence], Iterator[str]], ...] = (
    the_call_ends,
    every_question_is_answered,
    no_word_is_lost,
    the_holding_phrase_is_prompt,
    the_caller_is_understood,
    nothing_stale_is_heard,
    the_ledger_tells_what_was_heard,
    nothing_is_recovered_that_works,
    nothing_is_retried_for_ever,
)


def judge(evidence: Evidence) -> list[str]:
    """What is wrong with a call, by oracle."""
    return [f"{oracle.__name__}: {found}" for oracle in ORACLES for found in oracle(evidence)]


# --- what they have in common ----------------------------------------------------------------------------------------


def _voices_were_down(evidence: Evidence, turn: Turn) -> bool:
    """Whether every voice failed in this turn, and nothing is declared for that."""
    voices = {"tts", *evidence.chaos.recover["tts"].fallback}
    return voices <= {strike.node for strike in evidence.strikes if strike.turn == turn.number}


def passed_over(evidence: Evidence) -> dict[str, int]:
    """What the oracles let pass: how many questions, and how many calls, since the graph declares nothing for them."""
    return {
        "silent_as_every_voice_failed": sum(_voices_were_down(evidence, turn) for turn in silent(evidence)),
        "silent_as_the_graph_has_no_words": sum(
            _is_mute(evidence, turn) and not _voices_were_down(evidence, turn) for turn in silent(evidence)
        ),
        "calls_waited_in_vain": int(evidence.impatient),
        "calls_whose_hearing_is_not_judged": int(not hearing_is_judged(evidence)),
    }


def _is_kept_from_speaking(evidence: Evidence, turn: Turn, due: float) -> bool:
    """Whether something else is being said to its end just then, or the agent has fallen silent for the caller."""
    rate = evidence.heard.rate
    others = [each for each in evidence.heard.stretches if each.turn != turn.number]
    speaks = any(each.at <= due < each.at + len(each.pcm) / (2 * rate) for each in others)
    return speaks or any(turn.at <= at <= due for at, _ in evidence.of(Pause))


def _is_mute(evidence: Evidence, turn: Turn) -> bool:
    """Whether the graph has nothing to say of an answer that will not come."""
    policy = evidence.chaos.recover["llm"]
    return "llm" in turn.given_up and not evidence.chaos.watchdog.sorry and not (policy.say or policy.then)


def _is_left_unsaid(evidence: Evidence) -> bool:
    """Whether the graph has nothing to say of words that were not understood."""
    return evidence.chaos.recover["stt"].say is None and not evidence.chaos.watchdog.sorry


def hearing_is_judged(evidence: Evidence) -> bool:
    """Not where the caller was asked to repeat, where the graph does not ask, or where a miss cannot be known."""
    asked_again = any(frame.to in (REPEAT, SORRY) for _, frame in evidence.of(Recovery))
    return not (asked_again or _is_left_unsaid(evidence) or _is_talked_over(evidence))


def _is_talked_over(evidence: Evidence) -> bool:
    """Whether a transcriber missed one utterance, and understood the next before it was late."""
    missed = any(strike.kind in ("hang", "stall") for strike in evidence.strikes if strike.node.startswith("stt"))
    return missed and any(step.do == "barge" for step in evidence.chaos.steps)


def _is_whole(evidence: Evidence, turn: Turn) -> bool:
    """Whether all of the answer should have been heard."""
    return turn.reply.over and not turn.reply.interrupted and not turn.given_up and evidence.failure is None


def _most_twice(evidence: Evidence, turn: Turn) -> int:
    struck = sum(strike.turn == turn.number and strike.node.startswith("tts") for strike in evidence.strikes)
    return struck * (1 if _tell_their_words(evidence) else GUESSED)


def _tell_their_words(evidence: Evidence) -> bool:
    return all(part.config.get("aligned", True) for part in evidence.chaos.parts["tts"])


def _left_early(evidence: Evidence) -> bool:
    """Whether the caller hung up, or was put through, before they could be answered."""
    steps = evidence.chaos.steps
    return steps[-1].do == "hang up" or any(frame.step == "then" for _, frame in evidence.of(Recovery))


# --- the score -------------------------------------------------------------------------------------------------------


class Score(NamedTuple):
    """Of one call. dead_air: seconds from the caller's last word in which they heard nothing, up to the last sound."""

    dead_air: float
    lost: int
    twice: int
    call_lost: bool


def score(evidence: Evidence) -> Score:
    found = turns(evidence)
    last = {tuple(turn.expected): turn for turn in found if not turn.reply.interrupted}.values()
    lost = sum(len(set(turn.expected) - set(turn.words)) for turn in last)
    twice = sum(len(turn.words) - len(set(turn.words)) for turn in found)
    said = {word for text, _, _ in evidence.said for word in text.split()}
    understood = {word for turn in found for word in plain_words(turn.asked.text)}
    unanswered = evidence.impatient or evidence.ended is None or not any(turn.words or turn.phrases for turn in found)
    return Score(dead_air(evidence), lost + len(said - understood), twice, unanswered)


def dead_air(evidence: Evidence) -> float:
    spoken = evidence.said[-1][2] if evidence.said else None
    began = spoken if spoken is not None else 0.0
    rate = evidence.heard.rate
    spans = [(each.at, each.at + len(each.pcm) / (2 * rate)) for each in evidence.heard.stretches if each.at >= began]
    if not spans:
        return (evidence.hung_up or evidence.ended or began) - began
    return spans[0][0] - began + sum(max(0.0, after - before) for (_, before), (after, _) in pairwise(spans))


def first_sound(evidence: Evidence, turn: int) -> float | None:
    return next((each.at for each in evidence.heard.stretches if each.turn == turn), None)


def spread(values: Sequence[float]) -> dict[str, float]:
    ranked = sorted(values)
    at = {"p50": 0.5, "p95": 0.95}
    return {name: ranked[max(0, -int(-len(ranked) * share // 1) - 1)] for name, share in at.items()} | {
        "max": ranked[-1]
    }
