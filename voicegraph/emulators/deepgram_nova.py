"""One client of v1: transcripts in segments, and signs of speech beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from voicegraph.emulators.backend import Began, Heard, Hearing, Paused, Said, Word
from voicegraph.emulators.deepgram_asking import NovaAsked
from voicegraph.emulators.deepgram_sound import ClientSound
from voicegraph.emulators.sockets import Socket

IDLE = 10.0
"""Seconds without sound or a message after which the connection is closed."""
LONGEST = 5.0
"""Seconds of a segment at most: of longer ones all words become final but the last two."""
UNSURE = 2
QUIET = 5.0
"""Seconds of sound without a word after which a segment without one is final."""
CREATED = "2026-01-01T00:00:00.000Z"


class NovaSession:
    """Times in seconds of the client's sound."""

    def __init__(self, socket: Socket, asked: NovaAsked, hearing: Hearing, request_id: str) -> None:
        self._socket = socket
        self._asked = asked
        self._hearing = hearing
        self._id = request_id
        self._sound = ClientSound(socket, asked, self._control, IDLE)
        self._start = 0.0  # of the segment
        self._told = 0  # words of the segment, in its last transcript
        self._settled = 0  # words that are final already, of those that the backend may still change
        self._last_word: float | None = None  # end of it, until the end of its utterance is told
        self._speaking = False

    async def run(self) -> None:
        """Until the client says that this is all, or is gone."""
        asked = self._asked
        pause = 0.3 if asked.endpointing == "false" else asked.endpointing / 1000
        self._look()
        sound = self._sound.pieces()
        async with aclosing(sound), aclosing(self._hearing.hear(sound, asked.sample_rate, pause=pause)) as heard:
            async for each in heard:
                await self._tell(each)
                self._look()
        await self._socket.send(self._metadata())
        await self._socket.close()

    # --- what the client says ----------------------------------------------------------------------------------------

    async def _control(self, message: str) -> bool | None:
        try:
            data = msgspec.json.decode(message, type=dict[str, Any])
        except msgspec.DecodeError:
            data = {}
        match data.get("type"):
            case "Finalize":
                return True
            case "CloseStream":
                return False
            case "KeepAlive":
                return None
            case "Configure":
                await self._socket.send(self._configure(data))
            case _:
                reason = {"variant": "SchemaError", "description": "Could not deserialize last text message."}
                await self._socket.send({"type": "Error", **reason, "message": message})
        return None

    def _configure(self, data: Mapping[str, Any]) -> dict[str, Any]:
        if data.get("keyterms") is None:
            return {"type": "ConfigureSuccess", "request_id": self._id}
        if not self._asked.model.startswith("nova-3"):
            code = "CONFIGURE_KEYTERMS_NOT_SUPPORTED"
            reason = {"code": code, "description": "Keyterms can be updated with Nova-3 models only."}
            return {"type": "ConfigureFailure", "request_id": self._id, **reason}
        return {"type": "ConfigureSuccess", "request_id": self._id, "keyterms": data["keyterms"]}

    # --- what is heard -----------------------------------------------------------------------------------------------

    async def _tell(self, heard: Heard) -> None:
        match heard:
            case Began(at=at):
                await self._tell_end(at)  # of sound that comes all at once, as after a drop
                self._speaking = True
                if self._asked.vad_events:
                    await self._socket.send({"type": "SpeechStarted", "channel": [0, 1], "timestamp": _round(at)})
            case Paused():
                self._speaking = False
            case Said(final=True):
                await self._tell_final(heard, asked=self._sound.asked(heard))
            case Said():
                await self._tell_partial(heard)

    async def _tell_partial(self, said: Said) -> None:
        words = said.words[self._settled :]
        if len(words) > UNSURE and words[-1].end - self._start > LONGEST:
            sure, words = words[:-UNSURE], words[-UNSURE:]
            self._settled += len(sure)
            await self._segment(sure, sure[-1].end, final=True)
        if words and self._asked.interim_results:
            await self._segment(words, said.end)

    async def _tell_final(self, said: Said, *, asked: bool) -> None:
        words = said.words[self._settled :]
        self._settled = 0
        end = said.end
        if said.flushed and self._speaking:  # in the midst of a word, perhaps: that belongs to the next segment
            end = words[-1].end if words else self._start
        if asked or not said.flushed:
            ends = not said.flushed and self._asked.endpointing != "false"
            await self._segment(words, end, final=True, speech_final=ends, from_finalize=asked)
        elif words:  # a look found them: speech had begun since
            await self._segment(words, end, final=True)
        elif not self._speaking:
            await self._tell_quiet(end)

    async def _tell_quiet(self, until: float) -> None:
        """Nothing was said up to there."""
        if until - self._start >= QUIET:
            await self._segment((), until, final=True)
        await self._tell_end(until)

    async def _tell_end(self, until: float) -> None:
        """No word has come since the last one, up to there: if that is long enough, its utterance is over."""
        gap = self._asked.utterance_end_ms
        if gap is not None and self._last_word is not None and until - self._last_word >= gap / 1000:
            end = {"channel": [0, 1], "last_word_end": _round(self._last_word)}
            self._last_word = None
            await self._socket.send({"type": "UtteranceEnd", **end})

    def _look(self) -> None:
        """Whether something is to be told when no word comes, and where in the sound."""
        gap = self._asked.utterance_end_ms
        over = self._start + QUIET
        if gap is not None and self._last_word is not None:
            over = min(over, self._last_word + gap / 1000)
        self._sound.look_at = None if self._speaking else over

    async def _segment(
        self,
        words: Sequence[Word],
        end: float,
        *,
        final: bool = False,
        speech_final: bool = False,
        from_finalize: bool = False,
    ) -> None:
        start, end = self._start, max(self._start, end)
        news = max(0, len(words) - self._told)
        self._told = 0 if final else len(words)
        if final:
            self._start = end
        if words:
            self._last_word = words[-1].end
        await self._socket.send(
            {
                "type": "Results",
                "channel_index": [0, 1],
                "duration": _round(end - start),
                "start": _round(start),
                "is_final": final,
                "speech_final": speech_final,
                "channel": {"alternatives": [self._alternative(words)]},
                "metadata": {
                    "request_id": self._id,
                    "model_info": {"name": self._asked.model, "version": "2026-01-01.0", "arch": "nova-3"},
                    "model_uuid": self._id,
                },
                "from_finalize": from_finalize,
            },
            words=news,
        )

    def _alternative(self, words: Sequence[Word]) -> dict[str, Any]:
        said: dict[str, Any] = {
            "transcript": " ".join(word.text for word in words),
            "confidence": round(min((word.confidence for word in words), default=0.0), 6),
            "words": [
                {
                    "word": word.text.strip(".,;:!?").lower(),
                    "start": _round(word.start),
                    "end": _round(word.end),
                    "confidence": word.confidence,
                    "punctuated_word": word.text,
                }
                for word in words
            ],
        }
        return said | {"languages": ["en"]} if self._asked.language == "multi" and words else said

    def _metadata(self) -> dict[str, Any]:
        return {
            "type": "Metadata",
            "transaction_key": "deprecated",
            "request_id": self._id,
            "sha256": self._sound.digest.hexdigest(),
            "created": CREATED,
            "duration": _round(self._sound.seconds),
            "channels": 1,
        }


def _round(seconds: float) -> float:
    return round(seconds, 6)
