"""What goes wrong on many machines: nothing is lost, and no picture has two rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="ray is not installed: pip install 'dim_trt[cluster]'")
from benchmarks.cluster import faults
from dim_trt.cluster.attempts import MOST_DEATHS

pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.cluster]
ONE_BATCH = 20  # pictures that a worker held, which are begun again


def test_a_worker_is_killed_half_way(plan: Path, tmp_path: Path, ray_cluster: Any) -> None:
    found = faults.worker_killed(tmp_path, plan, ray_cluster)
    assert (found.lost, found.twice, found.failed) == (0, 0, {})
    assert 0 < found.again <= ONE_BATCH
    assert found.seconds > 0


def test_a_node_goes_away_half_way(plan: Path, tmp_path: Path, ray_cluster: Any) -> None:
    found = faults.node_removed(tmp_path, plan, ray_cluster)
    assert (found.lost, found.twice, found.failed) == (0, 0, {})
    assert 0 < found.again <= ONE_BATCH
    assert found.seconds > 0


def test_who_lists_is_killed_half_way(plan: Path, tmp_path: Path, ray_cluster: Any) -> None:
    """Its list is begun again, and is the same although pictures of it are done."""
    found = faults.lister_killed(tmp_path, plan, ray_cluster)
    assert (found.lost, found.twice, found.failed) == (0, 0, {})
    assert found.again == 0


def test_the_driver_is_killed_and_started_again(plan: Path, tmp_path: Path, ray_cluster: Any) -> None:
    """What it had written down is not done again."""
    found = faults.driver_killed(tmp_path, plan, ray_cluster)
    assert (found.lost, found.twice, found.failed) == (0, 0, {})
    assert found.again < found.pictures / 2


def test_a_full_disk_ends_the_run_in_a_sentence(plan: Path, tmp_path: Path, ray_cluster: Any) -> None:
    """And what was written is whole; with room a second run does the rest."""
    found = faults.disk_full(tmp_path, plan, ray_cluster)
    if found is None:
        pytest.skip("no file system may be mounted here")
    assert (found.lost, found.twice, found.failed) == (0, 0, {})
    assert "cannot write manifest 'out/manifest.parts/" in found.message
    assert "No space left on device" in found.message


def test_a_picture_that_workers_die_of_is_a_row(plan: Path, tmp_path: Path, ray_cluster: Any) -> None:
    found = faults.deadly_picture(tmp_path, plan, ray_cluster)
    assert (found.lost, found.twice) == (0, 0)
    (error,) = found.failed.values()
    assert f"workers ended while they were at this picture, {MOST_DEATHS} times" in error
