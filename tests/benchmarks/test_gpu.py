"""benchmarks.gpu as far as it goes without a GPU: a rehearsal of one plan, its records, its table, its budget."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu import __main__ as gpu
from benchmarks.gpu import jobs, processes, pytorch
from benchmarks.gpu.plans import remarks_instead_of_refusals
from benchmarks.gpu.records import About, Check, GpuLatency, GpuRecord, NotMeasured, from_object
from benchmarks.gpu.report import COMPILED, table
from benchmarks.gpu.session import GpuSetup, NotHereError, Records, Steps, manifest
from benchmarks.gpu.timing import REHEARSAL_RUNS, sample
from benchmarks.json_fields import FieldError
from benchmarks.measure import summary
from dim_trt.errors import BuildError
from dim_trt.plans import tensorrt
from dim_trt.plans.tensorrt_options import UNPOOL
from dim_trt.precisions import PRECISIONS
from tests.support.gpu import missing
from tests.tensorrt.fake_core import inspected, layer

ONE_PLAN = ["--only", "lite fp16 plugin"]
CHECK: dict[str, Any] = {"step": "kernels", "exit_code": 0, "seconds": 1.5, "report": "r.json", "output": "o.txt"}
PROGRAM = "import sys; sys.exit({code})"


def settings(folder: Path, seconds: float = 60) -> GpuSetup:
    here = str(folder)
    return GpuSetup(here, here, seconds=0, sizes=[(33, 65)], deadline=time.time() + seconds, rehearsal=True, commit="x")


@pytest.mark.timeout(300)
def test_rehearsal_goes_through_every_step(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code = gpu.main(["--out", str(tmp_path), "--rehearse", "--commit", "abc", *ONE_PLAN])
    records = json.loads((tmp_path / "gpu.json").read_text())
    assert code == 0, [record for record in records if record["kind"] == "failed"]
    kinds = [record["kind"] for record in records]
    assert kinds[0] == "manifest"
    assert records[0]["commit"] == "abc"
    assert {"model", "onnx", "build", "accuracy", "latency", "throughput", "skipped"} <= set(kinds)
    assert {record["tensorrt_major"] for record in records if record["kind"] == "onnx"} == {8, 11}
    assert all(record["rehearsal"] for record in records)
    lines = (tmp_path / "records.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == records
    text = (tmp_path / "table.md").read_text()
    assert text.startswith("Rehearsal: ")
    assert text in capfd.readouterr().out
    assert len(list(tmp_path.iterdir())) <= 8


def test_what_the_machine_lacks_skips_its_stage_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the stages here, plans and peers lack their libraries, and the kernels' program is found and run."""
    program = tmp_path / "dim_cuda_check"
    program.write_text(f"#!{sys.executable}\n{PROGRAM.format(code=0)}\n")
    program.chmod(0o755)
    monkeypatch.setattr(processes, "cuda_check", lambda: program)
    monkeypatch.setattr(processes, "lack", lambda job, rehearsal: "" if job.stage == "kernels" else f"no {job.stage}")
    assert gpu.main(["--out", str(tmp_path), "--stage", "plans", "peers", "kernels"]) == 0
    rows = Records(settings(tmp_path)).read()
    assert [row.exit_code for row in rows if isinstance(row, Check)] == [0]
    reasons = {row.step: row.reason for row in rows if isinstance(row, NotMeasured)}
    assert reasons["lite fp16 plugin"] == "no plans"
    assert reasons["full peers"] == "no peers"
    program.write_text(f"#!{sys.executable}\n{PROGRAM.format(code=3)}\n")
    assert gpu.main(["--out", str(tmp_path), "--stage", "kernels"]) == 1
    assert [row.exit_code for row in Records(settings(tmp_path)).read() if isinstance(row, Check)] == [0, 3]


def test_without_a_gpu_it_says_so_in_its_records(tmp_path: Path) -> None:
    if not missing():
        pytest.skip("there is a GPU")
    assert gpu.main(["--out", str(tmp_path), "--stage", "plans"]) == 1
    rows = [row for row in Records(settings(tmp_path)).read() if isinstance(row, NotMeasured)]
    assert {row.step for row in rows} == {job.name for job in jobs.JOBS if job.stage == "plans"}
    assert all(row.reason.startswith(missing()) for row in rows)


def test_a_job_that_hangs_does_not_take_the_time_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "LEAST_LIMIT_S", 0.5)
    records = Records(settings(tmp_path))
    starter = processes.Processes(settings(tmp_path), records)
    starter.start(jobs.Job("peers", "lite peers", 0.1), [sys.executable, "-c", "import time; time.sleep(60)"])
    starter.start(jobs.Job("peers", "full peers", 1), [sys.executable, "-c", PROGRAM.format(code=4)])
    found = [(row.KIND, row.step, row.reason) for row in records.read() if isinstance(row, NotMeasured)]
    assert found == [
        ("skipped", "lite peers, the rest", "it was ended after 0 s"),
        ("failed", "full peers", "its process ended with code 4; log.txt has what it said"),
    ]


