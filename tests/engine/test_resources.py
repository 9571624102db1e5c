"""How much of the machine a run gets: cores and memory, in cgroups too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import dim_trt
from dim_trt import resources
from tests.support.testing import _testing

GIB = 1 << 30


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/\n", {}, 0),
        ("0::/\n", {"cpu.max": "max 100000"}, 0),
        ("0::/\n", {"cpu.max": "150000 100000"}, 1.5),
        ("0::/a/b\n", {"a/cpu.max": "300000 100000", "a/b/cpu.max": "max 100000"}, 3),
        ("0::/a/b\n", {"a/cpu.max": "300000 100000", "a/b/cpu.max": "50000 100000"}, 0.5),
        ("0::/../elsewhere\n", {"cpu.max": "200000 100000"}, 2),
        (
            "4:memory:/x\n3:cpu,cpuacct:/a\n",
            {"cpu,cpuacct/a/cpu.cfs_quota_us": "250000", "cpu,cpuacct/a/cpu.cfs_period_us": "100000"},
            2.5,
        ),
        ("3:cpu:/a\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 0),
        ("no cgroups here\n::\n", {}, 0),
    ],
)
def test_quotas_of_cgroups(groups: str, files: dict[str, str], expected: float, tmp_path: Path) -> None:
    (tmp_path / "groups").write_text(groups)
    for name, text in files.items():
        path = tmp_path / "mounted" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    assert _testing.cgroup_quota(str(tmp_path / "groups"), str(tmp_path / "mounted")) == expected


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/\n", {}, 64 * GIB),
        ("0::/\n", {"memory.max": "max"}, 64 * GIB),
        ("0::/a/b\n", {"a/memory.max": str(2 * GIB), "a/b/memory.max": "max"}, 2 * GIB),
        ("0::/a/b\n", {"a/memory.max": str(2 * GIB), "a/b/memory.max": str(GIB)}, GIB),
        ("0::/elsewhere\n", {"memory.max": str(3 * GIB)}, 3 * GIB),
        ("5:cpu:/y\n4:memory:/x\n", {"memory/x/memory.limit_in_bytes": str(GIB)}, GIB),
        ("4:memory:/x\n", {"memory/x/memory.limit_in_bytes": "9223372036854771712"}, 64 * GIB),
    ],
)
def test_memory_of_cgroups(
    groups: str, files: dict[str, str], expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "groups").write_text(groups)
    for name, text in files.items():
        path = tmp_path / "mounted" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    monkeypatch.setattr(resources, "CGROUPS", tmp_path / "mounted")
    monkeypatch.setattr(resources, "OF_PROCESS", tmp_path / "groups")
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 64 * GIB // 4096}.__getitem__)
    assert resources.usable_memory_bytes() == expected
    assert resources.working_memory_mb(1) == min(448, expected // 4 >> 20)


@pytest.mark.parametrize(("asked", "most"), [("1", 1), ("1000000", None), ("0", None), ("-3", None), ("x", None)])
def test_threads_are_never_more_than_cores(asked: str, most: int | None) -> None:
    cores = len(os.sched_getaffinity(0))
    code = "import dim_trt; print(dim_trt.capabilities()['cpu']['threads'], dim_trt.Engine('lite').info['threads'])"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "OMP_NUM_THREADS": asked},
        capture_output=True,
        text=True,
        check=True,
    )
    default, of_engine = map(int, run.stdout.split())
    assert default == of_engine <= (most or cores)
    assert dim_trt.capabilities()["cpu"]["threads"] <= cores
