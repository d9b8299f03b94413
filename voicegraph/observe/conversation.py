"""The conversation as it happens: who said what, what was heard of it, and how quickly the answer came.

On a terminal the last lines are alive: the caller's words as they are recognised, the agent's as they are generated
(dim), spoken (plain) and heard (bright). Elsewhere each utterance is one line once it is over.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from voicegraph.call import Reply
from voicegraph.frames import Commit, Dtmf, Error, Frame, Recovery, Sentence, Token, Transcript, TTSAudio, UserTurn
from voicegraph.observe.recoveries import in_words

REFRESH = 12
"""Times a second that the living lines are drawn anew."""

_LETTER = re.compile(r"\S")


@dataclass
class Utterance:
    """Something that the caller said, from `start` in the call's audio, if that is known. began: loop time."""

    began: float
    start: float | None
    text: str = ""
    final: bool = False
    answered: bool = False


@dataclass
class Answer:
    """Something that the agent says. began: loop time."""

    began: float
    turn: int
    tokens: str = ""
    sentences: list[str] = field(default_factory=list[str])

    def split(self, reply: Reply) -> tuple[str, str, str]:
        """Its text so far in three: what was heard, what else goes to be spoken, what else was generated."""
        if reply.kept:  # not heard to its end from somewhere in the middle
            return reply.heard, " " + " ".join(word.text for word in reply.words if word.state != "heard"), ""
        spoken = " ".join(self.sentences) or reply.said
        as_generated = _letters(self.tokens).startswith(_letters(spoken))  # else it was reworded for the voice
        text = _clean(self.tokens if as_generated else spoken).lstrip()
        heard, rest = _cut(text, len(_letters(reply.heard)))
        return heard, *_cut(rest, len(_letters(spoken)) - len(_letters(reply.heard)))


