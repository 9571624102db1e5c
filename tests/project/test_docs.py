"""What the documentation says is so: links lead somewhere, quoted messages are raised, the plan's keys are these."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dim_trt import _core
from dim_trt.plans.header import FORMAT_VERSION
from tests.support import ROOT
from tools.api_docs import PUBLIC, public_names

PAGES = sorted(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")) + sorted(ROOT.glob("docs/*.md"))
TROUBLE = (ROOT / "docs" / "troubleshooting.md").read_text()
PLAN_FORMAT = (ROOT / "docs" / "plan-format.md").read_text()
NAMES = dict(entry for module in PUBLIC for entry in public_names(importlib.import_module(module)))
VARIES = "…"


# every public name is explained


def test_the_public_names_are_found() -> None:
    assert {"dim_trt.Engine.run", "dim_trt.stream", "dim_trt.trimaps.from_mask", "dim_trt.Engine.info"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_has_a_docstring_that_names_its_parameters(name: str) -> None:
    text = inspect.getdoc(NAMES[name])
    assert text, name
    sections = text.split("\nArgs:\n")
    if len(sections) == 2:
        entries = re.findall(r"^    (\w[\w, ]*):", sections[1], re.MULTILINE)
        described = {part for entry in entries for part in entry.split(", ")}
        parameters = set(inspect.signature(NAMES[name]).parameters) - {"self"}
        assert described >= parameters, f"{name}: {parameters - described} not described"


@pytest.mark.parametrize("path", sorted(ROOT.glob("examples/*.py")), ids=lambda path: path.name)
def test_what_examples_import_is_public(path: Path) -> None:
    tree = ast.parse(path.read_text())
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    names = {f"{node.module}.{alias.name}" for node in found for alias in node.names}
    used = {name for name in names if name.startswith("dim_trt")}
    used |= {
        f"dim_trt.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "dim_trt"
    }
    assert used
    assert used <= set(NAMES), used - set(NAMES)


# pages


def anchors(page: Path) -> set[str]:
    """As GitHub makes them from headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path) if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_modules_that_are_run_exist(page: Path) -> None:
    for module in re.findall(r"python -m (\w+(?:\.\w+)*)", page.read_text()):
        assert importlib.util.find_spec(module), module


def commands() -> dict[str, set[str]]:
    """The options that the pages' shell blocks give to each module; of `trimap` to each of its commands."""
    found: dict[str, set[str]] = {}
    for page in PAGES:
        for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                if command := re.search(r"-m ((?:dim_trt|training|benchmarks)\.\w+(?: (?!-)[a-z]+\b)?)([^#]*)", line):
                    name = command[1] if command[1].startswith("dim_trt.trimap ") else command[1].split()[0]
                    found.setdefault(name, set()).update(re.findall(r"(?<= )--[a-z][\w-]*", command[2]))
    return found


@pytest.mark.parametrize(("command", "options"), commands().items(), ids=commands())
def test_options_of_commands_exist(
    command: str, options: set[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name, *arguments = command.split()
    module = importlib.import_module(name)
    if hasattr(module, "__path__"):
        module = importlib.import_module(f"{name}.__main__")
    monkeypatch.setattr(sys, "argv", [name, *arguments, "-h"])
    with pytest.raises(SystemExit) as ended:
        module.main()
    assert ended.value.code == 0
    assert options <= set(re.findall(r"--[a-z][\w-]*", capsys.readouterr().out))


# messages


def python_texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(v.value if isinstance(v, ast.Constant) else VARIES for v in node.values)  # type: ignore[misc]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def cpp_texts(source: str) -> Iterator[str]:
    """Literals that stand side by side are one; what is added between two varies."""
    for statement in re.split(r"[;{}]\n", source):
        texts, end = [], 0
        for literal in re.finditer(r'"(?:[^"\\\n]|\\.)*"', statement):
            is_continued = bool(texts) and statement[end : literal.start()].isspace()
            texts.append((texts.pop() if is_continued else "") + literal[0][1:-1])
            end = literal.end()
        yield VARIES.join(texts)


SOURCES = [
    *(text for path in ROOT.glob("dim_trt/**/*.py") for text in python_texts(ast.parse(path.read_text()))),
    *(text for path in ROOT.glob("csrc/**/*.cc") for text in cpp_texts(path.read_text())),
]


def quoted_messages() -> list[str]:
    """What stands in backticks in the first column."""
    rows = [line.split("|")[1] for line in TROUBLE.splitlines() if line.startswith("| `")]
    return [message for row in rows for message in re.findall(r"`([^`]+)`", row)]


def is_raised(message: str) -> bool:
    """The parts of the message, in their order, in one text of the source; quotes around what varies come by repr."""
    parts = [part.strip().strip("'") for part in message.split(VARIES)]
    return any(follow_each_other(parts, text) for text in SOURCES)


def follow_each_other(parts: list[str], text: str) -> bool:
    end = 0
    for part in parts:
        found = text.find(part, end)
        if found < 0:
            return False
        end = found + len(part)
    return True


@pytest.mark.parametrize("message", quoted_messages())
def test_message_is_in_the_source(message: str) -> None:
    assert len(message.replace(VARIES, "")) > 8, "too little to find it by"
    assert is_raised(message)


def test_a_message_that_is_not_in_the_source_is_noticed() -> None:
    assert is_raised("img: expected shape (height, width, 3), got …")
    assert not is_raised("img: expected shape (height, width, 4), got …")
    assert not is_raised("got … img: expected shape (height, width, 3)")
    assert len(quoted_messages()) > 50


# the plan format


def plan_header() -> dict[str, Any]:
    header: dict[str, Any] = json.loads(_core.read_plan_header(str(ROOT / f"tests/golden/v{FORMAT_VERSION}/fp16.plan")))
    return header


def test_plan_format_names_the_keys_of_a_plan() -> None:
    table = PLAN_FORMAT.split("### Header")[1].split("###")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    described = set()
    for cell in cells:
        first, *rest = re.findall(r"`([^`]+)`", cell)
        described |= {first, *(first.split(".")[0] + other for other in rest)}
    found = set()
    for key, value in plan_header().items():
        inner = {f"{key}.{name}" for name in value} if isinstance(value, dict) else set()
        found |= inner if inner & described else {key}
    assert found <= described
    may_be_missing = {"int8", "tensorrt", "preprocessing.trimap_values", "preprocessing.resize"}
    assert described - found == may_be_missing


def test_plan_format_names_every_key_that_is_read() -> None:
    read = _core.plan_keys()
    assert {"format_version", "payload.sha256", "preprocessing.resize.max_side"} <= set(read)
    assert not {key for key in read if not re.search(rf"[`.]{key.rpartition('.')[2]}[`.]", PLAN_FORMAT)}


def test_plan_format_names_the_operations_of_the_reader() -> None:
    table = PLAN_FORMAT.split("### Payload of a CPU plan")[1].split("###")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    described = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)} - {"op"}
    assert described == set(_core.operations())


def test_the_version_is_one_everywhere() -> None:
    assert f"The present format version is **{FORMAT_VERSION}**" in PLAN_FORMAT
    assert plan_header()["format_version"] == FORMAT_VERSION == _core.PLAN_FORMAT_VERSION
