"""Graphs that change while they are served."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from tests.serve.served import GRAPH
from voicegraph.errors import VoicegraphError
from voicegraph.graph import GraphError, Plan, compile_plan, load
from voicegraph.graph.source import noting_files
from voicegraph.phrases import in_memory
from voicegraph.serve.app import App
from voicegraph.serve.watch import Watch

NODE = """
from voicegraph import *
@node("NAME")
class Answer:
    says: str = "{}"
    def on_key(self, key: Dtmf) -> Sentence:
        return Sentence(self.says)
"""


class Watched:
    """A graph of two files, served and watched."""

    def __init__(self, folder: Path) -> None:
        self.graph = folder / "graph.yaml"
        self.base = folder / "base.yaml"
        self.code = folder / "answer.py"
        self.written = 0
        self.name = "watched." + "".join(filter(str.isalnum, folder.name))
        self.write(self.base, "imports: [answer.py]\n" + GRAPH.replace("wire.answer", self.name))
        self.write(self.graph, "extends: base.yaml\n")
        self.write(self.code, self.node("old"))
        self.told: list[VoicegraphError] = []
        with noting_files() as self.files:
            self.app = App(self.load(), phrases=in_memory())
        self.watch = Watch(self.files, self.load, self.told.append)

    def node(self, says: str) -> str:
        return NODE.replace("NAME", self.name).format(says)

    def write(self, path: Path, text: str) -> None:
        """With a time of its own: two writings within one tick of the file system's clock are two."""
        path.write_text(text)
        self.written += 1
        os.utime(path, (self.written, self.written))

    def load(self) -> Plan:
        return compile_plan(load(self.graph))

    async def look(self) -> Plan:
        """Twice: files are loaded once they rest."""
        await self.watch.look(self.app)
        await self.watch.look(self.app)
        return self.app.edition.plan


def greeting(plan: Plan) -> str:
    return str(plan.nodes["line"].config["greeting"])


def says(plan: Plan) -> str:
    return str(plan.nodes["answer"].make().says)


def test_nothing_is_loaded_while_nothing_changes(tmp_path: Path) -> None:
    async def watch() -> None:
        watched = Watched(tmp_path)
        before = watched.app.edition
        await watched.look()
        assert watched.app.edition is before

    asyncio.run(watch())


def test_a_change_of_any_of_its_files_is_for_new_calls(tmp_path: Path) -> None:
    async def watch() -> None:
        watched = Watched(tmp_path)
        old = watched.app.edition.plan
        watched.write(watched.graph, "extends: base.yaml\nnodes: {line: {with: {greeting: Hi.}}}\n")
        await watched.watch.look(watched.app)
        assert watched.app.edition.plan is old, "somebody may still be writing"
        assert greeting(await watched.look()) == "Hi."
        watched.write(watched.base, watched.base.read_text().replace("wire.call,", "wire.call, recover: ~,"))
        await watched.look()
        assert watched.told == []
        watched.write(watched.code, watched.node("new"))
        assert says(await watched.look()) == "new"
        assert says(old) == "old", "for calls that are on"

    asyncio.run(watch())


def test_mistakes_change_nothing_and_are_told_once(tmp_path: Path) -> None:
    async def watch() -> None:
        watched = Watched(tmp_path)
        old = watched.app.edition
        watched.write(watched.graph, "extends: base.yaml\nnodes: {line: {wiht: {}}, tts: {use: tone.ttts}}\n")
        await watched.look()
        await watched.look()
        assert watched.app.edition is old
        (error,) = watched.told
        assert isinstance(error, GraphError)
        assert [each.code for each in error.diagnostics] == ["unknown-key", "unknown-node-type"]
        watched.write(watched.code, "no python")
        await watched.look()
        assert watched.app.edition is old
        watched.write(watched.graph, "extends: base.yaml\n")
        watched.write(watched.code, watched.node("mended"))
        assert says(await watched.look()) == "mended"

    asyncio.run(watch())


def test_a_fault_of_a_nodes_own_ends_neither_calls_nor_the_watch(tmp_path: Path) -> None:
    async def watch() -> None:
        watched = Watched(tmp_path)
        old = watched.app.edition
        watched.write(watched.code, watched.node("cold") + "    def warm(self): raise OSError('no such model')\n")
        await watched.look()
        assert watched.app.edition is old
        (error,) = watched.told
        assert str(error).startswith("OSError: no such model at ")
        watched.write(watched.code, watched.node("mended"))
        assert says(await watched.look()) == "mended"

    asyncio.run(watch())


def test_what_is_written_while_files_are_read_is_read_next(tmp_path: Path) -> None:
    async def watch() -> None:
        watched = Watched(tmp_path)
        load = watched.load

        def load_slowly() -> Plan:
            plan = load()
            if greeting(plan) == "Hi.":
                watched.write(watched.graph, "extends: base.yaml\nnodes: {line: {with: {greeting: Hello again.}}}\n")
            return plan

        watched.watch = Watch(watched.files, load_slowly, watched.told.append)
        watched.write(watched.graph, "extends: base.yaml\nnodes: {line: {with: {greeting: Hi.}}}\n")
        assert greeting(await watched.look()) == "Hi."
        assert greeting(await watched.look()) == "Hello again."

    asyncio.run(watch())


def test_a_line_that_cannot_be_served_is_a_mistake_too(tmp_path: Path) -> None:
    async def watch() -> None:
        watched = Watched(tmp_path)
        old = watched.app.edition
        keys = "nodes: {line: {use: file.call, with: {input: a.wav}}, answer: ~, again: wire.again, tts: ~}\n"
        watched.write(watched.graph, "extends: base.yaml\n" + keys + "pipeline: [line, again, line]\n")
        await watched.look()
        assert watched.app.edition is old
        assert "nobody can call" in str(watched.told[0])

    asyncio.run(watch())


def test_a_file_that_is_gone_and_comes_back(tmp_path: Path) -> None:
    async def watch() -> None:
        watched = Watched(tmp_path)
        text = watched.base.read_text()
        watched.base.unlink()
        await watched.look()
        assert len(watched.told) == 1
        watched.write(watched.base, text.replace("Hello.", "Again."))
        assert greeting(await watched.look()) == "Again."

    asyncio.run(watch())
