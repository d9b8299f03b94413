"""Where the next candidate goes on when one has failed in the midst of its work: nothing twice, and nothing lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from msgspec.structs import replace

from voicegraph.frames import Frame, Message, Sentence, Token, ToolCall, ToolResult, TTSAudio, UserTurn
from voicegraph.node import NodeType

GO_ON = "Your answer broke off there. Go on exactly where it stopped, and repeat nothing."
"""What a model is told of an answer that was begun."""
DONE = "In this turn you have called functions already. Do not call them again for the same thing. {}"
CALLED = "`{}` with {}: {}"
NO_RESULT = "no result yet"


class Resume(Protocol):
    """What was given for one request so far, by whichever candidate."""

    def given(self, frame: Frame) -> Iterator[Frame]:
        """A candidate gives this. What of it goes on its way."""
        ...

    def broke_off(self) -> None:
        """A candidate has failed."""
        ...

    def rest(self, asked: Sequence[Frame]) -> list[Frame] | None:
        """What the next candidate is to be asked, in the place of what was `asked`. None: it cannot go on from here."""
        ...

    def due(self, asked: Sequence[Frame]) -> bool | None:
        """Whether more has to come for what a candidate was asked. None: that does not show."""
        ...

    def lacks(self, asked: Sequence[Frame]) -> str:
        """What is wrong with a candidate that has ended as if all were well, in words that go on from its name."""
        ...


class Anything:
    """Frames that nobody here understands: once one was given, no other candidate can go on."""

    def __init__(self) -> None:
        self._begun = False

    def given(self, frame: Frame) -> Iterator[Frame]:
        self._begun = True
        yield frame

    def broke_off(self) -> None:
        """What was given was given."""

    def rest(self, asked: Sequence[Frame]) -> list[Frame] | None:
        return None if self._begun else [*asked]

    def due(self, asked: Sequence[Frame]) -> bool | None:
        return None

    def lacks(self, asked: Sequence[Frame]) -> str:
        return ""


class Ledger(Protocol):
    """What a voice's `Speech` asks of the heard ledger, and tells it."""

    def spoken(self, text: str, seconds: float) -> int:
        """How many words of a text its first so many seconds hold, by the pace of this call's voice."""
        ...

    def broke_off(self, turn: int, unsaid: int) -> None:
        """The newest text of a turn has all the sound it will get, without so many of its last words."""
        ...


class Speech:
    """A voice. The next one speaks from the first word of which the sound was not given whole."""

    def __init__(self, ledger: Ledger, turn: int) -> None:
        self._ledger = ledger
        self._turn = turn
        self._whole: list[str] = []  # words whose sound was given whole
        self._text = ""  # the newest text that came with sound
        self._seconds = 0.0  # of sound since
        self._sounded = False  # since the newest candidate began
        self._told: list[str] = []  # plain words that it told
        self._same = 0  # of them, those that it was asked to say
        self._asked: list[str] = []  # plain words that it was asked to say
        self._asked_in: tuple[Sequence[Frame], int] = ((), 0)  # in so many of these frames
        self._again = ""  # a word that the newest candidate says once more

    def given(self, frame: Frame) -> Iterator[Frame]:
        if not isinstance(frame, TTSAudio):
            yield frame
            return
        text = frame.text
        if text:
            self._whole += self._text.split()
            self._text, self._seconds = text, 0.0
            self._told += _plain(text)
            first, _, others = text.strip().partition(" ")
            if first == self._again:
                text = others  # to the ledger it is one word, though its beginning is heard twice
            self._again = ""
        self._seconds += frame.seconds
        self._sounded = self._sounded or bool(frame.pcm)
        yield frame if text == frame.text else TTSAudio(frame.pcm, frame.rate, text)

    def broke_off(self) -> None:
        if begun := self._text.split():
            whole = min(self._ledger.spoken(self._text, self._seconds), len(begun) - 1)
            self._whole += begun[:whole]
            self._again = begun[whole] if self._seconds else ""
            self._ledger.broke_off(self._turn, len(begun) - whole - bool(self._again))
        self._text, self._seconds, self._sounded = "", 0.0, False
        self._told, self._same = [], 0

    def rest(self, asked: Sequence[Frame]) -> list[Frame] | None:
        return list(_without(asked, len(self._whole)))

    def due(self, asked: Sequence[Frame]) -> bool | None:
        self._take_in(asked)
        silent = not self._sounded and bool(self._asked)
        return True if silent or self._is_behind() else None

    def lacks(self, asked: Sequence[Frame]) -> str:
        if not asked and not self._whole:
            return "ended before it read anything"
        self._take_in(asked)
        if self._asked and not self._sounded:
            return "ended without a sound"
        return "ended before its last word" if self._is_behind() else ""

    def _is_behind(self) -> bool:
        """Whether a voice that tells its words, as it was asked to say them, has not told them all."""
        told, asked = self._told, self._asked
        while self._same < min(len(told), len(asked)) and told[self._same] == asked[self._same]:
            self._same += 1
        return 0 < len(told) == self._same < len(asked)

    def _take_in(self, asked: Sequence[Frame]) -> None:
        """Reads what was asked since the last time: this is done for every piece of sound, and replies may be long."""
        frames, count = self._asked_in
        if frames is not asked:
            self._asked, self._same, count = [], 0, 0
        for frame in asked[count:]:
            self._asked += _plain(frame.text) if isinstance(frame, Sentence) else ()
        self._asked_in = asked, len(asked)


