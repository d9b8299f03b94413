"""Tools: Python functions that a language model may call.

* `declaration`: `@tool`, for what a plain function cannot say of itself
* `reading`: from a function to what a model is told of it, and to checked arguments
* `toolbox`: runs what a model called, in one call
* `field`: the field of a node by which it is told its tools
* `line`: the tools of every graph: hang up, transfer, keys
"""

from voicegraph.errors import ToolError
from voicegraph.tools.declaration import tool
from voicegraph.tools.field import Tools
from voicegraph.tools.reading import Tool

__all__ = ["Tool", "ToolError", "Tools", "tool"]
