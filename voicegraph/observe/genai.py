"""What OpenTelemetry's semantic conventions for generative AI know of a node: which operation, whose, which model.

Of https://github.com/open-telemetry/semantic-conventions-genai, where all of it is in development still. Its operations
are of language models; `speech_to_text` and `text_to_speech` are proposed there for the voice agents' other two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING
from typing import NamedTuple

from voicegraph.frames import Audio, Sentence, Token, Transcript, TTSAudio, UserTurn
from voicegraph.graph.plan import Plan, PlannedNode

Value = str | bool | int | float | list[str] | list[float]
Attributes = Mapping[str, Value]

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
MODEL = "gen_ai.request.model"
OUTPUT = "gen_ai.output.type"
FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
CONVERSATION = "gen_ai.conversation.id"
AGENT = "gen_ai.agent.name"
READ, CACHED, WRITTEN = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.output_tokens",
)
ASKED, ANSWERED = "gen_ai.input.messages", "gen_ai.output.messages"

_OPERATIONS = (
    (UserTurn, Token, "chat", "text"),
    (UserTurn, Sentence, "chat", "text"),
    (Audio, Transcript, "speech_to_text", "text"),
    (Sentence, TTSAudio, "text_to_speech", "speech"),
)
"""What a node takes and gives, the operation that this is, and the type of its output. The first that fits holds."""


class Model(NamedTuple):
    """A node that is a model. remote: it is asked for over a network."""

    operation: str
    name: str | None
    remote: bool
    attributes: Attributes

    @property
    def span(self) -> str:
        """What the conventions want a span of it to be called: `chat gpt-4.1-mini`."""
        return f"{self.operation} {self.name}" if self.name else self.operation


def models(plan: Plan) -> dict[str, Model]:
    """The nodes of a plan that are models, by name."""
    found = {node.name: _model(node) for node in (*plan.nodes.values(), *plan.standby.values())}
    return {name: model for name, model in found.items() if model is not None}


def _model(node: PlannedNode) -> Model | None:
    kind = node.kind
    for takes, gives, operation, output in _OPERATIONS:
        if takes in kind.takes and gives in kind.gives and not kind.line:
            name = _setting(node, "model")
            attributes = {OPERATION: operation, PROVIDER: kind.name.partition(".")[0], OUTPUT: output}
            if name is not None:
                attributes[MODEL] = name
            return Model(operation, name, bool(kind.env), attributes)
    return None


def _setting(node: PlannedNode, name: str) -> str | None:
    """A setting as the file has it, else the node type's own."""
    own = {each.name: each.default for each in node.kind.fields if each.default is not MISSING}
    value = {**own, **node.config}.get(name)
    return value if isinstance(value, str) else None
