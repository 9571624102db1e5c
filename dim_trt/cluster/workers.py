"""What an actor of Ray does: names of pictures in, their results written, rows about them out."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from dim_trt.cluster.attempts import MOST_DEATHS
from dim_trt.cluster.engines import AutoSpec, EngineSpec
from dim_trt.cluster.listing import Folders, Item
from dim_trt.cluster.manifest import SCHEMA
from dim_trt.pictures.composite import Color
from dim_trt.pictures.picture import Picture
from dim_trt.renditions import Matting, Outcome, PictureJob, Rendering, in_stages, stages_of

ROWS = "rows"  # the column of what comes back
RESULTS = pa.schema([(ROWS, pa.list_(pa.struct(list(SCHEMA))))])
GIVEN_UP = (
    "workers ended while they were at this picture, {} times: for want of memory, or by a fault; it is left out, and a "
    "second run tries it again"
)


@dataclass(frozen=True)
class Work:
    """What is asked for.

    settings: without `auto`, which is opened in the worker.
    background: of composites, read.
    """

    folders: Folders
    settings: Rendering
    background: Color | Picture | None
    engine: EngineSpec
    auto: AutoSpec | None = None

    def job(self, item: Item) -> PictureJob:
        folders = self.folders
        results = {content: folder.file(folders.result_name(item.name)) for content, folder in folders.results.items()}
        known = folders.known.file(item.known) if folders.known and item.known else None
        return PictureJob(folders.images.file(item.name), known, **results)


class PictureWorker:
    """One engine; called with lists of `Item`, returns lists of rows of the manifest."""

    def __init__(self, work: Work, attempts: Any):
        self._work, self._attempts, self._remarks = work, attempts, Remarks()
        logger = logging.getLogger("dim_trt")
        logger.addHandler(self._remarks)
        logger.propagate = False
        warnings.filterwarnings("ignore", message="trimap: no pixel is known")  # unknown_share says it
        self._engine = work.engine.open()
        settings = replace(work.settings, auto=work.auto.open() if work.auto else None)
        self._matting = Matting(self._engine, settings, work.background)

    def __call__(self, table: pa.Table) -> pa.Table:
        return pa.Table.from_pylist([{ROWS: self._share(items)} for items in table["items"].to_pylist()], RESULTS)

    def _share(self, given: list[dict[str, Any]]) -> list[dict[str, Any]]:
        import ray

        items = [Item(**item) for item in given]
        names = [item.name for item in items]
        if any(ray.get(self._attempts.begin.remote(names))):  # one of these may be what the last worker died of
            return [self._alone(item) for item in items]
        rows = list(in_stages(self._row, items, stages_of(self._engine)))
        self._attempts.end.remote(names)
        return rows

    def _alone(self, item: Item) -> dict[str, Any]:
        import ray

        (deaths,) = ray.get(self._attempts.begin.remote([item.name], MOST_DEATHS - 1))
        if deaths >= MOST_DEATHS:
            return {"name": item.name, "error": GIVEN_UP.format(deaths)}
        row = self._row(item)
        ray.get(self._attempts.end.remote([item.name]))
        return row

    def _row(self, item: Item) -> dict[str, Any]:
        if item.error:
            return {"name": item.name, "error": item.error}
        start = time.perf_counter()
        with self._remarks.of_this_thread() as said:
            try:
                outcome = self._matting(self._work.job(item))
            except Exception as fault:  # which nobody foresaw: not the end for a million others
                return {"name": item.name, "error": f"unexpected {type(fault).__name__}: {fault}"}
        seconds = time.perf_counter() - start
        return {"name": item.name, "seconds": seconds, "warning": "; ".join(said) or None, **_facts(outcome)}


def _facts(outcome: Outcome) -> dict[str, Any]:
    if outcome.error is not None:
        return {"error": str(outcome.error)}
    height, width = outcome.size
    return {
        "height_px": height,
        "width_px": width,
        "latency_ms": outcome.latency_ms,
        "unknown_share": outcome.unknown_share,
    }


class Remarks(logging.Handler):
    """Keeps what is logged, by thread, so that it can be said of the picture that it is about."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._own = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        said: list[str] | None = getattr(self._own, "said", None)
        if said is not None:
            said.append(record.getMessage())

    @contextlib.contextmanager
    def of_this_thread(self) -> Iterator[list[str]]:
        self._own.said = []
        try:
            yield self._own.said
        finally:
            self._own.said = None
