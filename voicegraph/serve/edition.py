"""A plan as it is served: its doors, and what the process knows of its providers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from voicegraph.engine.recovery.breakers import Breakers
from voicegraph.engine.session import warm
from voicegraph.errors import CallFailed, ProviderError, VoicegraphError
from voicegraph.graph.plan import Plan
from voicegraph.phrases import PhraseStore
from voicegraph.serve.doors import Page, Served, Socket


@dataclass(frozen=True)
class Edition:
    """Of a graph whose file changes there are several at a time: each call stays with the one that it began on.

    pages, sockets: by path.
    """

    plan: Plan
    pages: Mapping[str, Page]
    sockets: Mapping[str, Socket]
    breakers: Breakers = field(default_factory=Breakers)

    @property
    def line(self) -> str:
        """Name of the line's node."""
        assert self.plan.line is not None
        return self.plan.line

    async def warm(self, phrases: PhraseStore) -> None:
        """Loads what calls share. Raises VoicegraphError: CallFailed, with the node, for a vendor that refuses."""
        for node in {**self.plan.standby, **self.plan.nodes}.values():
            try:
                await warm(Plan(name=node.name, nodes={node.name: node}, edges=()))
            except ProviderError as error:
                raise CallFailed(node.name, str(error)) from error
        await phrases.load(self.plan)


def edition(plan: Plan) -> Edition:
    """Raises VoicegraphError for a plan that nobody can call."""
    if plan.line is None:
        raise VoicegraphError(f"{plan.name} has no line, so nobody can call it: wire a node such as twilio.call")
    template = plan.nodes[plan.line].make()
    if not isinstance(template, Served):
        kind = plan.nodes[plan.line].kind.name
        raise VoicegraphError(
            f"the line of {plan.name} is {kind}, which nobody can call over a network. Choose one that can be served, "
            f"in the graph or by --set nodes.{plan.line}.use=browser.call; `voicegraph nodes` lists them."
        )
    doors = template.doors()
    return Edition(
        plan,
        pages={door.path: door for door in doors if isinstance(door, Page)},
        sockets={door.path: door for door in doors if isinstance(door, Socket)},
    )
