"""The corpus: one archive of inputs for each target, each under the SHA-1 of its bytes, as libFuzzer names them.

Nothing in an archive depends on when and where it is written: inputs are sorted, have one date and are stored as they
are, because zlib's versions compress differently and git compresses anyway.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable
from pathlib import Path

from dim_trt.files import replaced

FOLDER = Path(__file__).parent / "corpus"
DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that an archive can have


def name_of(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def archive(target: str) -> Path:
    return FOLDER / f"{target}.zip"


def read(target: str) -> dict[str, bytes]:
    """Inputs by name."""
    with zipfile.ZipFile(archive(target)) as stored:
        return {name: stored.read(name) for name in stored.namelist()}


def add(target: str, inputs: Iterable[bytes]) -> int:
    """Writes the archive again, with these; how many are new."""
    before = read(target) if archive(target).exists() else {}
    after = before | {name_of(data): data for data in inputs}
    FOLDER.mkdir(exist_ok=True)
    with replaced(archive(target)) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as stored:
        for name in sorted(after):
            entry = zipfile.ZipInfo(name, DATE)
            entry.create_system = 3  # Unix, on every system
            stored.writestr(entry, after[name])
    return len(after) - len(before)


def unpack(target: str, folder: Path) -> Path:
    """One file an input, in `folder`/`target`."""
    unpacked = folder / target
    unpacked.mkdir()
    for name, data in read(target).items():
        (unpacked / name).write_bytes(data)
    return unpacked
