"""Files appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

from dim_trt.errors import Error

StrPath = str | os.PathLike[str]


def write_atomic(path: StrPath, chunks: Iterable[bytes], *, what: str = "file", error: type[Error] = Error) -> None:
    """Write `chunks` under a temporary name in the same folder, then rename to `path`; raises `error` on failure."""
    with replaced(path, what=what, error=error) as temporary, temporary.open("xb") as stream:
        stream.writelines(chunks)


@contextlib.contextmanager
def replaced(path: StrPath, *, what: str = "file", error: type[Error] = Error) -> Iterator[Path]:
    """A temporary name in the same folder for the block to write to; renamed to `path` at its end, removed on failure.

    An OSError of the block, or of renaming, becomes `error`.
    """
    if "\0" in os.fsdecode(path):
        raise error(f"cannot write {what} {os.fspath(path)!r}: the name has a NUL in it")
    target = Path(os.path.realpath(path))  # a link keeps pointing where it did
    temporary = target.with_name(f".dim_trt-{secrets.token_hex(6)}.tmp")
    try:
        if target.exists() and not target.is_file():
            raise error(f"cannot write {what} {os.fspath(path)!r}: it exists and is not a regular file")
        try:
            yield temporary
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
            temporary.replace(target)
        finally:
            with contextlib.suppress(OSError):  # gone after the rename; never made if the folder is not writable
                temporary.unlink()
    except OSError as failure:
        reason = "the folder does not exist" if not target.parent.is_dir() else failure.strerror or str(failure)
        raise error(f"cannot write {what} {os.fspath(path)!r}: {reason}") from failure


def cache_folder() -> Path:
    """DIM_TRT_CACHE, or dim_trt in XDG_CACHE_HOME, or ~/.cache/dim_trt."""
    if own := os.environ.get("DIM_TRT_CACHE"):
        return Path(own)
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not shared.is_absolute():  # to be ignored then, says the XDG specification
        shared = Path("~", ".cache").expanduser()
    return shared / "dim_trt"