class Conversation:
    """An observer of a `Session`, and a context manager around its run.

    utterances: how many were shown. taken_back: answers that were begun too early and given up unheard.

    replies: the session's. answered: how long the answer of a turn took, in seconds, once that is known. clock: the
    loop's, if not given. named: a node as it is told, by its name.
    """

    def __init__(
        self,
        console: Console,
        replies: Callable[[], Iterable[Reply]],
        answered: Callable[[int], float | None] = lambda turn: None,
        clock: Callable[[], float] | None = None,
        named: Callable[[str], str] = str,
    ) -> None:
        self.utterances = 0
        self.taken_back = 0
        self._console = console
        self._replies = replies
        self._answered = answered
        self._named = named
        self._clock = clock or asyncio.get_running_loop().time
        self._began = self._clock()
        self._open: list[Utterance | Answer] = []
        self._over: set[int] = set()
        self._live: Live | None = None
        self._handlers: dict[type[Frame], Callable[[Any], None]] = {
            Transcript: self._on_transcript,
            Dtmf: self._on_key,
            Error: self._on_error,
            Recovery: self._on_recovery,
            UserTurn: self._on_turn,
            Commit: self._on_commit,
            Token: self._on_token,
            Sentence: self._on_sentence,
            TTSAudio: self._on_audio,
        }

    def __enter__(self) -> Conversation:
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(
                console=self._console,
                refresh_per_second=REFRESH,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=sys.stderr.isatty(),
                get_renderable=self._view,
            )
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """What is still open is over with the call."""
        replies = {reply.turn: reply for reply in self._replies()}
        for entry in self._open:
            self._print(entry, replies)
        self._open.clear()
        if self._live:
            self._live.stop()

    def given(self, node: str, frame: Frame) -> None:
        handle = self._handlers.get(type(frame))
        if handle is not None:
            handle(frame)
        if self._open:
            self._settle()

    def played(self, turn: int, seconds: float) -> None:
        """What is heard is asked of the ledger, when it is drawn."""
        if self._open:
            self._settle()

    # --- what is said ------------------------------------------------------------------------------------------------

    def _on_transcript(self, transcript: Transcript) -> None:
        """A later transcript with the same start replaces an earlier one, as long as it was not answered.

        Without a start it can only replace a guess.
        """
        same = (e for e in self._open if isinstance(e, Utterance) and e.start == transcript.start)
        said = next((e for e in same if e.start is not None or not e.final), None)
        if said is None:
            said = Utterance(self._clock(), transcript.start)
            self._open.append(said)
        said.text, said.final = transcript.text, transcript.final

    def _on_key(self, key: Dtmf) -> None:
        self._open.append(Utterance(self._clock(), None, f"[{key.digit}]", final=True, answered=True))

    def _on_error(self, error: Error) -> None:
        """Told at once. One that ends the call is told by whoever runs it."""
        if not error.fatal:
            self._tell("fault", "red", f"{self._named(error.node)}: {error.message}")

    def _on_recovery(self, recovery: Recovery) -> None:
        self._tell("rescue", "magenta", in_words(recovery))

    def _tell(self, who: str, colour: str, what: str) -> None:
        """Something that is no part of what is said."""
        head = self._who(self._clock(), who, colour)
        self._console.print(head, Text(_clean(what)), sep="  ", soft_wrap=True)

    def _on_turn(self, turn: UserTurn) -> None:
        if not turn.speculative:
            self._on_commit()
        self._answer(turn)

    def _on_commit(self, commit: Commit | None = None) -> None:
        for entry in self._open:
            if isinstance(entry, Utterance):
                entry.answered = True

    def _on_token(self, token: Token) -> None:
        self._answer(token).tokens += token.text

    def _on_sentence(self, sentence: Sentence) -> None:
        self._answer(sentence).sentences.append(sentence.text)

    def _on_audio(self, audio: TTSAudio) -> None:
        self._answer(audio)

    def _answer(self, frame: Frame) -> Answer:
        for entry in self._open:
            if isinstance(entry, Answer) and entry.turn == frame.turn:
                return entry
        answer = Answer(self._clock(), frame.turn)
        if frame.turn not in self._over:
            self._open.append(answer)
        return answer

    # --- showing it --------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Prints for good what is over, in order."""
        replies: dict[int, Reply] | None = None
        while self._open:
            first = self._open[0]
            if isinstance(first, Utterance):
                over = first.answered or (first.final and any(isinstance(e, Utterance) for e in self._open[1:]))
            else:
                replies = replies or {reply.turn: reply for reply in self._replies()}
                over = first.turn in replies and replies[first.turn].over
            if not over:
                return
            self._open.pop(0)
            self._print(first, replies or {})

    def _print(self, entry: Utterance | Answer, replies: Mapping[int, Reply]) -> None:
        """Prints an entry for good."""
        if isinstance(entry, Answer):
            self._over.add(entry.turn)
            reply = replies.get(entry.turn, Reply(entry.turn))
            if _taken_back(reply):
                self.taken_back += 1
                return
            line = self._told(entry, reply)
        else:
            line = Text(_clean(entry.text))
        if not line.plain:
            return
        self.utterances += 1
        if not self._live:
            self._console.print(self._head(entry), line, sep="  ", soft_wrap=True)
            return
        self._live.update(self._view())  # without this entry, so that it is not to be seen twice
        self._console.print(self._rows([(entry, line)]))

    def _view(self) -> RenderableType:
        """The living lines: what is open, and the time."""
        replies = {reply.turn: reply for reply in self._replies()}
        rows: list[tuple[Utterance | Answer, Text]] = []
        for entry in self._open:
            if isinstance(entry, Utterance):
                rows.append((entry, Text(_clean(entry.text), "" if entry.final else "italic dim")))
            elif not _taken_back(reply := replies.get(entry.turn, Reply(entry.turn))):
                rows.append((entry, self._growing(entry, reply)))
        time = Text(f"{self._clock() - self._began:6.1f}", "dim")
        return Group(self._rows(rows), time) if rows else time

    def _rows(self, rows: Iterable[tuple[Utterance | Answer, Text]]) -> Table:
        grid = Table.grid(padding=(0, 2, 0, 0))
        for entry, line in rows:
            grid.add_row(self._head(entry), line)
        return grid

    def _head(self, entry: Utterance | Answer) -> Text:
        """When, and who."""
        return self._who(entry.began, *(("caller", "cyan") if isinstance(entry, Utterance) else ("agent", "green")))

    def _who(self, began: float, who: str, colour: str) -> Text:
        return Text.assemble((f"{began - self._began:6.1f}", "dim"), "  ", (f"{who:>6}", f"bold {colour}"))

    def _growing(self, answer: Answer, reply: Reply) -> Text:
        """What was heard, what is on its way to be spoken, and what is no more than thought."""
        heard, spoken, thought = answer.split(reply)
        return Text.assemble((heard, "bold"), spoken, (thought, "dim"), self._how_quickly(answer))

    def _told(self, answer: Answer, reply: Reply) -> Text:
        """What was heard of it in the end, and what was not."""
        heard, *rest = answer.split(reply)
        lost = "".join(rest).strip()
        line = Text(heard.rstrip())
        if lost:
            why = "interrupted" if reply.interrupted else "the call ended"
            if self._live:
                line = Text.assemble(line, " ", (lost, "strike dim"), " ", (f"[{why}]", "yellow"))
            else:
                line.append(f" [{why}; not heard: {lost}]")
        return line + self._how_quickly(answer)

    def _how_quickly(self, answer: Answer) -> Text:
        seconds = self._answered(answer.turn)
        return Text() if seconds is None else Text(f"  ({seconds * 1000:.0f} ms)", "dim")


def _taken_back(reply: Reply) -> bool:
    """Begun too early, and given up before a sound of it was heard: no part of the conversation."""
    return reply.interrupted and not reply.heard_seconds


def _clean(text: str) -> str:
    """On one line, without anything that could move a terminal's cursor."""
    return "".join(c if c.isprintable() else " " for c in text)


def _cut(text: str, letters: int) -> tuple[str, str]:
    """A text in two behind so many letters, blanks not counted: spoken text may be spaced otherwise than written."""
    if letters <= 0:
        return "", text
    for index, match in enumerate(_LETTER.finditer(text), start=1):
        if index == letters:
            return text[: match.end()], text[match.end() :]
    return text, ""


def _letters(text: str) -> str:
    return "".join(text.split())
