"""The phases of checking, one a file: small functions over a graph file, each adding to a report what it finds.

`voicegraph.graph.check` lists them in their order, with the codes that each can tell.
"""
