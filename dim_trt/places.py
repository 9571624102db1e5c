"""Where results go, looked at before any work: nothing is replaced that is read, nothing fails for want of a folder."""

from __future__ import annotations

import contextlib
import os
import secrets
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from dim_trt.errors import Error, InvalidInput
from dim_trt.files import StrPath

Named: TypeAlias = tuple[str, StrPath]  # the argument, and the path that it gives
Identity: TypeAlias = tuple[int, int, str]  # device, inode, and the name in that folder where there is no file yet


def check_places(results: Iterable[Named], inputs: Iterable[Named]) -> None:
    """Raise where a result would replace another one or what is read, whatever they are called, or cannot be written.

    Paths are the same where they lead to one file: by links of both kinds, and by another case or another form of
    Unicode where the file system does not tell these apart. Inputs that are not there are left to those who read them.

    Raises:
        InvalidInput: two are the same; the message names both.
        Error: a result's folder is not there or cannot be written, or it is something else than a file.
    """
    taken: dict[Identity, Named] = {}
    for argument, path in inputs:
        with contextlib.suppress(OSError, ValueError):
            found = Path(path).stat()
            taken.setdefault((found.st_dev, found.st_ino, ""), (argument, path))
    folding: dict[tuple[int, int], bool] = {}
    for argument, path in results:
        identity = _identity(argument, path, folding)
        if other := taken.get(identity):
            also = "" if os.fspath(other[1]) == os.fspath(path) else f", {os.fspath(other[1])!r}"
            raise InvalidInput(
                f"{argument}: {os.fspath(path)!r}: expected a file of its own, got that of {other[0]}{also}; give "
                "another name"
            )
        taken[identity] = (argument, path)


def _identity(argument: str, path: StrPath, folding: dict[tuple[int, int], bool]) -> Identity:
    """Of a result, which can be written."""
    name = f"{argument}: cannot write {os.fspath(path)!r}"
    if "\0" in os.fsdecode(path):
        raise Error(f"{name}: the name has a NUL in it")
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise Error(f"{name}: the folder does not exist")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise Error(f"{name}: the folder cannot be written")
    try:
        found = target.stat()
    except FileNotFoundError:
        folder = target.parent.stat()
        key = (folder.st_dev, folder.st_ino)
        if key not in folding:
            folding[key] = _folds_case(target.parent)
        return (*key, _folded(target.name) if folding[key] else target.name)
    except OSError as failure:  # a name that is too long
        raise Error(f"{name}: {failure.strerror}") from failure
    if target.is_dir():
        raise Error(f"{name}: it is a folder; expected a file's name")
    if not target.is_file():
        raise Error(f"{name}: it {'is a folder' if target.is_dir() else 'exists and is not a regular file'}")
    return found.st_dev, found.st_ino, ""


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _folds_case(folder: Path) -> bool:
    """Whether names that differ in case are one file in it; tried, as it can differ from folder to folder."""
    probe = folder / f".dim_trt-{secrets.token_hex(6)}.tmp"
    try:
        probe.touch(exist_ok=False)
        return probe.with_name(probe.name.upper()).exists()
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()
