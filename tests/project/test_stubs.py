"""The stubs say what the compiled modules have: the same names, parameters and defaults, nothing more or less.

pybind11 writes each signature into the first line of the docstring, as Python that can be parsed.
"""

from __future__ import annotations

import ast
import inspect
import re
from importlib import import_module, resources, util
from types import ModuleType
from typing import Any

import pytest

from dim_trt import _core

pytestmark = [pytest.mark.public, pytest.mark.smoke]
MODULES = ["_core", "_testing"]
BUILT = [name for name in MODULES if util.find_spec(f"dim_trt.{name}")]
NO_DEFAULT = "no default"
FREE = "..."  # a default that the stub leaves open


def public(names: Any) -> set[str]:
    return {name for name in names if not name.startswith("_") or name == "__init__"}


def members(kind: type) -> set[str]:
    """Of a class that cannot be constructed pybind11's own __init__ does not count."""
    return public(vars(kind)) - (set() if str(kind.__init__.__doc__).startswith("__init__(") else {"__init__"})


def stub_of(body: list[ast.stmt], kind: Any) -> dict[str, Any]:
    return {node.name: node for node in body if isinstance(node, kind) and public([node.name])}


def constants(body: list[ast.stmt]) -> set[str]:
    """`NAME: type`."""
    targets = [node.target for node in body if isinstance(node, ast.AnnAssign)]
    return public(target.id for target in targets if isinstance(target, ast.Name))


def is_property(function: ast.FunctionDef) -> bool:
    return any(isinstance(decorator, ast.Name) and decorator.id == "property" for decorator in function.decorator_list)


def parameters(function: ast.FunctionDef) -> list[tuple[str, str, str]]:
    """(name, kind, default) of each."""
    arguments = function.args
    assert arguments.vararg is None
    assert arguments.kwarg is None
    positional = [*arguments.posonlyargs, *arguments.args]
    missing: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    rows = [
        *zip(positional, ["positional"] * len(positional), missing + arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, ["keyword"] * len(arguments.kwonlyargs), arguments.kw_defaults, strict=True),
    ]
    return [(argument.arg, kind, ast.unparse(default) if default else NO_DEFAULT) for argument, kind, default in rows]


def compiled(function: Any) -> list[ast.FunctionDef]:
    """One definition, or that of each overload, which pybind11 numbers below the first line."""
    first, *rest = (function.__doc__ or "").splitlines()
    overloads = [line.partition(". ")[2] for line in rest if re.match(r"\d+\. \w+\(", line)]
    definitions = [ast.parse(f"def {signature}: ...").body[0] for signature in overloads or [first]]
    return [definition for definition in definitions if isinstance(definition, ast.FunctionDef)]


def assert_same(stub: ast.FunctionDef, function: Any, where: str) -> None:
    expected = parameters(stub)
    for actual in map(parameters, compiled(function)):
        assert [row[:2] for row in expected] == [row[:2] for row in actual], where
        for (name, _, in_stub), (_, _, in_module) in zip(expected, actual, strict=True):
            assert (in_stub == FREE and in_module != NO_DEFAULT) or in_stub == in_module, f"{where}: default of {name}"


def stub(module: str) -> list[ast.stmt]:
    return ast.parse((resources.files("dim_trt") / f"{module}.pyi").read_text()).body


def module_of(name: str) -> ModuleType:
    return import_module(f"dim_trt.{name}")


def entries(kind: Any) -> list[tuple[str, str]]:
    """(module, name) of all that the stubs of the modules that are here have of a kind."""
    return [(module, name) for module in BUILT for name in stub_of(stub(module), kind)]


@pytest.mark.parametrize("module", MODULES)
def test_the_stub_names_what_the_module_has(module: str) -> None:
    if module not in BUILT:
        pytest.skip(f"dim_trt.{module} was not built; run make .venv/dev.stamp")
    body = stub(module)
    functions = stub_of(body, ast.FunctionDef)
    assert public(dir(module_of(module))) == {*stub_of(body, ast.ClassDef), *functions, *constants(body)}
    assert len(functions) > 10


@pytest.mark.parametrize(("module", "name"), entries(ast.FunctionDef))
def test_functions(module: str, name: str) -> None:
    assert_same(stub_of(stub(module), ast.FunctionDef)[name], getattr(module_of(module), name), name)


@pytest.mark.parametrize(("module", "name"), entries(ast.ClassDef))
def test_classes(module: str, name: str) -> None:
    kind = getattr(module_of(module), name)
    body = stub_of(stub(module), ast.ClassDef)[name].body
    methods, fields = stub_of(body, ast.FunctionDef), constants(body)
    assert members(kind) == {*methods, *fields}
    assert all(inspect.getattr_static(kind, field).fset is not None for field in fields)
    for method, definition in methods.items():
        member = inspect.getattr_static(kind, method)
        assert isinstance(member, property) == is_property(definition), f"{name}.{method}"
        if not is_property(definition):
            is_static = isinstance(member, staticmethod)
            assert_same(definition, member.__func__ if is_static else member, f"{name}.{method}")


def test_the_comparison_finds_differences() -> None:
    """Of parameter, order, kind, default and missing default."""
    right = "def run(self, img, trimap, out=None, window=None): ..."
    (definition,) = ast.parse(right).body
    assert isinstance(definition, ast.FunctionDef)
    assert_same(definition, _core.Engine.run, "run")
    for wrong in ("img, trimap", "trimap, img, out=None", "img, trimap, *, out=None", "img, trimap, out=0"):
        (definition,) = ast.parse(f"def run(self, {wrong}, window=None): ...").body
        assert isinstance(definition, ast.FunctionDef)
        with pytest.raises(AssertionError):
            assert_same(definition, _core.Engine.run, "run")
