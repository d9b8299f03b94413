"""Silero VAD for many calls: a run for each call's window, or one run for the windows of many?

    python -m benchmarks.vad_batch

In a batch the windows and states of the calls are put together and taken apart again, which is counted. CPU time on one
core, the best of several turns, the two ways in turn. A batch also has to wait for its calls: with N of them, whose
frames come every 20 ms at any time, waiting `w` ms for others gives a batch of about N * w / 32 windows.
"""

from __future__ import annotations

import importlib
import os
from contextlib import suppress
from time import process_time
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.machine import save
from voicegraph import models
from voicegraph.providers.silero import CONTEXT, RATE, WINDOW, OnnxDetector

CALLS = (1, 2, 4, 8, 16, 32, 64)
WINDOWS, TURNS = 4_096, 5
"""Windows in a turn, and turns of each way."""
MODEL = "silero-vad"

console = Console()


def main() -> None:
    with suppress(OSError, AttributeError):
        os.sched_setaffinity(0, {0})
    runtime: Any = importlib.import_module("onnxruntime")  # it has no type stubs
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = runtime.InferenceSession(str(models.path(MODEL)), options, providers=["CPUExecutionProvider"])
    sound = np.random.default_rng(1).normal(0, 0.1, WINDOW).astype(np.float32)
    rows: list[dict[str, Any]] = []
    for calls in CALLS:
        best = [1e9, 1e9]
        for _ in range(TURNS):
            for way, run in enumerate((apart, together)):
                best[way] = min(best[way], run(session, sound, calls))
        rows.append({"calls": calls, "apart_us": round(best[0], 1), "together_us": round(best[1], 1)})
        console.print(rows[-1])
    console.print(f"written to {save('vad_batch', {'per window': rows}, ('voicegraph', 'onnxruntime', 'numpy')).name}")


def apart(session: Any, sound: Any, calls: int) -> float:
    """CPU microseconds for a window, each call's by itself."""
    detectors = [OnnxDetector(session) for _ in range(calls)]
    began = process_time()
    for _ in range(WINDOWS // calls):
        for detector in detectors:
            detector.probability(sound)
    return (process_time() - began) / WINDOWS * 1e6


def together(session: Any, sound: Any, calls: int) -> float:
    """The same for windows that are put together."""
    rate = np.array(RATE, np.int64)
    inputs = [np.zeros((1, CONTEXT + WINDOW), np.float32) for _ in range(calls)]
    states = [np.zeros((2, 1, 128), np.float32) for _ in range(calls)]
    began = process_time()
    for _ in range(WINDOWS // calls):
        for each in inputs:
            each[0, CONTEXT:] = sound
        feeds = {"input": np.concatenate(inputs), "state": np.concatenate(states, axis=1), "sr": rate}
        output, state = session.run(None, feeds)
        [float(each) for each in output[:, 0]]
        states = [state[:, index : index + 1] for index in range(calls)]
        for each in inputs:
            each[0, :CONTEXT] = sound[-CONTEXT:]
    return (process_time() - began) / WINDOWS * 1e6


if __name__ == "__main__":
    main()
