"""`voicegraph new`: a graph or a node to begin with, and its test, which passes as it is."""

from __future__ import annotations

import importlib.util
import keyword
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from voicegraph.commands import terminal
from voicegraph.errors import VoicegraphError

app = typer.Typer(name="new", help="Writes a graph or a node to begin with, and its test.", no_args_is_help=True)

GRAPH = """\
# A voice agent that needs no key, no network and no models. Try it:
#     voicegraph run @FILE@ --in any.wav --fast
version: 1
name: @NAME@

nodes:
  line: {use: file.call, with: {input: caller.wav}}  # the caller is a WAV file; --in says which
  stt:                                               # swap it for a transcriber: whisper.stt, with a vad before it
    use: script.stt
    with:
      script:
        - {since: 500ms, at: 1500ms, text: "Hello, who are you?"}
  aggregator: aggregator                             # whose turn is it?
  brain: {use: echo.chat, with: {prefix: "You said: "}}  # swap it for a language model: llama.chat
  sentences: sentences
  tts: tone.tts                                      # swap it for a voice: piper.tts

flow:
  - line -> stt -> aggregator -> brain -> sentences -> tts -> line
"""

GRAPH_TEST = """\
# Conversations with @NAME@.yaml, in virtual time: what a caller does, and what has to come of it. Try it:
#     voicegraph test @TEST@
version: 1
graph: @NAME@.yaml

tests:
  - name: answers
    steps:
      - caller: "Hello, who are you?"
      - agent: "You said: Hello, who are you?"
    expect: {answer: < 900ms}

  - name: can be interrupted
    steps:
      - caller: "I would like to know when you are open."
      - agent: "You said: I would like to know when you are open."
      - after: {agent_words: 4}
      - caller: "No, wait."
      - agent: "You said: No, wait."
    expect: {barge_in: < 100ms, never: "when you are open"}
"""

NODE = '''\
"""A node type of our own. In a graph: `imports: [@STEM@.py]`, then `use: @NAME@`."""

from voicegraph import Sentence, node


@node("@NAME@")
class @CLASS@:
    """Adds a word to each sentence of the reply.

    word: the word.
    """

    word: str = "indeed"

    def on_sentence(self, sentence: Sentence) -> Sentence:
        return Sentence(f"{sentence.text} {self.word}")
'''

NODE_TEST = '''\
"""The node type @NAME@."""

from @STEM@ import @CLASS@

from voicegraph import Sentence
from voicegraph.testing import run_node


def test_it_adds_the_word() -> None:
    (sentence,) = run_node(@CLASS@, Sentence("We are open"), with_={"word": "today"})
    assert sentence == Sentence("We are open today", turn=sentence.turn, born=sentence.born)
'''

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Its name, with a folder before it or not.")]


@app.command("graph")
def new_graph(name: NameArgument) -> None:
    """Writes NAME.yaml and NAME_test.yaml."""
    folder, name = _place(name, ".yaml", r"[A-Za-z_][\w-]*")
    file, test = folder / f"{name}.yaml", folder / f"{name}_test.yaml"
    _write({file: GRAPH, test: GRAPH_TEST}, {"NAME": name, "FILE": str(file), "TEST": str(test)})
    terminal.notice(f"now: voicegraph check {file}, and: voicegraph test {test}")


@app.command("node")
def new_node(name: NameArgument) -> None:
    """Writes NAME.py and test_NAME.py."""
    folder, name = _place(name, ".py", r"[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*")
    stem = _module(name)
    if keyword.iskeyword(stem) or stem.startswith("test_") or importlib.util.find_spec(stem):
        raise typer.BadParameter(f"a Python file {stem}.py would be in the way of another: choose another name")
    test = folder / f"test_{stem}.py"
    words = {"NAME": name, "STEM": stem, "CLASS": "".join(part.capitalize() for part in stem.split("_"))}
    _write({folder / f"{stem}.py": NODE, test: NODE_TEST}, words)
    terminal.notice(f"now: pytest {test}")


def _place(given: str, suffix: str, pattern: str) -> tuple[Path, str]:
    """The folder and the bare name of `folder/name` or `folder/name.yaml`."""
    path = Path(given)
    name = path.name.removesuffix(suffix)
    if not re.fullmatch(pattern, name, re.ASCII):
        raise typer.BadParameter(f"{name!r} cannot be its name: letters, digits, - and _, beginning with a letter")
    return path.parent, name


def _module(name: str) -> str:
    """A Python module's name for it."""
    return re.sub(r"[.-]", "_", name).lower()


def _write(texts: Mapping[Path, str], words: Mapping[str, str]) -> None:
    """Writes all files or, if one of them is there already, none."""
    there = [str(file) for file in texts if file.exists()]
    if there:
        raise VoicegraphError(f"there is {' and '.join(there)} already: choose another name, or delete that first")
    for file, text in texts.items():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x") as stream:
                stream.write(re.sub(r"@([A-Z]+)@", lambda match: words[match[1]], text))
        except OSError as error:
            raise VoicegraphError(f"cannot write {file}: {error.strerror}") from error
        typer.echo(file)