def _plain(text: str) -> list[str]:
    """Its words without case and signs, but for those that are nothing else: voices tell punctuation as they like."""
    return [plain for word in text.split() if (plain := _letters(word))]


def _without(asked: Sequence[Frame], done: int) -> Iterator[Frame]:
    """The same sentences without their first `done` words."""
    for frame in asked:
        if not isinstance(frame, Sentence):
            yield frame
            continue
        words = frame.text.split()
        if done < len(words):
            yield replace(frame, text=" ".join(words[done:])) if done else frame
        done = max(0, done - len(words))


class Thought:
    """A language model. The next one is told what was said and done, and what it says again is left out."""

    def __init__(self) -> None:
        self._said = ""
        self._calls: dict[str, ToolCall] = {}
        self._results: dict[str, ToolResult] = {}
        self._given_up: set[str] = set()  # calls that were under way when a candidate failed
        self._old = ""  # the letters of what was said before the newest candidate
        self._matched = 0  # of them, those that it has said again
        self._held: str | None = None  # of a candidate that goes on: what may be a repetition

    def given(self, frame: Frame) -> Iterator[Frame]:
        match frame:
            case Token():
                yield from self._tell(frame)
                return
            case ToolCall():
                self._calls[frame.id] = frame
            case ToolResult():
                self._results[frame.id] = frame
            case _:
                pass
        yield frame

    def broke_off(self) -> None:
        """What was held back is a repetition that breaks off: it has been said."""
        self._held = "" if self._said else None
        self._old, self._matched = _letters(self._said), 0
        self._given_up.update(self._calls)

    def rest(self, asked: Sequence[Frame]) -> list[Frame] | None:
        more = [*self._called(), *self._broken_off()]
        return [
            replace(frame, messages=(*frame.messages, *more)) if isinstance(frame, UserTurn) else frame
            for frame in asked
        ]

    def due(self, asked: Sequence[Frame]) -> bool | None:
        """While a function runs, nothing is. Functions have time-outs of their own."""
        return False if self._calls.keys() - self._results.keys() - self._given_up else None

    def lacks(self, asked: Sequence[Frame]) -> str:
        return "" if self._said or self._calls else "ended without a word"

    def _tell(self, token: Token) -> Iterator[Frame]:
        if self._held is None:
            self._said += token.text
            yield token
            return
        self._held += token.text
        letters = _letters(token.text)
        if self._old.startswith(letters, self._matched):  # the same again, up to here
            self._matched += len(letters)
        elif (new := unsaid(self._said, self._held)) is not None:
            self._held = None
            self._said += new
            yield Token(new)

    def _called(self) -> Iterator[Message]:
        if not self._calls:
            return
        results = {call: self._results.get(call) for call in self._calls}
        told = "; ".join(
            CALLED.format(call.name, call.arguments, result.content if (result := results[call.id]) else NO_RESULT)
            for call in self._calls.values()
        )
        yield Message("system", DONE.format(told))

    def _broken_off(self) -> Iterator[Message]:
        if self._said:
            yield Message("assistant", self._said)
            yield Message("system", GO_ON)


def unsaid(said: str, again: str) -> str | None:
    """What of a continuation is new, if its beginning may repeat what was said. None: that does not show yet.

    A continuation that begins otherwise is new as a whole.
    """
    old, new = _letters(said), _letters(again)
    if new == old[: len(new)] and len(new) <= len(old):
        return None
    if new[: len(old)] == old:
        return _without_start(_behind(again, len(old)), _behind(said, len(old)))
    return again if said[-1:].isspace() or again[:1].isspace() or not again[:1].isalnum() else f" {again}"


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _behind(text: str, letters: int) -> str:
    """The text behind its first so many letters, as `_letters` counts them."""
    count = 0
    for place, letter in enumerate(text):
        if count >= letters:
            return text[place:]
        count += len(_letters(letter))
    return ""


def _without_start(text: str, start: str) -> str:
    """The text without what it begins with of this."""
    same = next((at for at, (one, other) in enumerate(zip(text, start, strict=False)) if one != other), len(start))
    return text[same:]


def resume_for(kind: NodeType, ledger: Ledger, turn: int) -> Resume:
    """How to go on with the work of such a node."""
    if TTSAudio in kind.gives and Sentence in kind.takes:
        return Speech(ledger, turn)
    if Token in kind.gives and UserTurn in kind.takes:
        return Thought()
    return Anything()
