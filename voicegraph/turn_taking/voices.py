"""The caller's voice and the agent's, as turn-taking needs to know them. Times are loop times in seconds."""

from __future__ import annotations

from voicegraph.call import SLACK, Call, Reply
from voicegraph.durations import format_duration
from voicegraph.frames import EndOfTurn, Transcript, UserTurn
from voicegraph.turn_taking.barge_in import NOISE_WAIT, Paused
from voicegraph.turn_taking.end_of_turn import EndOfTurnPolicy

LAST_WORDS = 1.0
"""Seconds before its end in which a reply can be answered already."""


class CallerVoice:
    """Whether the caller speaks, since when, and when the silence that follows ends their turn."""

    def __init__(self, end_silence: float, end_of_turn: EndOfTurnPolicy) -> None:
        self.speaking = False
        self._end_silence = end_silence
        self._policy = end_of_turn
        self._at = 0.0  # where the last speech began, in the call's audio
        self._began = 0.0
        self._quiet_since = 0.0
        self._verdict: EndOfTurn | None = None  # on the present pause
        self._judged = not end_of_turn.awaits

    def start(self, began: float, at: float) -> None:
        """The caller began to speak, `at` this position in the call's audio."""
        self.speaking, self._began, self._at, self._verdict = True, began, at, None

    def stop(self, since: float) -> None:
        """The caller is silent since then."""
        self.speaking = False
        self.silent_from(since)

    def silent_from(self, since: float) -> None:
        """Nothing has been heard of the caller since then: from the last words on, where nobody hears speech stop."""
        self._quiet_since = since

    def seconds(self, now: float) -> float:
        """How long the caller has spoken."""
        return now - self._began

    def silence(self, now: float) -> float:
        """How long the caller has been silent."""
        return now - self._quiet_since

    @property
    def speaks_since(self) -> float | None:
        """None while the caller is silent."""
        return self._began if self.speaking else None

    def is_before(self, transcript: Transcript) -> bool:
        """Whether a transcript is of earlier speech."""
        return 0 < transcript.end <= self._at

    def judge(self, verdict: EndOfTurn) -> bool:
        """Somebody judges whether the caller is done. Returns whether it counts: speech that goes on voids it."""
        self._judged = True
        if verdict.at < self._at or (self.speaking and not self._policy.at_once):
            return False
        self._verdict = verdict
        return True

    def answered(self, now: float) -> None:
        """The turn is over, and the verdict on it used. If nobody has ever judged, that is told once."""
        if not self._judged and now >= self.over_at:
            from loguru import logger  # only to tell of a mistake

            self._judged = True
            waits = format_duration(self._policy.silence(self._end_silence, None))
            logger.warning("aggregator: no EndOfTurn by {} came, so turns end after {}", self._policy.by, waits)
        self._verdict = None

    @property
    def over_at(self) -> float:
        """When the caller will have been silent long enough, as far as is known now."""
        return self._quiet_since + self._policy.silence(self._end_silence, self._verdict)


class AgentVoice:
    """What is being said to the caller, and whether it is paused."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._paused: Paused | None = None
        self._undisturbed_until = float("-inf")

    def replies(self) -> list[Reply]:
        """Those that an interrupt would cut."""
        if not self._call.speaking():
            return []
        return [reply for reply in self._call.replies() if not (reply.over or reply.interrupted)]

    def unheard(self, turn: UserTurn | None, passed: float = 0.0) -> bool:
        """Whether the answer to a turn is on its way, and nothing of it had been heard `passed` seconds ago."""
        if turn is None:
            return False
        reply = self._call.reply(turn.turn)
        return not (reply.over or reply.interrupted or reply.heard or reply.heard_seconds > passed + SLACK)

    def wordless(self, turn: UserTurn | None) -> bool:
        """Whether the answer to a turn is on its way, and no whole word of it has been heard."""
        if turn is None:
            return False
        reply = self._call.reply(turn.turn)
        return not (reply.over or reply.interrupted or reply.heard)

    def nearly_done(self) -> bool:
        """Whether what is being said is about to end."""
        return all(reply.ended and reply.seconds - reply.heard_seconds < LAST_WORDS for reply in self.replies())

    def answers(self, turn: UserTurn | None) -> bool:
        """Whether a turn is answered, and nobody has interrupted that."""
        return turn is not None and not self._call.reply(turn.turn).interrupted

    @property
    def pausable(self) -> bool:
        """Whether the line can fall silent and speak on."""
        return hasattr(self._call.line, "pause")

    def pause(self) -> bool:
        """Pauses what the caller hears. Returns whether there is something, and it was not paused already."""
        return self._pause(next((reply.turn for reply in self.replies() if reply.heard_seconds), None))

    def hold(self, turn: UserTurn | None) -> bool:
        """Pauses the answer to a turn, of which at most a first sound was heard; not while anything else is heard."""
        if turn is None or not self.pausable:
            return False
        others = any(reply.heard_seconds for reply in self.replies() if reply.turn != turn.turn)
        return not others and self._pause(turn.turn)

    def _pause(self, voice: int | None) -> bool:
        if voice is None or self._holds() or self._call.now() < self._undisturbed_until:
            return False
        self._paused = Paused(voice, self._call.now())
        return True

    def resume_at(self, *, speaks_since: float | None, guess: bool) -> float | None:
        """When to speak on: see Paused. None while nothing is paused."""
        if self._paused is None:
            return None
        return self._paused.until(self._call.now(), speaks_since=speaks_since, guess=guess)

    def end_pause(self) -> bool:
        """Returns whether there was one, which no other node's interrupt has ended.

        After a long one the agent speaks undisturbed for as long: a noisy line must not cut it to pieces.
        """
        paused, holds = self._paused, self._holds()
        if paused is not None and (lasted := self._call.now() - paused.since) > NOISE_WAIT - SLACK:
            self._undisturbed_until = self._call.now() + lasted
        self._paused = None
        return holds

    def _holds(self) -> bool:
        return self._paused is not None and not self._call.reply(self._paused.turn).interrupted
