"""Dataclasses as JSON objects and back. What is read is checked once, field by field; a fault is one sentence."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")
CALLED = {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}


class FieldError(ValueError):
    """What was read is not as expected; the message says where, what was expected and what is there."""


class Part:
    """A dataclass whose fields lie among those of the object that holds it. An optional part is there as a whole, or
    none of its fields is."""


def from_json(kind: type[T], value: object, where: str) -> T:
    """`where` begins every message: the file, and the number of the record in it."""
    return _object(kind, value, where, "")


def part_of_json(kind: type[T], value: object, where: str) -> T:
    """A Part of a record of any kind: other fields are not looked at."""
    if not isinstance(value, dict):
        raise _fault(where, "", "an object", value)
    return _take(kind, dict(value), where, "")


def to_json(record: Any) -> dict[str, Any]:
    """An optional field that holds None is left out."""
    found: dict[str, Any] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, Part):
            found |= to_json(value)
        elif value is not None or field.default is MISSING:
            found[field.name] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return to_json(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _object(kind: type[T], value: object, where: str, path: str) -> T:
    if not isinstance(value, dict):
        raise _fault(where, path, "an object", value)
    left = dict(value)
    found = _take(kind, left, where, path)
    if left:
        raise FieldError(f"{where}, field {path}{next(iter(left))}: {kind.__name__} has no such field")
    return found


def _take(kind: type[T], left: dict[str, Any], where: str, path: str) -> T:
    """Made of fields that are then no longer left."""
    given: dict[str, Any] = {}
    hints = _hints(kind)
    for field in fields(kind):  # type: ignore[arg-type]
        hint, optional = _required(hints[field.name])
        if isinstance(hint, type) and issubclass(hint, Part):
            if not optional or _names(hint) & left.keys():
                given[field.name] = _take(hint, left, where, path)
        elif field.name in left:
            given[field.name] = _value(hints[field.name], left.pop(field.name), where, f"{path}{field.name}")
        elif field.default is MISSING:
            raise FieldError(f"{where}, field {path}{field.name}: expected {_called(hint)}, got nothing")
    return kind(**given)


def _value(hint: Any, value: object, where: str, path: str) -> Any:
    hint, optional = _required(hint)
    if value is None and optional:
        return None
    if is_dataclass(hint):
        return _object(hint, value, where, f"{path}.")  # type: ignore[arg-type]
    if get_origin(hint) is dict:
        if not isinstance(value, dict):
            raise _fault(where, path, _called(hint), value)
        return {key: _value(get_args(hint)[1], item, where, f"{path}.{key}") for key, item in value.items()}
    if get_origin(hint) is list:
        if not isinstance(value, list):
            raise _fault(where, path, _called(hint), value)
        return [_value(get_args(hint)[0], item, where, f"{path}[{i}]") for i, item in enumerate(value)]
    if hint is Any:
        return value
    wanted = (int, float) if hint is float else hint
    if not isinstance(value, wanted) or (isinstance(value, bool) and hint is not bool):
        raise _fault(where, path, _called(hint), value)
    return value


def _required(hint: Any) -> tuple[Any, bool]:
    """The type without None, and whether None is allowed."""
    of = get_args(hint)
    return (next(it for it in of if it is not NoneType), True) if NoneType in of else (hint, False)


def _called(hint: Any) -> str:
    return CALLED.get(hint, "a list" if get_origin(hint) is list else "an object")


def _fault(where: str, path: str, expected: str, value: object) -> FieldError:
    got = "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else repr(value)
    place = f"{where}, field {path.rstrip('.')}" if path else where
    return FieldError(f"{place}: expected {expected}, got {got}")


_hints: Callable[[type], dict[str, Any]] = functools.cache(get_type_hints)


def _names(part: type[Part]) -> set[str]:
    """The fields of a part, those of its own parts among them."""
    names: set[str] = set()
    for field in fields(part):  # type: ignore[arg-type]
        hint, _ = _required(_hints(part)[field.name])
        names |= _names(hint) if isinstance(hint, type) and issubclass(hint, Part) else {field.name}
    return names
