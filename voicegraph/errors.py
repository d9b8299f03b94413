"""Everything voicegraph raises on purpose.

VoicegraphError
├── NodeDefinitionError   a class or function under @node cannot be a node: said at import, with what to change
├── UnknownNodeType       no node type of that name; says which is near
├── BrokenNodeType        an installed package offers a node type and cannot define it; says which package, and why
├── ToolDefinitionError   a function cannot be a tool; says what it lacks
├── ToolError             raised by a tool: what the language model that called it is to know
├── GraphError            a graph file is wrong; carries every diagnostic (voicegraph.graph.diagnostics)
├── ModelError            a model is missing, cannot be fetched, or is not the file that it should be
├── AudioError            a sound file or a sound device cannot be used
├── NotAnswered           a node gave nothing, or nothing in time, for what it was asked
├── ProviderError         a vendor's service failed or refused; says which, why, and what to do
├── NotConnected          a call by `voicegraph call` did not come about (voicegraph.caller.dialling)
├── StepFailed            what its caller was to do or to hear did not happen (voicegraph.caller.steps)
├── VirtualTimeError      something that cannot be in virtual time (voicegraph.testing.virtual)
└── CallFailed            a call could not go on; carries the node that failed

A user's mistake ends in one of these, whose text says what to do. Anything else that escapes is our bug.
"""

from __future__ import annotations

from collections.abc import Sequence


class VoicegraphError(Exception):
    """Base of all of them."""


class NodeDefinitionError(VoicegraphError):
    """A class or function under @node cannot be a node."""


class UnknownNodeType(VoicegraphError):
    """No node type of that name is registered. near: the most similar registered name, or None."""

    def __init__(self, name: str, near: str | None) -> None:
        super().__init__(f"no node type `{name}`" + (f"; did you mean `{near}`?" if near else ""))
        self.name = name
        self.near = near


class BrokenNodeType(VoicegraphError):
    """An installed package offers the node type `name` and cannot define it. package: its name and version."""

    def __init__(self, name: str, package: str, message: str) -> None:
        super().__init__(f"the package {package}, which offers `{name}`, {message}")
        self.name = name
        self.package = package


class ToolDefinitionError(VoicegraphError):
    """A function cannot be a tool. lacks: every reason, in words that go on from its name."""

    def __init__(self, name: str, lacks: Sequence[str]) -> None:
        super().__init__(f"`{name}` cannot be a tool: {'; '.join(lacks)}")
        self.lacks = tuple(lacks)


class ToolError(VoicegraphError):
    """Raised by a tool: what the language model that called it is to know. Of other exceptions it learns the type."""


class ModelError(VoicegraphError):
    """A model is missing, cannot be fetched, or is not the file that it should be."""


class AudioError(VoicegraphError):
    """A sound file or a sound device cannot be used."""


class ProviderError(VoicegraphError):
    """A vendor's service failed or refused. Its text holds no key, no header and nothing that a caller said.

    retryable: the same request may succeed later, as after a dropped connection; a wrong key is not.
    """

    def __init__(self, vendor: str, message: str, *, retryable: bool) -> None:
        super().__init__(f"{vendor}: {message}")
        self.vendor = vendor
        self.retryable = retryable


class NotAnswered(VoicegraphError):
    """A node gave nothing for what it was asked, or not in time. lacks: in words that go on from its name."""

    def __init__(self, node: str, lacks: str) -> None:
        super().__init__(f"{node} {lacks}")
        self.node = node


class CallFailed(VoicegraphError):
    """A call could not go on because `node` failed."""

    def __init__(self, node: str, message: str) -> None:
        super().__init__(f"{node}: {message}")
        self.node = node


def fault(error: Exception) -> VoicegraphError:
    """Any exception as one of ours, before a call: a user's mistake as it is, others by type, text and place."""
    if isinstance(error, VoicegraphError):
        return error
    return VoicegraphError(f"{type(error).__name__}: {error} at {raised_at(error)}")


def raised_at(error: BaseException) -> str:
    """File and line where an exception was raised: for logs, since its text may hold a caller's words."""
    import traceback  # only to tell of a fault

    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "an unknown place"


def as_failure(node: str, error: BaseException) -> VoicegraphError:
    """What ends a call: our own errors say what to do, others are told with the node they came from."""
    if isinstance(error, VoicegraphError):
        return error
    failure = CallFailed(node, f"{type(error).__name__}: {error}")
    failure.__cause__ = error
    return failure