def test_jobs_name_every_combination_once() -> None:
    plans = {job.name for job in jobs.JOBS if job.stage == "plans"}
    models = {job.model for job in jobs.JOBS} - {""}
    assert plans == {f"{m} {p} {u}" for m in models for p in PRECISIONS for u in UNPOOL}
    assert len(jobs.JOBS) == len({job.name for job in jobs.JOBS})
    assert jobs.chosen(["plans"])[0].name == "lite fp16 plugin"
    assert {job.stage for job in jobs.JOBS} == set(jobs.STAGES)


def test_a_budget_leaves_out_what_does_not_fit() -> None:
    one, long, two = jobs.Job("kernels", "one", 10), jobs.Job("plans", "long", 100), jobs.Job("plans", "two", 20)
    assert jobs.fitting([one, long, two], 40) == ([one, two], [long])
    text = jobs.listing([one, long, two], 40, lambda job: "no GPU" if job is two else "")
    assert text.splitlines()[2:] == [
        "  10 s   20 s  plans    two",
        "  30 s of 40 s",
        "left out:",
        "        100 s  plans    long",
        "skipped on this machine: two: no GPU",
    ]


def test_a_dry_run_prints_the_plan_and_makes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main(["--dry-run", "--minutes", "2", "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert printed.index("kernels") < printed.index("lite fp16 plugin") < printed.index("left out:")
    assert "full fp16 plugin" in printed.partition("left out:")[2]
    assert not (tmp_path / "out").exists()


def test_a_step_that_fails_is_a_record_and_the_next_goes_on(tmp_path: Path) -> None:
    steps = Steps(settings(tmp_path), About(model="lite"))

    def fail() -> None:
        raise ValueError("broken")

    def not_here() -> None:
        raise NotHereError("no such thing")

    assert not steps.do("one", fail)
    assert not steps.do("two", not_here)
    assert steps.do("three", lambda: None)
    assert not Steps(settings(tmp_path, seconds=-1), About()).do("four", fail)
    found = [record for record in Records(settings(tmp_path)).read() if isinstance(record, NotMeasured)]
    assert [(record.KIND, record.step, record.reason) for record in found] == [
        ("failed", "one", "ValueError: broken"),
        ("skipped", "two", "no such thing"),
        ("skipped", "four", "the time budget is used up"),
    ]


def test_a_half_written_record_is_left_out(tmp_path: Path) -> None:
    records = Records(settings(tmp_path))
    records.add(Check(**CHECK))
    with records.path.open("a") as stream:
        stream.write('{"kind": "late", "about": {}')
    expected = Check(**CHECK, rehearsal=True)
    assert records.collect() == [expected]
    records.add(Check(**CHECK))
    assert records.collect() == [expected, expected]


def test_a_record_of_another_kind_is_refused() -> None:
    with pytest.raises(FieldError, match=r"records\.jsonl, record 3, field kind: expected one of manifest, .*, failed"):
        from_object({"kind": "speed"}, "records.jsonl, record 3")
    with pytest.raises(FieldError, match="record 3, field exit_code: expected a whole number, got 'none'"):
        from_object({"kind": "check", **CHECK, "exit_code": "none"}, "records.jsonl, record 3")


def test_samples_are_warmed_up() -> None:
    calls = iter(range(100))
    assert sample(lambda: float(next(calls)), seconds=0) == [3.0, 4.0]
    assert REHEARSAL_RUNS == 2


def test_wrong_precision_is_a_remark_while_benchmarking() -> None:
    with remarks_instead_of_refusals() as remarks:
        assert tensorrt.check_layers(inspected(layer("Float")), "fp16") == {}
    assert "precision='fp16'" in remarks[0]
    with pytest.raises(BuildError):
        tensorrt.check_layers(inspected(layer("Float")), "fp16")


def latency(peer: str, unpool: str, p50: float) -> GpuRecord:
    return GpuLatency(
        about=About(peer=peer, model="full", precision="fp16", unpool=unpool),
        height=1080,
        width=1920,
        unknown_fraction=1.0,
        clock="network",
        times=summary([p50] * 10),
        made=manifest("x"),
    )


def test_peers_are_timed_by_both_clocks(tmp_path: Path) -> None:
    worker = pytorch.Worker(settings(tmp_path), "lite")
    for name in ("pytorch eager", "pytorch eager bf16 channels-last"):
        pytorch.Timings(worker, name).time_sizes()
    found = [record for record in Records(settings(tmp_path)).read() if isinstance(record, GpuLatency)]
    assert [(record.about.precision, record.clock, record.width) for record in found] == [
        ("fp32", "network", 65), ("fp32", "run", 65), ("bf16", "network", 65), ("bf16", "run", 65)
    ]  # fmt: skip
    assert [record.mean_abs_difference == 0 for record in found] == [True, True, False, False]


def test_goals_are_reached_missed_or_not_measured() -> None:
    rows = [latency("dim_trt", "plugin", 8.0), latency("dim_trt", "native", 7.0), latency(COMPILED, "", 20.0)]
    text = table(rows)
    assert "full fp16 at 1080p, 100 pictures a second: not measured" in text
    assert "native / plugin, time of the network: 0.88, missed" in text
    assert "compiled PyTorch / plugin, same: 2.50, reached" in text
