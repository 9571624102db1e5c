"""What goes wrong on many machines: nothing is lost, and no picture has two rows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import node, save_pictures
from tests.cluster.test_matte import files, manifest
from tests.support import ROOT

ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'dim_trt[cluster]'")
from dim_trt.cluster.attempts import MOST_DEATHS  # noqa: E402
from dim_trt.cluster.engines import EngineSpec  # noqa: E402
from dim_trt.cluster.listing import Folders  # noqa: E402
from dim_trt.cluster.places import open_folder  # noqa: E402
from dim_trt.cluster.run import matte_folder  # noqa: E402
from dim_trt.cluster.workers import Work  # noqa: E402
from dim_trt.errors import Error  # noqa: E402
from dim_trt.renditions import Rendering  # noqa: E402
from dim_trt.trimaps import GivenTrimap  # noqa: E402

pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.cluster]
COUNT = 120
SLOW_S = 0.1  # so that there is a half-way


class Slow(GivenTrimap):
    def examine(self, picture: object, file: str | None = None) -> Any:
        time.sleep(SLOW_S)
        return super().examine(picture, file)


class Deadly(GivenTrimap):
    """As a picture that takes more memory than there is."""

    def examine(self, picture: object, file: str | None = None) -> Any:
        if "00004" in str(file):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().examine(picture, file)


@pytest.fixture(autouse=True)
def _rules_travel(ray_cluster: Any) -> Iterator[None]:
    """By value: workers cannot import the tests."""
    module = sys.modules[Slow.__module__]
    ray.cloudpickle.register_pickle_by_value(module)
    yield
    ray.cloudpickle.unregister_pickle_by_value(module)


def work_for(root: Path, plan: Path, rule: GivenTrimap) -> Work:
    folders = Folders(
        open_folder(root / "in"), open_folder(root / "tri"), "trimap", {"alpha": open_folder(root / "out")}, ".png"
    )
    return Work(folders, Rendering(rule=rule), None, EngineSpec.of(ray, plan, device="cpu"))


def once(condition: Callable[[], bool], work: Callable[[], object]) -> threading.Thread:
    """In a thread: wait, then do it."""

    def run() -> None:
        end = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.02)
        work()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def children_called(name: str) -> list[int]:
    """Of this process and its children."""
    parents, named = {}, []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                if (folder / "cmdline").read_bytes().startswith(name.encode()):
                    named.append(int(folder.name))
            except OSError:
                continue
    found = []
    for pid in named:
        at = pid
        while at not in (0, 1, os.getpid()):
            at = parents.get(at, 0)
        if at == os.getpid():
            found.append(pid)
    return found


def half_way(root: Path, count: int = COUNT // 3) -> Callable[[], bool]:
    return lambda: len(list((root / "out").glob("*.png"))) >= count


def check_all(root: Path, count: int = COUNT) -> None:
    names = [f"{index:05d}.png" for index in range(count)]
    assert sorted(files(root / "out")) == names
    rows = manifest(root / "out")
    assert sorted(rows) == names
    assert {row["error"] for row in rows.values()} == {None}


def test_a_worker_is_killed_half_way(plan: Path, tmp_path: Path, ray_cluster: Any) -> None:
    save_pictures(tmp_path, COUNT)
    killed: list[int] = []

    def kill() -> None:
        killed.append(children_called("ray::MapWorker")[0])
        os.kill(killed[0], signal.SIGKILL)

    killer = once(half_way(tmp_path), kill)
    summary = matte_folder(work_for(tmp_path, plan, Slow()), {})
    killer.join()
    assert killed
    assert (summary.done, summary.failed) == (COUNT, 0)
    check_all(tmp_path)


def test_a_node_goes_away_half_way(plan: Path, tmp_path: Path, ray_cluster: Any) -> None:
    save_pictures(tmp_path, COUNT)
    leaving = ray_cluster.add_node(**node())
    killer = once(half_way(tmp_path), lambda: ray_cluster.remove_node(leaving, allow_graceful=False))
    summary = matte_folder(work_for(tmp_path, plan, Slow()), {})
    killer.join()
    assert (summary.done, summary.failed) == (COUNT, 0)
    check_all(tmp_path)


def test_the_driver_is_killed_and_started_again(plan: Path, tmp_path: Path, ray_cluster: Any) -> None:
    """What it had written is not done again."""
    save_pictures(tmp_path, 400)
    pictures = ("--image", str(tmp_path / "in"), "--trimap", str(tmp_path / "tri"), "-o", str(tmp_path / "out"))
    command = [sys.executable, "-m", "dim_trt.matte", *pictures, "--plan", str(plan), "--orientations", "8"]
    command += ["--ray", ray_cluster.address]
    driver = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    parts = tmp_path / "out" / "manifest.parts"
    end = time.monotonic() + 120
    while not list(parts.glob("[0-9]*.parquet")):
        assert driver.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)
    driver.kill()
    driver.wait()
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.png")}
    assert before
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert again.returncode == 0, again.stderr
    done, skipped = [int(word) for word in again.stdout.split() if word.isdecimal()][:2]
    assert done + skipped == 400
    assert skipped > 0
    check_all(tmp_path, 400)


def test_a_picture_that_workers_die_of_is_a_row(plan: Path, tmp_path: Path, ray_cluster: Any) -> None:
    save_pictures(tmp_path, 12)
    summary = matte_folder(work_for(tmp_path, plan, Deadly()), {})
    assert (summary.done, summary.failed) == (11, 1)
    rows = manifest(tmp_path / "out")
    assert len(rows) == 12
    assert f"workers ended while they were at this picture, {MOST_DEATHS} times" in rows["00004.png"]["error"]
    assert len(files(tmp_path / "out")) == 11


def test_a_full_disk_ends_the_run_in_a_sentence(plan: Path, tmp_path: Path, ray_cluster: Any) -> None:
    """And what was written is whole; with room a second run does the rest."""
    save_pictures(tmp_path, 60)
    out = tmp_path / "out"
    out.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48k", "none", str(out)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system may be mounted here")
    try:
        with pytest.raises(Error, match=r"cannot write manifest .*: No space left on device"):
            matte_folder(work_for(tmp_path, plan, GivenTrimap()), {})
        assert not list(out.rglob(".dim_trt*"))
        subprocess.run(["mount", "-o", "remount,size=4m", str(out)], check=True)
        assert matte_folder(work_for(tmp_path, plan, GivenTrimap()), {}).failed == 0
        check_all(tmp_path, 60)
    finally:
        subprocess.run(["umount", str(out)], check=True)
