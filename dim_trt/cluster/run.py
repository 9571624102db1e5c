"""The driver of a run: it connects, counts, and reads rows as they come. It has no picture, and of their names
what waits for workers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import islice
from typing import Any

import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, Datasource, ReadTask
from ray.data.block import BlockMetadata
from tqdm import tqdm

from dim_trt.cluster.attempts import Attempts
from dim_trt.cluster.bookkeeping import forget_blocks
from dim_trt.cluster.listing import Census, Folders, census, items
from dim_trt.cluster.manifest import Recorder
from dim_trt.cluster.runtime import causes, room_for
from dim_trt.cluster.workers import ROWS, PictureWorker, Work
from dim_trt.errors import Error, InvalidInput
from dim_trt.pictures.folders import Summary, say_passed_over

PICTURES = 20  # at most, that a worker takes at once, and that are done again when it dies
SHARES = 4  # of the pictures that are left, for each worker; so shares grow smaller, and all end at about the same time
AHEAD = 2  # shares that a worker has, so that it need not wait for the next; nobody else takes them from it
NAMED_FAILURES = 20  # in the message; the manifest has all
ITEM = pa.struct([("name", pa.string()), ("known", pa.string()), ("error", pa.string())])
ITEMS = pa.schema([("items", pa.list_(ITEM))])  # a row is a share: Ray Data cuts by bytes, and no row in two
ANYWHERE = {"num_cpus": 0, "max_retries": -1}  # work that only waits for folders


def matte_folder(work: Work, settings: Mapping[str, Any], *, restart: bool = False, bar: bool | None = None) -> Summary:
    """Do the pictures that have no results yet, with what the cluster has.

    Args:
        work: what is asked for.
        settings: what decides the bits of the results, by names that a message can use.
        restart: do all again.
        bar: whether progress is shown; None: where somebody looks.

    Returns:
        What came of the pictures; the manifest has a row of each.

    Raises:
        InvalidInput: there is nothing to do, or what is there was made with other settings.
        Error: a worker cannot start, the manifest cannot be written, or pictures went away.
    """
    folders = work.folders
    for folder in folders.results.values():
        folder.make()
    with causes():
        _prepare(folders, settings, restart)
        counted: Census = ray.get(ray.remote(**ANYWHERE)(census).remote(folders))
        say_passed_over(str(folders.images), counted.others)
        summary = Summary(skipped=counted.done, named=NAMED_FAILURES)
        recorder = Recorder(folders.results["alpha"], settings)
        try:
            with tqdm(total=counted.pending, unit="picture", disable=None if bar is None else not bar) as shown:
                for rows in _rows(work, counted.pending) if counted.pending else ():
                    recorder.add(rows)
                    for name, error in zip(rows["name"].to_pylist(), rows["error"].to_pylist(), strict=True):
                        summary.add(name, error)
                    shown.update(rows.num_rows)
        finally:
            recorder.flush()
        ray.get(ray.remote(**ANYWHERE)(_merge).remote(folders))
        if (missing := counted.pending - summary.done - summary.failed) > 0:
            raise Error(
                f"image: {str(folders.images)!r}: {missing} of {counted.pending} pictures were not there any more when "
                "their turn came; the same command does what is left"
            )
    return summary


def _prepare(folders: Folders, settings: Mapping[str, Any], restart: bool) -> None:
    if restart:
        ray.get(ray.remote(**ANYWHERE)(_discard).remote(folders))
        return
    before = ray.get(ray.remote(**ANYWHERE)(_settings).remote(folders))
    differ = [name for name in settings if before is not None and before.get(name) != settings[name]]
    if differ:
        changes = ", ".join(f"{name} was {(before or {}).get(name)}, is {settings[name]}" for name in differ)
        raise InvalidInput(
            f"output: {str(folders.results['alpha'])!r} holds results of other settings ({changes}); --restart does "
            "all pictures again, another folder keeps them"
        )


def _rows(work: Work, pending: int) -> Iterator[pa.Table]:
    """Of the pictures, as they are done."""
    workers = room_for(work.engine.resources)
    attempts = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Attempts).remote()
    items = Items(work.folders, pending, workers)
    shares = ray.data.read_datasource(items, override_num_blocks=1, num_cpus=0).map_batches(
        PictureWorker,
        fn_constructor_args=(work, attempts),
        batch_size=None,
        batch_format="pyarrow",
        zero_copy_batch=True,
        compute=ActorPoolStrategy(
            min_size=1,
            max_size=None,
            initial_size=min(workers, pending),
            max_tasks_in_flight_per_actor=AHEAD if pending > AHEAD * workers else 1,
        ),
        **work.engine.resources,
    )
    shares.context.target_max_block_size = 1  # of bytes: each row travels by itself
    shares.context.enable_progress_bars = False
    forget_blocks(shares.context)
    for share in shares.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=1):
        yield pa.Table.from_struct_array(share[ROWS].combine_chunks().flatten())


class Items(Datasource):  # type: ignore[misc]
    """`listing.items` as Ray Data reads it: in one task, which goes on as its names are needed."""

    def __init__(self, folders: Folders, pending: int, workers: int):
        super().__init__()
        self._folders, self._pending, self._workers = folders, pending, workers

    def estimate_inmemory_data_size(self) -> int | None:
        return None

    def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[ReadTask]:
        unknown = BlockMetadata(num_rows=None, size_bytes=None, exec_stats=None, input_files=None)
        folders, pending, workers = self._folders, self._pending, self._workers
        return [ReadTask(lambda: _shares(folders, share_sizes(pending, workers)), unknown)]


def share_sizes(pending: int, workers: int) -> Iterator[int]:
    """How many pictures each share has, of so many: those of a slow worker are few when the others are done."""
    while True:  # there may be more pictures than were counted
        size = max(1, min(PICTURES, pending // (SHARES * workers)))
        pending -= size
        yield size


def _shares(folders: Folders, sizes: Iterable[int]) -> Iterator[pa.Table]:
    waiting = items(folders)
    for size in sizes:
        share = [asdict(item) for item in islice(waiting, size)]
        if not share:
            return
        yield pa.Table.from_pylist([{"items": share}], ITEMS)


def _settings(folders: Folders) -> dict[str, Any] | None:
    return folders.manifest.settings()


def _discard(folders: Folders) -> None:
    folders.manifest.discard()


def _merge(folders: Folders) -> None:
    folders.manifest.merge()
