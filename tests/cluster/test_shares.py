"""How pictures are shared out: every worker has some, and all end at about the same time."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="ray is not installed: pip install 'dim_trt[cluster]'")
from benchmarks.cluster import faults
from benchmarks.cluster.nodes import NODE, save
from benchmarks.cluster.rules import Together, read_diary
from dim_trt.cluster.bookkeeping import forget_blocks
from dim_trt.cluster.run import AHEAD, PICTURES, share_sizes

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
SIZE = (37, 53)


def sizes_of(pending: int, workers: int) -> list[int]:
    found, sizes = [], share_sizes(pending, workers)
    while sum(found) < pending:
        found.append(next(sizes))
    assert sum(found) == pending
    return found


@pytest.mark.parametrize("workers", [1, 2, 3, 16])
@pytest.mark.parametrize("pending", [1, 2, 5, 60, 120, 10_000])
def test_shares(pending: int, workers: int) -> None:
    sizes = sizes_of(pending, workers)
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] <= PICTURES
    left = pending
    for size in sizes:  # what a worker has is at most half of its part of what is left, or single pictures
        assert size == 1 or AHEAD * size <= left / workers / 2
        left -= size
    if pending == 10_000:
        assert len(sizes) < 1.6 * pending / PICTURES


def test_pictures_that_came_after_they_were_counted() -> None:
    assert list(islice(share_sizes(2, 1), 4)) == [1, 1, 1, 1]


@pytest.mark.cluster
@pytest.mark.parametrize("count", [3, 8, 60])
def test_every_node_gets_some_of_a_few_small_pictures(count: int, plan: Path, tmp_path: Path, ray_cluster: Any) -> None:
    save(tmp_path, count, SIZE)
    faults.run(tmp_path, plan, Together(diary=str(tmp_path / "diary"), workers=3))
    assert len({entry.worker for entry in read_diary(tmp_path / "diary")}) == 3
    found = faults.finding_of("", tmp_path, 0.0)
    assert (found.lost, found.twice, found.again, found.failed) == (0, 0, 0, {})


@pytest.mark.cluster
def test_a_node_that_comes_half_way_gets_its_part(plan: Path, tmp_path: Path, ray_cluster: Any) -> None:
    """Nothing is done before it has a picture."""
    save(tmp_path, 60, SIZE)
    diary = tmp_path / "diary"

    def all_wait() -> bool:
        return diary.exists() and len({entry.worker for entry in read_diary(diary)}) == 3

    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(faults.run, tmp_path, plan, Together(diary=str(diary), workers=4))
        faults.wait_until(all_wait)
        coming = ray_cluster.add_node(**NODE)
        try:
            done.result()
        finally:
            ray_cluster.remove_node(coming)
    assert faults.finding_of("", tmp_path, 0.0).failed == {}


@pytest.mark.cluster
@pytest.mark.parametrize(("forgets", "kept"), [(False, range(400, 500)), (True, range(50))])
def test_the_driver_keeps_no_notes_of_blocks(forgets: bool, kept: range, ray_cluster: Any) -> None:
    """Of 400 that passed by; Ray Data itself keeps one of each."""
    import ray
    from ray.data.block import BlockStats

    ds = ray.data.range(400, override_num_blocks=400).map_batches(lambda batch: batch)
    if forgets:
        forget_blocks(ds.context)
    for passed, _ in enumerate(ds.iter_batches(batch_size=1), 1):
        if passed == 400:
            gc.collect()
            assert sum(type(item) is BlockStats for item in gc.get_objects()) in kept
