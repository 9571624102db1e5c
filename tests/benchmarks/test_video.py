"""The benchmark compares the pipeline with its engine, on the same frames."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.video import __main__ as video
from benchmarks.video import stages


def test_rates_and_processor_time_are_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["--size", "62x46", "--frames", "20", "--turns", "1", "--threads", "1"]
    video.main([*common, "--result", "cutout.mov", "over.mp4", "--json", str(tmp_path / "video.json")])
    records = json.loads((tmp_path / "video.json").read_text())
    assert [record["result"] for record in records] == ["cutout.mov", "over.mp4"]
    for record in records:
        rates, processor_ms = record["frames_per_second"], record["processor_ms_per_frame"]
        assert record["share"] == pytest.approx(rates["video"] / rates["engine"], rel=0.02)
        assert min(processor_ms.values()) > 0
    assert "| cutout.mov | 1 |" in capsys.readouterr().out


@pytest.mark.parametrize("auto", [[], ["--auto"]], ids=["carried", "auto"])
def test_stages_are_all_there_and_the_slowest_is_named(auto: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    stages.main(["--size", "96x64", "--frames", "14", "--threads", "1", "--result", "alpha.mkv", *auto])
    printed = capsys.readouterr().out
    rows = [line.strip("| ").split(" | ") for line in printed.splitlines() if line.startswith("|")]
    assert [row[0] for row in rows[2:]] == [
        "reading", "looking", "trimap", "alpha", "doubt", "colors", "encoding", "together",
    ]  # fmt: skip
    assert int(rows[-1][1]) > 0
    assert "times its slowest stage (" in printed
    assert ("frames/s: the network costs" in printed) == bool(auto)
    with pytest.raises(SystemExit):
        stages.main(["--clip", "flying"])
