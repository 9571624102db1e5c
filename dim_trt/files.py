"""Files appear whole or not at all, those that belong together all or none."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from dim_trt.errors import Error, InvalidInput

StrPath = str | os.PathLike[str]


def is_address(text: StrPath) -> bool:
    """Whether it is an address, such as s3://bucket/folder, and no path."""
    return re.match(r"[a-z][a-z0-9+.-]*://", os.fspath(text), re.IGNORECASE) is not None


class StoredFile(os.PathLike[str]):
    """A file that is no path of this machine, an object of a store say; `os.fspath` is its address, for messages."""

    @abstractmethod
    def read_bytes(self) -> bytes:
        """All of it. Raises OSError."""

    @abstractmethod
    def write_bytes(self, data: bytes) -> None:
        """It appears whole or not at all. Raises OSError."""


def read_whole(path: StrPath) -> bytes:
    """The file's bytes. Raises OSError, or ValueError for a NUL in the name."""
    return path.read_bytes() if isinstance(path, StoredFile) else Path(path).read_bytes()


def file_digest(path: StrPath) -> str:
    """SHA-256 of a file's bytes. Raises InvalidInput where it cannot be read."""
    try:
        return hashlib.sha256(read_whole(path)).hexdigest()
    except OSError as failure:
        raise InvalidInput(f"cannot read {os.fspath(path)!r}: {failure.strerror}") from failure


def write_atomic(path: StrPath, chunks: Iterable[bytes], *, what: str = "file", error: type[Error] = Error) -> None:
    """Write `chunks` under a temporary name in the same folder, then rename to `path`; raises `error` on failure."""
    write_together({path: chunks}, what=what, error=error)


def write_together(files: Mapping[StrPath, Iterable[bytes]], *, what: str = "file", error: type[Error] = Error) -> None:
    """Write all files under temporary names, then rename them: all appear, or none and what was there is as it was.

    A `StoredFile` appears whole or not at all by itself, each after the other.
    """
    here = {path: chunks for path, chunks in files.items() if not isinstance(path, StoredFile)}
    with replaced_together(list(here), what=what, error=error) as temporaries:
        for temporary, chunks in zip(temporaries, here.values(), strict=True):
            with temporary.open("xb") as stream:
                stream.writelines(chunks)
        for path, chunks in files.items():
            if isinstance(path, StoredFile):
                try:
                    path.write_bytes(b"".join(chunks))
                except OSError as failure:
                    reason = failure.strerror or failure
                    raise error(f"cannot write {what} {os.fspath(path)!r}: {reason}") from failure


@contextlib.contextmanager
def replaced(path: StrPath, *, what: str = "file", error: type[Error] = Error) -> Iterator[Path]:
    """A temporary name in the same folder for the block to write to; renamed to `path` at its end, removed on failure.

    An OSError of the block, or of renaming, becomes `error`.
    """
    with replaced_together([path], what=what, error=error) as (temporary,):
        yield temporary


@contextlib.contextmanager
def replaced_together(
    paths: Sequence[StrPath], *, what: str = "file", error: type[Error] = Error
) -> Iterator[list[Path]]:
    """As `replaced` for several files: at the end of the block all are renamed, or none."""
    for path in paths:
        if "\0" in os.fsdecode(path):
            raise error(f"cannot write {what} {os.fspath(path)!r}: the name has a NUL in it")
    targets = [Path(os.path.realpath(path)) for path in paths]  # a link keeps pointing where it did
    temporaries = [target.with_name(f".dim_trt-{secrets.token_hex(6)}.tmp") for target in targets]
    try:
        for path, target in zip(paths, targets, strict=True):
            if target.exists() and not target.is_file():
                raise error(f"cannot write {what} {os.fspath(path)!r}: it exists and is not a regular file")
        try:
            yield temporaries
            for temporary in temporaries:
                with temporary.open("rb") as stream:
                    os.fsync(stream.fileno())
            _rename(temporaries, targets)
        finally:
            for temporary in temporaries:
                with contextlib.suppress(OSError):  # gone after the rename; never made if the folder is not writable
                    temporary.unlink()
    except OSError as failure:
        named = {os.fspath(temporary): index for index, temporary in enumerate(temporaries)}
        index = named.get(os.fsdecode(failure.filename or ""), 0)
        reason = "the folder does not exist" if not targets[index].parent.is_dir() else failure.strerror or str(failure)
        raise error(f"cannot write {what} {os.fspath(paths[index])!r}: {reason}") from failure


def _rename(temporaries: Sequence[Path], targets: Sequence[Path]) -> None:
    """Each to its target; if one fails, those before it are as they were."""
    if len(targets) == 1:
        temporaries[0].replace(targets[0])
        return
    olds: list[Path | None] = []
    try:
        for temporary, target in zip(temporaries, targets, strict=True):
            olds.append(_kept(target, temporary.with_suffix(".old")))
            temporary.replace(target)
    except BaseException:  # an interrupt, too
        for target, old in zip(targets, olds, strict=False):
            with contextlib.suppress(OSError):
                if old is None:
                    target.unlink()
                else:
                    old.replace(target)
        raise
    finally:
        for old in filter(None, olds):
            old.unlink(missing_ok=True)


def _kept(target: Path, old: Path) -> Path | None:
    """What is at `target` under a second name; None where there is nothing."""
    try:
        os.link(target, old)
    except FileNotFoundError:
        return None
    except OSError:  # a file system without links
        shutil.copy2(target, old)
    return old


def cache_folder() -> Path:
    """DIM_TRT_CACHE, or dim_trt in XDG_CACHE_HOME, or ~/.cache/dim_trt."""
    if own := os.environ.get("DIM_TRT_CACHE"):
        return Path(own)
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not shared.is_absolute():  # to be ignored then, says the XDG specification
        shared = Path("~", ".cache").expanduser()
    return shared / "dim_trt"
