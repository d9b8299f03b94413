"""A call as somebody watches it: what is said and heard, what the agent does, where the time goes. As small messages.

An observer of a `Session`. Whoever shows the call gives `show(key, message)`; a later message of the same key replaces
an earlier one, so a slow watcher falls behind in nothing but time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any

from voicegraph.call import Reply
from voicegraph.engine.session import Session
from voicegraph.frames import (
    Audio,
    Commit,
    Error,
    Frame,
    Recovery,
    Sentence,
    SpeechStarted,
    SpeechStopped,
    Token,
    Transcript,
    TTSAudio,
    UserTurn,
)
from voicegraph.observe.call_times import turn_of
from voicegraph.observe.conversation import Answer, Utterance
from voicegraph.observe.views import Active, Answered, Does, Outcome, Said, Share, Spoken, State, Trouble, View

EVERY = 0.1
"""Seconds between two looks at what is open."""

Show = Callable[[str, View], None]


class Live:
    """The observer. call: the one that is watched. details: graph, times and faults are shown too."""

    def __init__(self, call: Session, show: Show, *, details: bool = True) -> None:
        self._call = call
        self._show = show
        self._details = details
        self._numbers = count(1)
        self._said: dict[int, Utterance] = {}  # not answered yet, by entry
        self._answers: dict[int, tuple[int, Answer]] = {}  # not over yet, by turn, with their entries
        self._entries: dict[int, int] = {}  # of all answers, by turn
        self._untimed: set[int] = set()  # turns whose time is not told yet
        self._held: set[int] = set()  # speculative turns
        self._active: dict[str, None] = {}
        self._caller_speaks = False
        self._shown: dict[str, View] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._handlers: dict[type[Frame], Callable[[Any], None]] = {
            SpeechStarted: self._on_started,
            SpeechStopped: self._on_stopped,
            Transcript: self._on_transcript,
            UserTurn: self._on_turn,
            Commit: self._on_commit,
            Token: self._on_token,
            Sentence: self._on_sentence,
            TTSAudio: self._on_sound,
            Error: self._on_error,
            Recovery: self._on_recovery,
        }

    def given(self, node: str, frame: Frame) -> None:
        if type(frame) is Audio:
            return
        self._active[node] = None
        handle = self._handlers.get(type(frame))
        if handle is not None:
            handle(frame)
        self._soon()

    def played(self, turn: int, seconds: float) -> None:
        self._soon()

    def close(self) -> None:
        """The call is over: tells how what is open has ended."""
        if self._timer is not None:
            self._timer.cancel()
        self._look(last=True)

    # --- what happens ------------------------------------------------------------------------------------------------

    def _on_started(self, started: SpeechStarted) -> None:
        self._caller_speaks = True

    def _on_stopped(self, stopped: SpeechStopped) -> None:
        self._caller_speaks = False

    def _on_transcript(self, transcript: Transcript) -> None:
        """One with the same start replaces what was not answered. Without a start it can only replace a guess."""
        same = ((entry, said) for entry, said in self._said.items() if said.start == transcript.start)
        found = next((each for each in same if each[1].start is not None or not each[1].final), None)
        entry, said = found or (next(self._numbers), Utterance(self._call.now(), transcript.start))
        said.text, said.final = transcript.text, transcript.final
        self._said[entry] = said
        self._show(f"entry {entry}", Said(entry, said.text, said.final))

    def _on_turn(self, turn: UserTurn) -> None:
        if turn.speculative:
            self._held.add(turn.turn)
        else:
            self._on_commit()
        self._answer(turn)
        self._untimed.add(turn.turn)

    def _on_commit(self, commit: Commit | None = None) -> None:
        self._held.clear()
        self._said.clear()

    def _on_token(self, token: Token) -> None:
        self._answer(token).tokens += token.text

    def _on_sentence(self, sentence: Sentence) -> None:
        self._answer(sentence).sentences.append(sentence.text)

    def _on_sound(self, audio: TTSAudio) -> None:
        self._answer(audio)

    def _answer(self, frame: Frame) -> Answer:
        if frame.turn not in self._entries:
            self._entries[frame.turn] = next(self._numbers)
            self._answers[frame.turn] = self._entries[frame.turn], Answer(self._call.now(), frame.turn)
        known = self._answers.get(frame.turn)
        return known[1] if known else Answer(self._call.now(), frame.turn)

    def _on_error(self, error: Error) -> None:
        if self._details or error.fatal:
            self._show("trouble", Trouble(error.node if self._details else "", "fatal" if error.fatal else "error"))

    def _on_recovery(self, recovery: Recovery) -> None:
        if self._details:
            self._show("trouble", Trouble(recovery.node, recovery.step))

    # --- showing it --------------------------------------------------------------------------------------------------

    def _soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(EVERY, self._look)

    def _look(self, *, last: bool = False) -> None:
        """Shows what has changed, and looks again while anything may change."""
        self._timer = None
        replies = {turn: self._call.reply(turn) for turn in self._answers}
        for turn, reply in replies.items():
            self._look_at(turn, reply, last=last)
        self._tell("state", Does(self._state(replies), self._caller_speaks))
        if self._details:
            for turn in sorted(self._untimed):
                self._time(turn)
            self._tell("active", Active(tuple(self._active)))
            self._active.clear()
        if (self._answers or self._shown.get("active", Active(())) != Active(())) and not last:
            self._soon()

    def _look_at(self, turn: int, reply: Reply, *, last: bool) -> None:
        entry, answer = self._answers[turn]
        heard, spoken, thought = answer.split(reply)
        self._tell(f"entry {entry}", Spoken(entry, turn, heard, spoken, thought, _outcome(reply, last=last)))
        if reply.over:
            del self._answers[turn]
            self._shown.pop(f"entry {entry}")
            self._held.discard(turn)

    def _state(self, replies: dict[int, Reply]) -> State:
        going = [reply for turn, reply in replies.items() if turn in self._answers and turn not in self._held]
        if any(reply.heard_seconds for reply in going):
            return "speaking"
        return "thinking" if going else "listening"

    def _time(self, turn: int) -> None:
        """Where the time of an answer went: its critical path, whose parts follow each other and add up to it."""
        times = self._call.turn_times.turns.get(turn)
        if times is None or times.answer is None:
            return
        self._untimed = {each for each in self._untimed if each > turn}
        path = turn_of(self._call, times).path
        began = path[0].start if path else 0.0
        shares = tuple(Share(part.node, part.what, part.start - began, part.end - began) for part in path)
        self._show(f"answer {turn}", Answered(self._entries[turn], times.answer, shares))

    def _tell(self, key: str, view: View) -> None:
        """Shows what is not shown already."""
        if self._shown.get(key) != view:
            self._shown[key] = view
            self._show(key, view)


def _outcome(reply: Reply, *, last: bool) -> Outcome:
    if reply.over and not reply.interrupted:
        return "heard"
    if reply.over:
        return "interrupted" if reply.heard_seconds else "void"
    return "cut" if last else "open"
