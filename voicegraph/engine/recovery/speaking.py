"""Work that recovers: stands in a lane where a handler stands otherwise. A voice's known phrases need no provider."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from voicegraph.engine.outlet import Cause, Outlet
from voicegraph.engine.phrases import Phrases, Piece
from voicegraph.engine.recovery.candidates import Candidate, Chain
from voicegraph.engine.recovery.feed import Feed, Input
from voicegraph.engine.recovery.request import Request, Site
from voicegraph.engine.recovery.resume import Ledger, Resume, Speech, resume_for
from voicegraph.frames import Frame, Sentence, TTSAudio

if TYPE_CHECKING:
    from voicegraph.engine.handlers import Bound


class Recovering:
    """A handler of replies, with those of other nodes behind it."""

    def __init__(self, bound: Bound, chain: Chain, site: Site, ledger: Ledger) -> None:
        self.lasting = False
        self.begins = bound.begins
        self.takes = frozenset(bound.takes)
        self.chain = chain
        self.site = site
        self.ledger = ledger

    async def drive(self, argument: tuple[Any, ...], outlet: Outlet, cause: Cause) -> None:
        """Does what `Bound.drive` does, whoever of the candidates it takes."""
        if self.chain.has_given_up(cause.turn):
            return  # what is left of that reply is not tried
        if not await self.answer(Feed(Input(argument[0]), lambda frame: False), outlet, cause):
            await self.site.resort(self.chain, cause)

    async def answer(self, feed: Feed, outlet: Outlet, cause: Cause, resume: Resume | None = None) -> bool:
        """One request. Whether it was answered."""
        resume = resume or resume_for(self.chain.primary.planned.kind, self.ledger, cause.turn)
        answered = await Request(self.chain, feed, resume, self.takes, outlet, cause, self.site).run()
        if answered:
            self.chain.note(cause.turn, self.site.now(), answered=True)
        return answered


class Speaking(Recovering):
    """A voice. What is known to be said again is kept when it was said, and replayed from then on.

    known: texts of the graph, such as its greeting.
    """

    def __init__(
        self, bound: Bound, chain: Chain, site: Site, ledger: Ledger, *, phrases: Phrases, known: Collection[str]
    ) -> None:
        super().__init__(bound, chain, site, ledger)
        self._phrases = phrases
        self._known = known

    async def drive(self, argument: tuple[Any, ...], outlet: Outlet, cause: Cause) -> None:
        source = Input(argument[0])
        while (first := await source.peek()) is not None:
            if isinstance(first, Sentence) and self._is_phrase(first):
                source.pop()
                spoken = await self._speak(first, outlet, cause)
            elif self.chain.has_given_up(cause.turn):
                source.pop()
                spoken = True
            else:
                spoken = await self.answer(Feed(source, self._is_phrase), outlet, cause)
            if not spoken:
                await self.replay(self.chain.policy.say or self.site.sorry, outlet, cause)
                await self.site.resort(self.chain, cause)
                return

    async def replay(self, text: str, outlet: Outlet, cause: Cause) -> bool:
        """Says a phrase whose sound is there, in the voice of the call if it can be. Whether it is there."""
        return await self._replay(text, (self.chain.active, *self.chain.candidates), outlet, cause)

    def _is_phrase(self, frame: Frame) -> bool:
        return isinstance(frame, Sentence) and (
            frame.cache or self.chain.active.planned.cache or " ".join(frame.text.split()) in self._known
        )

    async def _speak(self, sentence: Sentence, outlet: Outlet, cause: Cause) -> bool:
        """From the store, else by a voice, else from the store in another voice."""
        if await self._replay(sentence.text, [self.chain.active], outlet, cause):
            return True
        recorder = _Recorder(self.ledger, cause.turn)
        if await self.answer(Feed(Input(sentence), lambda frame: False), outlet, cause, recorder):
            if recorder.whole:
                self._phrases.keep(self.chain.active.planned, sentence.text, recorder.pieces)
            return True
        return await self.replay(sentence.text, outlet, cause)

    async def _replay(self, text: str, voices: Iterable[Candidate], outlet: Outlet, cause: Cause) -> bool:
        for voice in voices:
            if text and (pieces := await self._phrases.find(voice.planned, text)) is not None:
                converter = self.chain.voice(voice)
                sound = (TTSAudio(piece.pcm, piece.rate, piece.text) for piece in pieces)
                for frame in chain(*map(converter.bring, sound), converter.rest()):
                    await outlet.give(frame, cause)
                return True
        return False


class _Recorder(Speech):
    """Keeps the sound of a sentence. whole: one voice has said all of it."""

    def __init__(self, ledger: Ledger, turn: int) -> None:
        super().__init__(ledger, turn)
        self.pieces: list[Piece] = []
        self.whole = True

    def given(self, frame: Frame) -> Iterator[Frame]:
        for each in super().given(frame):
            if isinstance(each, TTSAudio):
                self.pieces.append(Piece(each.pcm, each.rate, each.text))
            yield each

    def broke_off(self) -> None:
        self.whole = self.whole and not self.pieces
        super().broke_off()
