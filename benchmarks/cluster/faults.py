"""What goes wrong on many machines, done on purpose: what is lost, what is done again, and when work goes on.

Each function makes one fault in a run on `cluster(3)`, to which this process is connected, and looks at what is there
when all is over.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.cluster import rules
from benchmarks.cluster.findings import Finding, finding_of, resumed, written
from benchmarks.cluster.neighbors import stat_of
from benchmarks.cluster.nodes import NODE, cluster, command, save
from benchmarks.cluster.rules import Deadly, Slow, Together, read_diary
from benchmarks.markdown import table
from dim_trt.errors import Error

PICTURES, SIZE = 120, (37, 53)
PATIENCE_S = 180.0
HEAD = ["what was done", "pictures", "lost", "twice in the results", "begun again", "work went on after", "and then"]


def worker_killed(root: Path, plan: Path, ray_cluster: Any) -> Finding:
    save(root, PICTURES, SIZE)
    dead: list[tuple[int, float]] = []

    def kill() -> None:
        worker = read_diary(root / "diary")[-1].worker
        os.kill(worker, signal.SIGKILL)
        dead.append((worker, time.time()))

    with once(half_way(root), kill):
        run(root, plan, Slow(diary=str(root / "diary")))
    return finding_of("a worker was killed", root, resumed(root, *dead[0]))


def node_removed(root: Path, plan: Path, ray_cluster: Any) -> Finding:
    save(root, PICTURES, SIZE)
    leaving = ray_cluster.add_node(**NODE)
    raylet, half = leaving.all_processes["raylet"][0].process.pid, half_way(root)
    gone: list[tuple[set[int], float]] = []

    def is_at_work() -> bool:  # it has just begun a picture
        return half() and _parent(read_diary(root / "diary")[-1].worker) == raylet

    def remove() -> None:
        workers = {entry.worker for entry in read_diary(root / "diary") if _parent(entry.worker) == raylet}
        ray_cluster.remove_node(leaving, allow_graceful=False)
        gone.append((workers, time.time()))

    everywhere = len(ray_cluster.list_all_nodes())  # so that it has pictures, too
    with once(is_at_work, remove):
        run(root, plan, Together(diary=str(root / "diary"), pause_s=0.1, workers=everywhere))
    workers, when = gone[0]
    return finding_of("a node was removed", root, max(resumed(root, worker, when) for worker in workers))


def lister_killed(root: Path, plan: Path, ray_cluster: Any) -> Finding:
    """The process that lists: with so many pictures that it is not through when some are done."""
    save(root, 20 * PICTURES, SIZE)
    killed: list[float] = []

    def kill() -> None:
        raylets = {node.all_processes["raylet"][0].process.pid for node in ray_cluster.list_all_nodes()}
        for pid in _processes("ray::ReadItems", raylets):
            os.kill(pid, signal.SIGKILL)
            killed.append(time.time())
        if not killed:
            raise RuntimeError("there was nobody who lists")

    with once(half_way(root), kill):
        run(root, plan, Slow(diary=str(root / "diary"), pause_s=0.0))
    times = [seconds for seconds in sorted(written(root).values()) if seconds > killed[0]]
    longest = max(after - before for before, after in pairwise([killed[0], *times]))
    return finding_of("the process that lists was killed", root, longest)


def driver_killed(root: Path, plan: Path, ray_cluster: Any) -> Finding:
    """And started again."""
    save(root, 3 * PICTURES, SIZE)
    given = ["--image", str(root / "in"), "--plan", str(plan), "--orientations", "8", "--ray", ray_cluster.address]
    driver = subprocess.Popen(command(root, *given), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(
        lambda: bool(list((root / "out" / "manifest.parts").glob("[0-9]*.parquet"))) or driver.poll() is not None
    )
    driver.kill()
    driver.wait()
    before, start = written(root), time.time()
    subprocess.run(command(root, *given), check=True, stdout=subprocess.DEVNULL)
    after = written(root)
    later = [seconds for name, seconds in after.items() if seconds > start and name not in before]
    again = sum(after[name] != seconds for name, seconds in before.items())
    return finding_of("the driver was killed, and started again", root, min(later) - start, again)


def disk_full(root: Path, plan: Path, ray_cluster: Any) -> Finding | None:
    """And the run started again with room; None where no file system may be mounted."""
    save(root, PICTURES // 2, SIZE)
    out, rule = root / "out", Slow(diary=str(root / "diary"), pause_s=0.0)
    out.mkdir()
    if subprocess.run(_mount(out, "size=48k"), capture_output=True, check=False).returncode:
        return None
    try:
        message = ""
        try:
            run(root, plan, rule)
        except Error as failure:
            message = str(failure).replace(str(out), "out")
        unfinished = list(out.rglob(".dim_trt*"))
        subprocess.run(_mount(out, "remount,size=4m"), check=True)
        start = time.time()
        before = set(written(root))
        run(root, plan, rule)
        later = [seconds for name, seconds in written(root).items() if name not in before]
        found = finding_of("the disk was full, then had room", root, min(later) - start, message=message)
    finally:
        subprocess.run(["umount", str(out)], check=True)
    if unfinished:
        raise AssertionError(f"{unfinished} were left")
    return found


def deadly_picture(root: Path, plan: Path, ray_cluster: Any) -> Finding:
    save(root, PICTURES, SIZE)
    victim = f"{PICTURES // 3:06d}.png"
    run(root, plan, Deadly(diary=str(root / "diary"), victim=victim))
    first = next(entry for entry in read_diary(root / "diary") if entry.name == victim)
    seconds = resumed(root, first.worker, first.seconds, beside=victim)
    return finding_of("workers die of a picture", root, seconds, beside=victim)


FAULTS: dict[str, Callable[[Path, Path, Any], Finding | None]] = {
    "worker": worker_killed,
    "node": node_removed,
    "lister": lister_killed,
    "driver": driver_killed,
    "disk": disk_full,
    "picture": deadly_picture,
}


def fault_lines(names: Collection[str], nodes: int = 3) -> Iterator[str]:
    """Of a table, as the faults are through."""
    from dim_trt.cluster.runtime import connected
    from dim_trt.plans.cache import shipped_plan

    yield from table(HEAD, []).splitlines()
    with cluster(nodes) as ray_cluster, connected(ray_cluster.address):
        for name in names:
            with tempfile.TemporaryDirectory() as folder:
                found = FAULTS[name](Path(folder), shipped_plan(device="cpu"), ray_cluster)
            if found is None:
                print("a full disk is left out: no file system may be mounted here", file=sys.stderr)
            else:
                yield table(HEAD, [found.row()]).splitlines()[-1]


def run(root: Path, plan: Path, rule: Slow) -> None:
    import ray

    from dim_trt.cluster.engines import EngineSpec
    from dim_trt.cluster.listing import Folders
    from dim_trt.cluster.places import open_folder
    from dim_trt.cluster.run import matte_folder
    from dim_trt.cluster.workers import Work
    from dim_trt.renditions import Rendering

    places = {name: open_folder(root / name) for name in ("in", "tri", "out")}
    folders = Folders(places["in"], places["tri"], "trimap", {"alpha": places["out"]}, ".png")
    ray.cloudpickle.register_pickle_by_value(rules)
    try:
        matte_folder(Work(folders, Rendering(rule=rule), None, EngineSpec.of(ray, plan, device="cpu")), {}, bar=False)
    finally:
        ray.cloudpickle.unregister_pickle_by_value(rules)


@contextmanager
def once(condition: Callable[[], bool], work: Callable[[], None]) -> Iterator[None]:
    """In a thread beside the block: wait, then do it. What fails there is raised at the end."""
    failures: list[Exception] = []

    def run() -> None:
        try:
            wait_until(condition)
            work()
        except Exception as failure:
            failures.append(failure)

    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join()
    if failures:
        raise failures[0]


def half_way(root: Path) -> Callable[[], bool]:
    return lambda: len(list((root / "out").glob("*.png"))) >= PICTURES // 3


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not in {PATIENCE_S:.0f} s")
        time.sleep(0.02)


def _mount(folder: Path, options: str) -> list[str]:
    return ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]


def _processes(name: str, parents: Collection[int]) -> list[int]:
    """By how their command begins."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it is gone
            pid = int(path.parent.name)
            if path.read_bytes().startswith(name.encode()) and _parent(pid) in parents:
                found.append(pid)
    return found


def _parent(pid: int) -> int:
    try:
        return int(stat_of(pid)[1])
    except OSError:
        return 0
