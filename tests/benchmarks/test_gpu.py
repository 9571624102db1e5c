"""benchmarks.gpu as far as it goes without a GPU: a dry run of one plan, its records, its table, its budget."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from benchmarks.gpu import __main__ as gpu
from benchmarks.gpu import pytorch
from benchmarks.gpu.plans import remarks_instead_of_refusals
from benchmarks.gpu.records import About, GpuLatency, GpuRecord, KernelCheck, NotMeasured, from_object
from benchmarks.gpu.report import COMPILED, table
from benchmarks.gpu.session import GpuSetup, NotHereError, Records, Steps, manifest
from benchmarks.gpu.timing import DRY_RUNS, sample
from benchmarks.json_fields import FieldError
from benchmarks.measure import summary
from dim_trt.errors import BuildError
from dim_trt.plans import tensorrt
from dim_trt.plans.tensorrt_options import UNPOOL
from dim_trt.precisions import PRECISIONS
from tests.support.gpu import missing
from tests.tensorrt.fake_core import inspected, layer

ONE_PLAN = ["--models", "lite", "--precisions", "fp16", "--unpool", "plugin", "--no-peers"]


def settings(folder: Path, seconds: float = 60) -> GpuSetup:
    here = str(folder)
    return GpuSetup(here, here, seconds=0, sizes=[(33, 65)], deadline=time.time() + seconds, dry_run=True, commit="x")


@pytest.mark.timeout(300)
def test_dry_run_goes_through_every_step(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code = gpu.main(["--out", str(tmp_path), "--dry-run", "--commit", "abc", *ONE_PLAN])
    records = json.loads((tmp_path / "gpu.json").read_text())
    assert code == 0, [record for record in records if record["kind"] == "failed"]
    kinds = [record["kind"] for record in records]
    assert kinds[0] == "manifest"
    assert records[0]["commit"] == "abc"
    assert {"model", "onnx", "build", "accuracy", "latency", "throughput", "skipped"} <= set(kinds)
    assert {record["tensorrt_major"] for record in records if record["kind"] == "onnx"} == {8, 11}
    assert all(record["dry_run"] for record in records)
    lines = (tmp_path / "records.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == records
    text = (tmp_path / "table.md").read_text()
    assert text.startswith("Dry run: ")
    assert text in capfd.readouterr().out
    assert len(list(tmp_path.iterdir())) <= 8


def test_without_a_gpu_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if not missing():
        pytest.skip("there is a GPU")
    assert gpu.main(["--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.startswith(f"error: {missing()}; --dry-run goes as far")
    assert not (tmp_path / "out").exists()


def test_order_names_every_combination_once() -> None:
    plans = {job for job in gpu.ORDER if len(job.split()) == 3}
    expected = {f"{m} {p} {u}" for m in gpu.MODELS for p in PRECISIONS for u in UNPOOL}
    assert plans == expected
    assert len(gpu.ORDER) == len(set(gpu.ORDER))
    assert gpu.ORDER[0] == "full fp16 plugin"


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
    records.add(KernelCheck(exit_code=0, report="cuda_check.json"))
    with records.path.open("a") as stream:
        stream.write('{"kind": "late')
    assert records.collect() == [KernelCheck(exit_code=0, report="cuda_check.json", dry_run=True)]


def test_a_record_of_another_kind_is_refused() -> None:
    with pytest.raises(FieldError, match=r"records\.jsonl, record 3, field kind: expected one of manifest, .*, failed"):
        from_object({"kind": "speed"}, "records.jsonl, record 3")
    with pytest.raises(FieldError, match="record 3, field exit_code: expected a whole number, got 'none'"):
        from_object({"kind": "kernels", "exit_code": "none", "report": "x"}, "records.jsonl, record 3")


def test_samples_are_warmed_up() -> None:
    calls = iter(range(100))
    assert sample(lambda: float(next(calls)), seconds=0) == [3.0, 4.0]
    assert DRY_RUNS == 2


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


def test_a_peer_is_timed_by_both_clocks(tmp_path: Path) -> None:
    pytorch.Worker(settings(tmp_path), "lite", "pytorch eager").time_size((33, 65))
    found = [record for record in Records(settings(tmp_path)).read() if isinstance(record, GpuLatency)]
    assert [(record.about.title, record.clock, record.width) for record in found] == [
        ("pytorch eager", "network", 65), ("pytorch eager", "run", 65)
    ]  # fmt: skip
    assert all(record.mean_abs_difference == 0 for record in found)


def test_goals_are_reached_missed_or_not_measured() -> None:
    rows = [latency("dim_trt", "plugin", 8.0), latency("dim_trt", "native", 7.0), latency(COMPILED, "", 20.0)]
    text = table(rows)
    assert "full fp16 at 1080p, 100 pictures a second: not measured" in text
    assert "native / plugin, time of the network: 0.88, missed" in text
    assert "compiled PyTorch / plugin, same: 2.50, reached" in text
