"""The suite runs every step, keeps what is done, and lets each peer have its turn."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed: nothing to compare with")

from benchmarks import suite
from benchmarks.json_fields import to_json
from benchmarks.measure import MIN_RUNS, ROOT, machine, manifest, measure
from benchmarks.provenance import Source
from benchmarks.steps import DATA, STEPS, THREADS


def test_the_suite_keeps_what_is_done_and_names_what_failed(tmp_path, monkeypatch, capsys):
    ran = []

    def run_step(step, arguments, path):
        ran.append(step.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        command = suite.command([f"benchmarks.{step.module}", *arguments, "--json", str(path)])
        path.write_text(json.dumps([to_json(replace(manifest(), command=command))]))
        return step.name != "stages-full"

    monkeypatch.setattr(suite, "run_step", run_step)
    monkeypatch.setattr(suite, "RESULTS", tmp_path)
    only = ["--only", "lite-dense", "stages-full", "quality-alphamatting"]
    with pytest.raises(SystemExit, match="failed: stages-full"):
        suite.main(only)
    assert ran == ["lite-dense", "stages-full"]
    assert "quality-alphamatting: left out, --alphamatting says" in capsys.readouterr().out
    (tmp_path / f"{machine().name}_stages-full.json").unlink()
    with pytest.raises(SystemExit, match="failed: stages-full"):
        suite.main([*only, "--resume"])
    assert ran == ["lite-dense", "stages-full", "stages-full"]
    assert "lite-dense: kept" in capsys.readouterr().out
    monkeypatch.setattr(suite, "source", lambda: Source(commit="another", modified=False))
    suite.main(["--only", "lite-dense", "--resume"])
    assert ran[-1] == "lite-dense"


def test_every_step_has_arguments_that_its_benchmark_takes(monkeypatch, tmp_path):
    from benchmarks.latency import __main__ as latency

    for step in STEPS:
        for quick in (False, True):
            arguments = suite.arguments_of(step, tmp_path, quick)
            assert DATA not in arguments
            assert THREADS not in arguments
            if step.module == "latency":
                latency.parse(arguments)


def test_turns_give_every_peer_enough_runs_after_a_warm_up():
    calls = []
    peers = {name: lambda name=name: calls.append(name) for name in ("a", "b")}
    times = measure(peers, seconds=0.0)
    assert {name: len(ms) for name, ms in times.items()} == {"a": MIN_RUNS, "b": MIN_RUNS}
    assert calls.count("a") > MIN_RUNS
    last = calls[-4:]
    assert last == ["a", "a", "b", "b"]  # in turns: one run that is not counted, one that is


def test_the_makefile_measures_and_then_reports():
    makefile = (ROOT / "Makefile").read_text()
    target = makefile[makefile.index("\nbench:") : makefile.index("\nclean:")]
    assert target.index("benchmarks.suite") < target.index("benchmarks.report --this-machine")
    assert shutil.which("make")
    assert Path(ROOT / "benchmarks/README.md").is_file()
