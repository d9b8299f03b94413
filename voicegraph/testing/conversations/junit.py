"""The results of tests as JUnit XML, for CI systems.

Source: the schema of Jenkins' xUnit plugin, `junit-10.xsd`, which GitLab, GitHub actions and others read as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from xml.etree import ElementTree

from voicegraph.graph.diagnostics import Diagnostic
from voicegraph.graph.render import as_text
from voicegraph.testing.conversations.running import Outcome

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""XML 1.0, section 2.2."""


def as_xml(outcomes: Sequence[Outcome], wrong: Mapping[str, Sequence[Diagnostic]]) -> bytes:
    """One suite per file. wrong: what is wrong with files that could not be run, each a suite with one failure."""
    files: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        files.setdefault(outcome.suite.name, []).append(outcome)
    root = ElementTree.Element("testsuites", name="voicegraph")
    for name, of_file in files.items():
        suite = _suite(root, name, len(of_file), sum(not each.passed for each in of_file), _took(of_file))
        properties = ElementTree.SubElement(suite, "properties")
        ElementTree.SubElement(properties, "property", name="seed", value=str(of_file[0].seed))
        for outcome in of_file:
            _case(suite, outcome)
    for name, diagnostics in wrong.items():
        case = _testcase(_suite(root, name, 1, 1, 0.0), name, "the file is right", 0.0)
        _failure(case, diagnostics, as_text(diagnostics))
    failures = sum(not each.passed for each in outcomes) + len(wrong)
    root.attrib |= _counts(len(outcomes) + len(wrong), failures, _took(outcomes))
    ElementTree.indent(root)
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _case(suite: ElementTree.Element, outcome: Outcome) -> None:
    case = _testcase(suite, outcome.suite.name, outcome.case.title, outcome.took)
    if not outcome.passed:
        _failure(case, outcome.found, outcome.report())


def _suite(root: ElementTree.Element, name: str, tests: int, failures: int, took: float) -> ElementTree.Element:
    return ElementTree.SubElement(root, "testsuite", {"name": _clean(name)} | _counts(tests, failures, took))


def _testcase(suite: ElementTree.Element, file: str, name: str, took: float) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", name=_clean(name), classname=_clean(file), time=f"{took:.3f}")


def _failure(case: ElementTree.Element, found: Sequence[Diagnostic], text: str) -> None:
    first = found[0]
    failure = ElementTree.SubElement(case, "failure", message=_clean(first.message), type=first.code)
    failure.text = _clean(text)


def _counts(tests: int, failures: int, took: float) -> dict[str, str]:
    return {"tests": str(tests), "failures": str(failures), "errors": "0", "time": f"{took:.3f}"}


def _took(outcomes: Iterable[Outcome]) -> float:
    return sum(each.took for each in outcomes)


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
