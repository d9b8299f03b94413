"""What the caller said: which words are to be answered, and which have been."""

from __future__ import annotations

from voicegraph.frames import Transcript


class CallerWords:
    """The caller's turn so far, in final transcripts, and what the last turns were made of.

    An utterance may be told in several transcripts of one `start`, each saying more than the last, and the turn may be
    given before the last of them. Then only what is new is a part of the next turn.
    """

    def __init__(self) -> None:
        self._open: list[Transcript] = []
        self._answered: list[Transcript] = []  # what the last turn was made of
        self._settled: dict[float | None, str] = {}  # and those before: the text of each utterance, by its start

    def __bool__(self) -> bool:
        """Whether there are any to be answered."""
        return bool(self._open)

    def news(self, transcript: Transcript) -> str:
        """What a transcript says beyond what is answered already."""
        last = next((said.text for said in self._answered if _same_utterance(said, transcript)), None)
        return _beyond(transcript.text, self._settled.get(transcript.start, "") if last is None else last)

    def add(self, transcript: Transcript) -> None:
        """Makes a final transcript a part of the turn; it replaces an earlier one of the same utterance."""
        same = next((index for index, said in enumerate(self._open) if _same_utterance(said, transcript)), None)
        if same is None:
            self._open.append(transcript)
        else:
            self._open[same] = transcript

    def close(self) -> str:
        """Ends the turn. Returns its text, which is empty if all of it was answered before."""
        text = " ".join(filter(None, map(self.news, self._open)))
        if text:
            self._settled.update((said.start, said.text) for said in self._answered if said.start is not None)
            self._answered = self._open
        self._open = []
        return text

    def reopen(self) -> None:
        """The last turn was not over: takes its words back."""
        since, self._open, self._answered = self._open, self._answered, []
        for transcript in since:
            self.add(transcript)


def plain(word: str) -> str:
    """A word without case and punctuation at its ends."""
    return word.strip(".,;:!?\"'()…—-").casefold()


def plain_words(text: str) -> list[str]:
    """The words of a text, plain; what is punctuation only is none."""
    return [word for word in map(plain, text.split()) if word]


def _same_utterance(one: Transcript, other: Transcript) -> bool:
    return one.start is not None and one.start == other.start


def _beyond(text: str, before: str) -> str:
    """The rest of a text that begins with the words of another; all of it if it does not."""
    words, old = text.split(), before.split()
    begins = list(map(plain, words[: len(old)])) == list(map(plain, old))
    return " ".join(words[len(old) :] if begins else words)
