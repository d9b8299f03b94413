"""Options of the commands whose calls leave spans."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SpansOption = Annotated[
    Path | None,
    typer.Option("--spans", metavar="FILE", help="Append a line of JSON for each span: calls, turns, nodes."),
]
OtelOption = Annotated[
    bool, typer.Option("--otel", help="Send spans to OpenTelemetry, as its own variables (OTEL_...) say.")
]
WordsOption = Annotated[
    bool, typer.Option("--words", help="What both sides say is in spans and traces, too, and may be watched.")
]
