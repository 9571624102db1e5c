"""Folders of pictures wherever they are: on a path that all machines share, or at an address of an object store.

Addresses are those of pyarrow (s3://, gs://, abfs://, hdfs://, file://) and, where that has none, of fsspec.
"""

from __future__ import annotations

import functools
import os
import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from dim_trt.errors import BackendUnavailable, Error, InvalidInput
from dim_trt.files import StoredFile, StrPath, is_address, write_atomic

ONE_REQUEST = "allow_delayed_open=true"
WHOLE_BY_THEMSELVES = ("s3", "gcs", "abfs")  # an object of these stores appears when all of it is there


class Folder(ABC):
    """Files by their names; not those in folders below it. It pickles, and is opened where it is used."""

    @abstractmethod
    def names(self) -> Iterator[str]:
        """Of the files, in any order; of folders with a slash at the end. Raises InvalidInput where there is none."""

    @abstractmethod
    def file(self, name: str) -> StrPath:
        """A path, or a `StoredFile`."""

    @abstractmethod
    def make(self) -> None:
        """Make sure that files can be written there. Raises InvalidInput."""

    @abstractmethod
    def folder(self, name: str) -> Folder:
        """Below this one."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """A file that may not be there."""

    @abstractmethod
    def identity(self) -> str:
        """The same for the same folder."""

    def write(self, name: str, data: bytes, what: str) -> None:
        """The file appears whole or not at all. Raises Error."""
        write_atomic(self.file(name), [data], what=what)


def open_folder(text: StrPath) -> Folder:
    """The folder of a path or an address. Raises InvalidInput for an address that nothing can read."""
    if not is_address(text):
        return LocalFolder(Path(text).absolute())
    address = os.fspath(text)
    if address.startswith("file://"):
        return LocalFolder(Path(urlsplit(address).path))
    _opened(address)
    return StoreFolder(address)


@dataclass(frozen=True)
class LocalFolder(Folder):
    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def names(self) -> Iterator[str]:
        try:
            with os.scandir(self.path) as entries:
                for entry in entries:
                    yield f"{entry.name}/" if entry.is_dir() else entry.name
        except OSError as failure:
            raise InvalidInput(f"cannot read the folder {str(self.path)!r}: {failure.strerror}") from failure

    def file(self, name: str) -> Path:
        return self.path / name

    def make(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as failure:
            raise InvalidInput(f"cannot make the folder {str(self.path)!r}: {failure.strerror}") from failure

    def folder(self, name: str) -> LocalFolder:
        return LocalFolder(self.path / name)

    def remove(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)

    def identity(self) -> str:
        return str(self.path.resolve())


@dataclass(frozen=True)
class StoreFolder(Folder):
    """`address`: with all that opens it, such as `?endpoint_override=`, which `str` leaves out."""

    address: str

    def __str__(self) -> str:
        parts = urlsplit(self.address)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))

    def names(self) -> Iterator[str]:
        from pyarrow.fs import FileSelector, FileType

        store, root = _opened(self.address)
        try:
            found = store.get_file_info(FileSelector(root))
        except OSError as failure:
            raise InvalidInput(f"cannot read {str(self)!r}: {failure}") from failure
        for info in found:
            yield f"{info.base_name}/" if info.type == FileType.Directory else info.base_name

    def file(self, name: str) -> StoredObject:
        return StoredObject(self, name)

    def make(self) -> None:
        store, root = _opened(self.address)
        try:
            store.create_dir(root)
        except OSError as failure:
            raise InvalidInput(f"cannot write to {str(self)!r}: {failure}") from failure

    def folder(self, name: str) -> StoreFolder:
        parts = urlsplit(self.address)
        return StoreFolder(urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{name}")))

    def remove(self, name: str) -> None:
        store, root = _opened(self.address)
        try:
            store.delete_file(f"{root}/{name}")
        except FileNotFoundError:
            return
        except OSError as failure:
            raise Error(f"cannot remove {f'{self}/{name}'!r}: {failure}") from failure

    def identity(self) -> str:
        return str(self)


@dataclass(frozen=True)
class StoredObject(StoredFile):
    folder: StoreFolder
    name: str

    def __fspath__(self) -> str:
        return f"{self.folder}/{self.name}"

    def read_bytes(self) -> bytes:
        store, root = _opened(self.folder.address)
        with store.open_input_file(f"{root}/{self.name}") as stream:
            return bytes(stream.read())

    def write_bytes(self, data: bytes) -> None:
        store, root = _opened(self.folder.address)
        kind = store.type_name.rpartition("+")[2]
        if kind in WHOLE_BY_THEMSELVES or kind.startswith(WHOLE_BY_THEMSELVES):
            with store.open_output_stream(f"{root}/{self.name}") as stream:
                stream.write(data)
            return
        temporary = f"{root}/.dim_trt-{secrets.token_hex(6)}.tmp"
        try:
            with store.open_output_stream(temporary) as stream:
                stream.write(data)
            store.move(temporary, f"{root}/{self.name}")
        except OSError:
            _discard(store, temporary)
            raise


def _discard(store: Any, path: str) -> None:
    try:
        store.delete_file(path)
    except OSError:  # it was never made, or the store is gone
        return


@functools.lru_cache(maxsize=32)
def _opened(address: str) -> tuple[Any, str]:
    """The store, and the folder's path in it."""
    shown = str(StoreFolder(address))
    try:
        import pyarrow as pa
        from pyarrow import fs
    except ModuleNotFoundError as failure:
        raise BackendUnavailable(f"{shown!r} needs pyarrow: pip install 'dim_trt[cluster]'") from failure
    parts = urlsplit(address)
    try:
        if parts.scheme == "s3":
            return _opened_s3(address)
        store, root = fs.FileSystem.from_uri(address)
        return store, root.rstrip("/")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as failure:
        if parts.scheme in ("s3", "gs", "gcs", "abfs", "hdfs"):
            reason = str(failure).replace(address, shown)  # which has no secrets in it
            raise InvalidInput(f"{shown!r} is no address that can be opened: {reason}") from failure
    except OSError as failure:
        raise InvalidInput(f"{shown!r} cannot be opened: {failure}") from failure
    try:
        import fsspec

        found, root = fsspec.core.url_to_fs(address)
        return fs.PyFileSystem(fs.FSSpecHandler(found)), root.rstrip("/")
    except (ImportError, ValueError, OSError) as failure:
        raise InvalidInput(f"{shown!r} cannot be opened: {failure}") from failure


def _opened_s3(address: str) -> tuple[Any, str]:
    """So that a small object is written by one request, where pyarrow's addresses can say so, and not by three."""
    import pyarrow as pa
    from pyarrow import fs

    parts = urlsplit(address)
    query = f"{parts.query}&{ONE_REQUEST}" if parts.query else ONE_REQUEST
    try:
        store, root = fs.FileSystem.from_uri(urlunsplit(parts._replace(query=query)))
    except pa.ArrowInvalid:
        store, root = fs.FileSystem.from_uri(address)
    return store, root.rstrip("/")
