"""What `voicegraph bench` measures: calls on one graph, or a node alone, in rounds.

`calls` and `callers` make the calls, `nodes` and `feed` run a node alone; `result` is what comes of it, plain data.
The rest are functions of that: `figures`, `budgets`, `compare` with `shift`, and `tables` for people.
"""
