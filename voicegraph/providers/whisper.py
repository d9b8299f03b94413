"""Whisper on CTranslate2: sound to text, in a sixth of the usual time for short utterances.

Whisper was trained on windows of 30 s, and its encoder takes 0.45 s of a core for one, however little is said in it. So
the encoder sees only the utterance. The decoder, given so short a window, writes the text over and over to fill the
time; so what the encoder makes of 30 s of silence, computed once, is put behind the utterance, and the decoder finds
the window that it knows. Should it repeat itself all the same, the utterance is read again in the full window.
"""

from __future__ import annotations

import importlib
import math
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from voicegraph.errors import ModelError
from voicegraph.providers.repetition import without_repetition

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

RATE = 16_000
FRAMES = 3000
"""Spectrogram frames, of 10 ms, in Whisper's window; the encoder gives one state for two of them."""
MOST_TOKENS = 224
"""What Whisper was trained to write for a window."""
FEW_TOKENS, TOKENS_A_SECOND = 8, {"en": 6}
"""What a short window may hold: nobody speaks faster. In scripts that are spelt out in bytes it is more."""
SPELT_OUT = 15
LOOPING = 2.4
"""Text that compresses better than this repeats itself (the threshold of OpenAI's own decoder)."""

NO_SPEECH = 0.8
"""No-speech probability above which there are no words: speech in noise stayed below 0.76."""
DOUBTFUL, UNLIKELY = 0.6, -1.0
"""Above the one, with a mean log-probability below the other, there are none either (OpenAI's thresholds)."""
PHANTOM = 0.5
"""And above this one, not the words that Whisper puts into silence."""
PHANTOMS = frozenset({"you", "thank you", "thank you for watching", "thanks for watching", "bye", "bye bye", "so"})


@dataclass(frozen=True)
class Reading:
    """How to read an utterance. Lengths in seconds.

    The encoder sees the utterance and `margin`, at least `floor`; or the full window if the utterance is longer than
    `full_above`. silence: what follows for the decoder, see above; without it only experiments make sense.
    repeated: what becomes of a text that repeats itself. beam: hypotheses in parallel. language: "en", "de", ...; None
    is English for an English model, and whatever is heard for others.
    """

    floor: float = 2.0
    margin: float = 0.5
    full_above: float = 28.0
    silence: bool = True
    repeated: Literal["reread", "cut", "keep"] = "reread"
    beam: int = 2
    language: str | None = None


@dataclass(frozen=True)
class Recognised:
    """What was said. confidence: geometric mean of the tokens' probabilities. full: the full window was needed."""

    text: str
    confidence: float
    language: str
    full: bool = False


@dataclass(frozen=True)
class _Hypothesis:
    """What the decoder wrote. capped: it did not come to an end. no_speech: probability that nothing was said."""

    text: str
    language: str
    log_probability: float
    no_speech: float
    capped: bool

    @property
    def repeats(self) -> bool:
        return self.capped or without_repetition(self.text) != self.text

    @property
    def loops(self) -> bool:
        encoded = self.text.encode()
        return len(encoded) > LOOPING * len(zlib.compress(encoded))


