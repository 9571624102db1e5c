"""The manifest: a row about each picture, in Parquet beside the results.

While a run goes on its rows are in parts, of which each appears whole; at its end they become one file, in which a
picture has one row, the last. A run that was killed leaves its parts, and the next begins with that.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Container, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dim_trt.cluster.places import Folder
from dim_trt.errors import Error, InvalidInput
from dim_trt.files import read_whole

NAME, PARTS = "manifest.parquet", "manifest.parts"
SCHEMA = pa.schema(
    [
        ("name", pa.string()),  # of the picture's file
        ("height_px", pa.int32()),
        ("width_px", pa.int32()),
        ("seconds", pa.float64()),  # from reading to the last result
        ("latency_ms", pa.float64()),  # of that the engine
        ("unknown_share", pa.float64()),  # of the picture's pixels
        ("warning", pa.string()),  # what looked wrong and was taken all the same
        ("error", pa.string()),  # why there is no result; null where there is
    ]
)
SETTINGS = b"dim_trt"  # key of the file's metadata: what decides the bits of the results
ROWS = 10_000  # of a part at most
SECONDS = 10.0  # that a part takes at most; the first ones take less, so that what is killed early has some, too


class Manifest:
    """Of one folder of results."""

    def __init__(self, folder: Folder):
        self._folder, self._parts = folder, folder.folder(PARTS)

    def settings(self) -> dict[str, Any] | None:
        """With what the results were made that are there; None where there are none."""
        for file in self._files():
            found: dict[str, Any] = json.loads((file.schema_arrow.metadata or {}).get(SETTINGS, b"{}"))
            return found
        return None

    def done(self) -> set[str]:
        """Names of the pictures whose row is no error; of the file, so that it is the same all through a run."""
        if not (file := self._read(self._folder, NAME)):
            return set()
        rows = file.read(columns=["name", "error"])
        return set(rows.filter(rows["error"].is_null())["name"].to_pylist())

    def merge(self, without: Container[str] = ()) -> None:
        """All there is becomes one file, of each picture the last row; of those in `without` none."""
        if not without and not self._part_names():
            return
        last: dict[str, tuple[int, int]] = {}
        for number, file in enumerate(self._files()):
            index = 0
            for batch in file.iter_batches(columns=["name"]):
                for name in batch["name"].to_pylist():
                    last[name] = (number, index)
                    index += 1
        stream = io.BytesIO()
        writer = None
        for number, file in enumerate(self._files()):
            index = 0
            for batch in file.iter_batches():
                names = batch["name"].to_pylist()
                kept = [last[name] == (number, index + row) and name not in without for row, name in enumerate(names)]
                index += len(names)
                writer = writer or pq.ParquetWriter(stream, file.schema_arrow)
                writer.write_batch(batch.filter(pa.array(kept, pa.bool_())))
        if writer is not None:
            writer.close()
            self._folder.write(NAME, stream.getvalue(), "manifest")
        self.discard_parts()

    def discard_parts(self) -> None:
        for name in self._part_names():
            self._parts.remove(name)

    def discard(self) -> None:
        """As if nothing had been done."""
        self.discard_parts()
        self._folder.remove(NAME)

    def _part_names(self) -> list[str]:
        try:
            return sorted(name for name in self._parts.names() if name.endswith(".parquet") and name[0] != ".")
        except InvalidInput:  # there is no such folder
            return []

    def _files(self) -> Iterator[pq.ParquetFile]:
        """In the order they were written."""
        for folder, name in [(self._folder, NAME), *((self._parts, name) for name in self._part_names())]:
            if file := self._read(folder, name):
                yield file

    def _read(self, folder: Folder, name: str) -> pq.ParquetFile | None:
        try:
            return pq.ParquetFile(pa.BufferReader(read_whole(folder.file(name))))
        except FileNotFoundError:
            return None
        except (OSError, pa.ArrowInvalid) as failure:
            place = f"{folder}/{name}"
            raise Error(
                f"cannot read the manifest {place!r}: {failure}; --restart does all pictures again"
            ) from failure


class Recorder:
    """Writes the rows of one run, as parts."""

    def __init__(self, folder: Folder, settings: Mapping[str, Any]):
        self._parts = folder.folder(PARTS)
        self._parts.make()
        self._schema = SCHEMA.with_metadata({SETTINGS: json.dumps(settings).encode()})
        self._run, self._count = f"{time.time_ns():020d}", 0
        self._rows: list[pa.Table] = []
        self._since, self._seconds = time.monotonic(), 1.0

    def add(self, rows: pa.Table) -> None:
        """Of pictures. Raises Error where they cannot be written."""
        self._rows.append(rows)
        if sum(table.num_rows for table in self._rows) >= ROWS or time.monotonic() - self._since > self._seconds:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            stream = io.BytesIO()
            rows = pa.concat_tables(self._rows).cast(SCHEMA)
            pq.write_table(rows.replace_schema_metadata(self._schema.metadata), stream)
            self._parts.write(f"{self._run}-{self._count:08d}.parquet", stream.getvalue(), "manifest")
            self._count += 1
            self._seconds = min(2 * self._seconds, SECONDS)
        self._rows, self._since = [], time.monotonic()
