"""Conversation tests: YAML files that say what a caller does and what has to come of it, on virtual time.

    suite = read_suite("front_desk_test.yaml")     # raises GraphError, which holds every mistake with its place and fix
    outcomes = [run_case(suite, case) for case in suite.cases]

The way of a test: `read` (YAML to `model`, with the tables of `steps` and `expect`), `running` (one call), `director`
(plays the steps) beside `record` (what happens), then `expect` again, `timeline` and `junit`. docs/testing.md says how
to write one.
"""

from voicegraph.testing.conversations.model import Case, Suite
from voicegraph.testing.conversations.read import read_suite
from voicegraph.testing.conversations.running import Outcome, run_case, warm_up

__all__ = ["Case", "Outcome", "Suite", "read_suite", "run_case", "warm_up"]
