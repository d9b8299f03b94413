"""A turn of the local agent: end of the caller's speech to the first audio of the answer, and where the time goes.

    python -m benchmarks.local_turn

Twenty questions, each a call of its own on graphs/local.yaml, in real time. The questions are spoken by the agent's own
voice (there is no other on the machine), with a little noise, through 8 kHz mu-law as over a telephone. Only the
latency means something: the voice is easy to understand, and the model knows little.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console
from rich.progress import track

from benchmarks.machine import save
from voicegraph import Sentence, TTSAudio
from voicegraph.audio.g711 import decode_mulaw, encode_mulaw
from voicegraph.audio.resample import resample
from voicegraph.audio.wav import write_wav
from voicegraph.engine.session import warm
from voicegraph.graph import Plan, compile_plan, load
from voicegraph.observe.bench.calls import Planned, make
from voicegraph.observe.bench.figures import Figures, figures, spread
from voicegraph.observe.bench.tables import answer_table, node_table
from voicegraph.observe.timeline import Timeline
from voicegraph.processors.piper import PiperTTS
from voicegraph.testing import run_node

GRAPH = Path(__file__).parent.parent / "graphs" / "local.yaml"

QUESTIONS = (
    "What is the largest planet in the solar system?",
    "What is the capital of France?",
    "Can you tell me what plants need to grow?",
    "How many days are there in a week?",
    "What time do you open on Sundays?",
    "I would like to book a table for four tonight.",
    "Where exactly are you, and can I park there?",
    "Do you deliver to Maple Street?",
    "Can I bring my dog?",
    "My order has not arrived yet.",
    "Could I speak to somebody about my bill?",
    "What is a voice agent?",
    "Why is the sky blue?",
    "Which languages do you speak?",
    "I need to change my appointment to Thursday morning.",
    "How long does it take to boil an egg?",
    "Is it going to rain tomorrow?",
    "Please tell me something about the moon.",
    "What is the difference between a cat and a dog?",
    "Thank you very much, goodbye.",
)


def spoken(text: str, number: int) -> bytes:
    """A question at 16 kHz, between half a second and 0.3 s of silence, with noise at about -66 dBFS."""
    frames = [frame for frame in run_node(PiperTTS, Sentence(text)) if isinstance(frame, TTSAudio)]
    rate = frames[0].rate
    speech = bytes(rate) + b"".join(frame.pcm for frame in frames) + bytes(2 * round(0.3 * rate))
    narrow = memoryview(resample(speech, rate, 8000)).cast("h")
    random = Random(number)
    noisy = b"".join(
        max(-32768, min(32767, sample + round(random.gauss(0, 16)))).to_bytes(2, "little", signed=True)
        for sample in narrow
    )
    return resample(decode_mulaw(encode_mulaw(noisy)), 8000, 16_000)


async def measure(plans: list[Plan]) -> list[Timeline]:
    await warm(plans[0])
    return [
        await make(Planned(plan), name=f"question {number}", seed=number)
        for number, plan in enumerate(track(plans, "measuring"))
    ]


def as_data(found: Figures) -> dict[str, Any]:
    """The figures in short, in seconds."""

    def short(samples: list[float]) -> dict[str, float] | None:
        measured = spread(samples)
        return asdict(measured) if measured else None

    return {
        "unit": "s",
        "calls": found.calls,
        "answer": short(found.answers),
        "answer_parts": {what: short(samples) for what, samples in found.steps.items()},
        "nodes": {
            name: {"items": node.items, "share": node.share, "first": short(node.first), "total": short(node.total)}
            for name, node in found.nodes.items()
        },
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        plans: list[Plan] = []
        for number, question in enumerate(track(QUESTIONS, "speaking the questions")):
            path = Path(folder) / f"{number}.wav"
            write_wav(path, spoken(question, number), 16_000)
            plans.append(compile_plan(load(GRAPH, [f"nodes.line.with.input={path}"])))
        found = figures(asyncio.run(measure(plans)))
    console = Console()
    console.print(answer_table(found))
    console.print(node_table(found))
    packages = ("voicegraph", "onnxruntime", "ctranslate2", "xllamacpp", "sanotts", "numpy")
    console.print(f"written to {save('local_turn', as_data(found), packages).name}")


if __name__ == "__main__":
    main()
