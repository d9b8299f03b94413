"""What does the caller hear when a voice fails? And when what thinks, or hears, does?

    python -m benchmarks.dead_air                                     everything: 20 minutes, most of them waiting
    python -m benchmarks.dead_air voices --runs 2 --rival-runs 1      a rough look at the voices; nothing is written
    python -m benchmarks.dead_air --set nodes.tts.recover.stall=1s    with other settings of ours, too

1. voices: an answer of 16 seconds by an emulated ElevenLabs that fails, with a healthy OpenAI behind it, on
   graphs/cloud.yaml as it stands, and on livekit-agents and pipecat with what they have against that. The sound carries
   its words, so that what was lost or said twice is counted from the bytes that were heard.
2. thinks: how soon a holding phrase is heard when the language model fails, and with every provider down.
3. hears: words that are missing in the transcripts when the connection to Deepgram is gone for some seconds.

Each contender is three processes, each with emulators of its own; all make their calls at the same time, one fault
after the other and over again. The rivals have environments of their own: LIVEKIT_PYTHON and PIPECAT_PYTHON name the
interpreters of two with `pip install "livekit-agents[elevenlabs,openai]"` and
`pip install "pipecat-ai[elevenlabs,openai,websocket]"`. A rival whose variable is not set is left out.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from rich.console import Console

from benchmarks.contenders.dead_air_calls import HEARS, THINKS, VOICES, Case, contender
from benchmarks.contenders.dead_air_figures import Runs, hearing, tables, thinking, voicing
from benchmarks.contenders.dead_air_voicegraph import cloud
from benchmarks.machine import save

PARTS = ("voices", "thinks", "hears")
RIVALS = {"livekit": "LIVEKIT_PYTHON", "pipecat": "PIPECAT_PYTHON"}
WAYS = {"livekit": ("documented", "tuned", "sentences"), "pipecat": ("documented", "tuned")}
PROCESSES = 3
"""Of each contender, each with its share of the calls."""

console = Console()


class Job(NamedTuple):
    """Calls of one contender. name: of the contender, way: of setting it up; arguments: of its process."""

    part: str
    name: str
    way: str
    python: str
    module: str
    arguments: tuple[str, ...]
    cases: Mapping[str, Case]
    calls: int


def jobs(parts: Sequence[str], runs: int, rival_runs: int, sets: Sequence[str]) -> list[Job]:
    ours = (sys.executable, "voicegraph"), (sys.executable, "conversations")
    made = [
        Job("voices", "voicegraph", "cloud.yaml", *ours[0], (), VOICES, runs),
        Job("voices", "voicegraph", "as set", *ours[0], (*sets,), VOICES, runs if sets else 0),
        Job("thinks", "voicegraph", "cloud.yaml", *ours[1], ("thinks", *sets), THINKS, runs),
        Job("hears", "voicegraph", "cloud.yaml", *ours[1], ("hears", *sets), HEARS, runs),
    ]
    for rival, variable in RIVALS.items():
        if python := os.environ.get(variable):
            made += [Job("voices", rival, way, python, rival, (way,), VOICES, rival_runs) for way in WAYS[rival]]
        else:
            console.print(f"without {rival}: {variable} is not set")
    return [job for job in made if job.part in parts and job.calls]


def work(job: Job, share: int) -> tuple[dict[str, str], Runs]:
    """What was told of a share of a job's calls, and by what versions of packages."""
    runs: Runs = {fault: [] for fault in job.cases}
    with contender(job.python, job.module, *job.arguments) as process:
        process.call(Case("not counted: who is asked first has to load this and that"), 0)
        for number in range(share, job.calls, PROCESSES):
            for fault, case in job.cases.items():
                runs[fault].append(process.call(case, number))
            console.print(f"{job.part}, {job.name}, {job.way}: call {number + 1} of {job.calls} with each fault")
    return process.versions, runs


def measure(all_jobs: Sequence[Job]) -> dict[str, Any]:
    results: dict[str, Any] = {"versions": {}, "failed": [], **{part: [] for part in PARTS}}
    with ThreadPoolExecutor(PROCESSES * len(all_jobs)) as pool:
        shares: list[list[Future[tuple[dict[str, str], Runs]]]] = [
            [pool.submit(work, job, share) for share in range(min(PROCESSES, job.calls))] for job in all_jobs
        ]
        for job, futures in zip(all_jobs, shares, strict=True):
            runs: Runs = {}
            for future in futures:
                try:
                    versions, told = future.result()
                except RuntimeError as error:  # the others have their figures; this share's calls are missing in them
                    results["failed"].append(f"{job.part}, {job.name}, {job.way}: a process ended early")
                    console.print(str(error), markup=False)
                    continue
                results["versions"] |= versions
                runs = {fault: [*runs.get(fault, ()), *told[fault]] for fault in told}
            if runs:
                results[job.part] += figures(job, runs)
    return results


def figures(job: Job, runs: Runs) -> list[dict[str, Any]]:
    if job.part == "voices":
        return voicing(job.name, job.way, runs)
    return {"thinks": thinking, "hears": hearing}[job.part](runs)


def policies(*sets: str) -> dict[str, str]:
    """What each node of the graph does when it fails."""
    plan = cloud(*sets)
    return {name: str(node.recover) for name, node in {**plan.nodes, **plan.standby}.items() if node.recover}


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.dead_air")
    asked.add_argument("parts", nargs="*", metavar="PART", help=f"by default all: {', '.join(PARTS)}")
    asked.add_argument("--runs", type=int, default=20, help="calls of ours with each fault (default 20)")
    asked.add_argument("--rival-runs", type=int, default=10, help="calls of each rival with each fault (default 10)")
    asked.add_argument("--set", action="append", default=[], help="change graphs/cloud.yaml; repeatable")
    given = asked.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        asked.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    results = measure(jobs(given.parts or PARTS, given.runs, given.rival_runs, given.set))
    for shown in tables(results):
        console.print(shown)
    if not given.parts:
        results["recover"] = {"cloud.yaml": policies(), "as set": policies(*given.set)}
        packages = ("voicegraph", "websockets", "openai", "httpx2", "aiohttp", "msgspec")
        console.print(f"written to {save('dead_air', results, packages).name}")


if __name__ == "__main__":
    main()
