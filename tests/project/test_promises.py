"""The table of promises names tests and commands that exist."""

from __future__ import annotations

import ast
import re

from tests.support import ROOT

PAGE = (ROOT / "docs" / "promises.md").read_text()
ROWS = [line.split("|")[1:-1] for line in PAGE.splitlines() if line.startswith("| ")][2:]


def test_every_promise_is_kept_by_a_test_or_a_command() -> None:
    assert len(ROWS) > 10
    for promise, kept_by, figure in ROWS:
        assert re.search(r"`(tests/\S+::\w+|make [a-z-]+)`", kept_by), promise
        assert re.search(r"\d|〃", figure), promise


def test_the_tests_exist() -> None:
    named = re.findall(r"`(tests/[\w/.]+)::(\w+)`", PAGE)
    assert len(named) > 20
    for file, name in named:
        functions = [
            node.name for node in ast.parse((ROOT / file).read_text()).body if isinstance(node, ast.FunctionDef)
        ]
        assert name in functions, f"{file}::{name}"


def test_the_commands_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    commands = set(re.findall(r"`make ([a-z-]+)`", PAGE))
    assert {"fuzz", "asan", "tsan", "soak", "verify"} <= commands
    for command in commands:
        assert re.search(rf"^{command}:", makefile, re.MULTILINE), command


def test_no_test_of_faults_or_concurrency_is_missing_from_the_table() -> None:
    """A new one belongs to a promise; what only supports another is not a promise."""
    supports = {
        "test_a_huge_file_that_is_no_plan_is_not_read",
        "test_a_run_and_foreground_colors_at_the_same_time",
        "test_fork_after_import",
        "test_output_that_cannot_be_printed",
        "test_what_is_no_plan_is_refused_at_once",
    }
    for file in ("tests/robustness/test_faults.py", "tests/robustness/test_concurrency.py"):
        for node in ast.parse((ROOT / file).read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                assert f"{file}::{node.name}" in PAGE or node.name in supports, f"{file}::{node.name}"