class Whisper:
    """One loaded model, for all calls of the process. Threads may share it; they take turns."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        ctranslate2: Any = importlib.import_module("ctranslate2")
        tokenizers: Any = importlib.import_module("tokenizers")
        self._array: Any = ctranslate2.StorageView.from_array
        self._name = folder.name
        try:
            self._model = ctranslate2.models.Whisper(str(folder), compute_type="int8", intra_threads=threads)
            self._tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:
            raise ModelError(
                f"{folder} is not a Whisper model for CTranslate2, a folder with model.bin, config.json, a vocabulary "
                f"and tokenizer.json: {error}"
            ) from error
        self._silence = self._states(_no_sound(), FRAMES)

    def read(self, pcm: bytes, reading: Reading) -> Recognised | None:
        """The words in at most 30 s of PCM16 at 16 kHz; None if there are none. Blocks: 80 ms for a short sentence."""
        import numpy as np

        sound = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32_768)
        full = len(sound) > reading.full_above * RATE
        heard = self._decode(sound, reading, full=full)
        if heard.repeats and reading.repeated == "reread" and not full:
            full, heard = True, self._decode(sound, reading, full=True)
        if not is_speech(heard.text, heard.no_speech, heard.log_probability):
            return None
        text = heard.text
        if reading.repeated != "keep" and (heard.loops or not full):  # the full window may be believed
            text = without_repetition(text)
        return Recognised(text, math.exp(heard.log_probability), heard.language, full)

    def _decode(self, sound: Floats, reading: Reading, *, full: bool) -> _Hypothesis:
        """One pass, without timestamps and at temperature 0."""
        states = self._array(self._window(sound, reading, full=full))
        language = self._language(states, reading.language)
        limit = MOST_TOKENS if full else _limit(len(sound) / RATE, language)
        result = self._model.generate(
            states,
            [self._prompt(language)],
            beam_size=reading.beam,
            max_length=2 * limit,  # CTranslate2 writes half of it at most
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        tokens: list[int] = result.sequences_ids[0]
        return _Hypothesis(
            text=self._tokenizer.decode(tokens, skip_special_tokens=True).strip(),
            language=language,
            log_probability=result.scores[0] * len(tokens) / (len(tokens) + 1),  # of the end token too
            no_speech=result.no_speech_prob,
            capped=len(tokens) >= limit,
        )

    def _window(self, sound: Floats, reading: Reading, *, full: bool) -> Floats:
        """The encoder's states for the utterance, and behind them those for silence."""
        import numpy as np

        seconds = max(len(sound) / RATE + reading.margin, reading.floor)
        states = self._states(sound, FRAMES if full else min(FRAMES, 2 * math.ceil(50 * seconds)))
        return np.concatenate((states, self._silence[:, states.shape[1] :]), axis=1) if reading.silence else states

    def _states(self, sound: Floats, frames: int) -> Floats:
        import numpy as np

        from voicegraph.audio.mel import log_mel

        spectrogram = log_mel(sound, frames, self._model.n_mels)[None]
        return np.array(self._model.encode(self._array(spectrogram), to_cpu=True))

    def _language(self, states: Any, wanted: str | None) -> str:
        if not self._model.is_multilingual:
            if wanted not in (None, "en"):
                raise ModelError(f"the model {self._name} knows English only: it cannot be told `language: {wanted}`")
            return "en"
        if wanted is None:
            likeliest: str = self._model.detect_language(states)[0][0][0]
            return likeliest.strip("<|>")
        if self._tokenizer.token_to_id(f"<|{wanted}|>") is None:
            raise ModelError(f"the model {self._name} knows no `language: {wanted}`; write its code, such as de or es")
        return wanted

    def _prompt(self, language: str) -> list[int]:
        task = [f"<|{language}|>", "<|transcribe|>"] if self._model.is_multilingual else []
        names = ["<|startoftranscript|>", *task, "<|notimestamps|>"]
        return [self._tokenizer.token_to_id(name) for name in names]


def _limit(seconds: float, language: str) -> int:
    return min(MOST_TOKENS, FEW_TOKENS + int(seconds * TOKENS_A_SECOND.get(language, SPELT_OUT)))


def is_speech(text: str, no_speech: float, log_probability: float) -> bool:
    """Whether words were said, not just imagined: Whisper writes "you" or "Thank you." into silence and noise.

    no_speech: probability of that, as the model sees it. log_probability: mean of the text's tokens.
    """
    words = re.sub(r"[^\w\s]", "", text).casefold().strip()
    return bool(words) and not (
        no_speech > NO_SPEECH
        or (no_speech > DOUBTFUL and log_probability < UNLIKELY)
        or (no_speech > PHANTOM and words in PHANTOMS)
    )


def _no_sound() -> Floats:
    import numpy as np

    return np.zeros(0, np.float32)
