"""Every code that a diagnostic can have. Codes are stable: tools may rely on them. docs/errors.md explains each."""

from __future__ import annotations

from typing import Literal

Code = Literal[
    # source.py: the file
    "file-not-found",
    "not-a-file",
    "file-unreadable",
    "file-too-large",
    "not-utf8",
    # tree.py, syntax.py: its YAML
    "yaml-syntax",
    "control-character",
    "duplicate-key",
    "key-not-text",
    "alias",
    "tag",
    "second-document",
    "too-deep",
    # references.py, layers.py, shorthand.py
    "bad-reference",
    "unset-variable",
    "empty-graph",
    "extends-cycle",
    "bad-set",
    "duplicate-node",
    # parse.py, recovery.py, flow.py: keys and values
    "unknown-key",
    "missing-key",
    "wrong-shape",
    "bad-value",
    "bad-name",
    "unsupported-version",
    "too-large",
    "flow-syntax",
    # imports.py
    "not-python",
    "import-syntax",
    "import-failed",
    # checks/types.py, checks/configuration.py: each node (and unknown-key, missing-key)
    "unknown-node-type",
    "broken-node-type",
    "two-lines",
    "bad-config",
    "bad-rate",
    # checks/tools.py, checks/actions.py: functions that a language model, or a `then`, may call
    "unknown-tool",
    "bad-tool",
    "duplicate-tool",
    "line-cannot",
    # checks/wires.py, checks/topology.py: the flow
    "unknown-node",
    "unknown-output",
    "type-mismatch",
    "unused-node",
    "unreachable-node",
    "cycle",
    "silent-line",
    # checks/policy.py: recovery and budgets (and unknown-node)
    "fallback-mismatch",
    "fallback-in-flow",
    "fallback-cycle",
    "cannot-recover",
    "cannot-cache",
    "no-voice",
    "unknown-budget",
    # checks/requirements.py: this machine
    "missing-package",
    "missing-variable",
    # testing/conversations/read.py and beside it: a conversation test file (and many of the above)
    "empty-test",
    "duplicate-test",
    "unknown-step",
    "two-steps",
    "unknown-expectation",
    "unknown-frame",
    "wrong-graph",
    "no-stand-in",
    "not-scripted",
    # testing/conversations/running.py, director.py: how a test went
    "never-happened",
    "call-ended",
    "other-words",
    "not-as-expected",
    "not-virtual",
    # observe/bench/budgets.py: what `voicegraph bench` measured
    "broken-budget",
    # diagnostics.py
    "too-many",
]
