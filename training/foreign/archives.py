"""Files of torch.save, the zip archives of today and the older ones: what they hold, and where its numbers are."""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.foreign.machine import MalformedError
from training.foreign.pickles import read_pickle
from training.foreign.stored import Archive, Storage

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # of the older files


class ZipArchive(Archive):
    """`<name>/data.pkl` and the storages as `<name>/data/<key>`; each has a checksum."""

    def __init__(self, path: Path):
        super().__init__()
        self.size = path.stat().st_size
        with _damage_named():
            self.file = zipfile.ZipFile(path)
        self.entries = {entry.filename: entry for entry in self.file.infolist()}
        roots = [name.removesuffix("data.pkl") for name in self.entries if name.endswith("/data.pkl")]
        if len(roots) != 1:
            raise MalformedError(f"has {len(roots)} pickles; expected one")
        self.root = roots[0]
        order = self.read("byteorder").decode("ascii", "replace") if self.root + "byteorder" in self.entries else ""
        self.order = order.strip() or "little"
        if self.order not in ("little", "big"):
            raise MalformedError("has a byte order that is neither little nor big")

    def content(self) -> Any:
        pickled = self.read("data.pkl")
        return read_pickle(pickled, rebuild=self.rebuild, persistent=self.persistent)[0]

    def check(self, storage: Storage) -> None:
        entry = self.entries.get(name := f"{self.root}data/{storage.key}")
        size, needed = (entry.file_size if entry else 0), storage.count * storage.dtype.itemsize
        if entry is None or size < needed:
            raise MalformedError(f"has {size} bytes of {name}; its tensors need {needed}")

    def raw(self, key: str) -> tuple[bytes, str]:
        return self.read(f"data/{key}"), self.order

    def read(self, name: str) -> bytes:
        entry = self.entries[self.root + name]
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
            raise MalformedError(
                f"has {entry.filename} compressed, which PyTorch never does; unpack it, zip it without"
            )
        if entry.file_size != entry.compress_size or entry.file_size > self.size:
            raise MalformedError(f"has a wrong size for {entry.filename}")
        with _damage_named():
            return self.file.read(entry)


class LegacyArchive(Archive):
    """Pickles one after the other: a number, a version, the machine, what was saved, keys; then the storages."""

    def __init__(self, data: mmap.mmap):
        super().__init__()
        self.data = data
        self.storages: dict[str, Storage] = {}
        self.places: dict[str, int] = {}

    def content(self) -> Any:
        magic, at = read_pickle(self.data)
        if magic != MAGIC:
            raise MalformedError(
                "is a pickle that torch.save did not write; load it where it is from, and torch.save that"
            )
        version, at = read_pickle(self.data, at)
        if version != PROTOCOL:
            raise MalformedError(f"has version {str(version)[:20]} of the format; expected {PROTOCOL}")
        machine, at = read_pickle(self.data, at)
        content, at = read_pickle(self.data, at, rebuild=self.rebuild, persistent=self.persistent)
        keys, at = read_pickle(self.data, at)
        is_big = isinstance(machine, dict) and machine.get("little_endian") is False
        self.find_storages(keys, at, is_big)
        return content

    def check(self, storage: Storage) -> None:
        if self.storages.setdefault(storage.key, storage) != storage:
            raise MalformedError("has two storages by one name")

    def find_storages(self, keys: Any, at: int, is_big: bool) -> None:
        """Where each begins, after its count, which older big-endian machines wrote in their order, unlike the rest."""
        for key in keys if isinstance(keys, list) else []:
            storage = self.storages.get(str(key) if isinstance(key, (str, int)) else "")
            head = self.data[at : at + 8]
            if storage is None or len(head) < 8:
                raise MalformedError("ends before its last tensor")
            counts = struct.unpack("<q", head) + (struct.unpack(">q", head) if is_big else ())
            if storage.count not in counts:
                raise MalformedError("has a tensor of another size than it says")
            self.places[storage.key] = at + 8
            at += 8 + storage.count * storage.dtype.itemsize
        if at > len(self.data) or self.places.keys() != self.storages.keys():
            raise MalformedError("ends before its last tensor")

    def raw(self, key: str) -> tuple[bytes, str]:
        at, storage = self.places[key], self.storages[key]
        return self.data[at : at + storage.count * storage.dtype.itemsize], "little"


@contextlib.contextmanager
def _damage_named() -> Iterator[None]:
    """MalformedError for whatever else zipfile stumbles over in a damaged file."""
    try:
        yield
    except (ValueError, RuntimeError, OverflowError, struct.error) as error:
        raise MalformedError(f"is damaged: {error}") from error


@contextlib.contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Closed again at the end; raises MalformedError, OSError, zipfile's errors."""
    with path.open("rb") as file:
        is_zip = file.read(4) == b"PK\x03\x04"
        if is_zip:
            archive = ZipArchive(path)
            with archive.file:
                yield archive
            return
        if os.fstat(file.fileno()).st_size == 0:
            raise MalformedError("is empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield LegacyArchive(data)
