"""README's tables and charts are what the records say, and the report notices when they are not."""

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="matplotlib is not installed: no charts")
pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed: nothing was compared with it")

from benchmarks import suite
from benchmarks.markdown import table
from benchmarks.measure import MIN_RUNS, ROOT, machine, measure
from benchmarks.report import __main__ as report
from benchmarks.report.charts import CHARTS, chart_digest, digest, write_chart
from benchmarks.report.tables import BLOCKS
from benchmarks.result_files import RESULTS, read_results

MANIFEST = {
    "versions": {"dim_trt": "0.1.0", "torch": "2.13.0", "onnxruntime": "1.31.1", "pymatting": "1.1"},
    "machine": {"name": "x", "processor": "Some CPU", "isa": "avx2", "cores": 2},
    "commit": "abc",
    "modified": False,
    "measured": "2026-01-02",
}


def latency(peer, ms, height=512, width=512, **more):
    return {
        "engine": "dim_trt", "peer": peer, "model": "full", "picture": f"{height}x{width}", "precision": "fp32",
        "height": height, "width": width, "unknown_fraction": 1.0, "threads": 2,
        "latency_ms": {"p50": ms, "p90": ms, "p95": ms, "p99": ms}, "variation": 0.01, "unstable": False, "runs": 12,
        "ratio": ms / 100, "load_s": 0.5, "first_run_s": 0.25, "max_abs_vs_pytorch": 2e-6,
        "max_abs_same_argmax": 1e-6, "pooling_windows": 4_000_000, "windows_of_another_argmax": 0, "largest_gap": 0.0,
        "pixels_beyond_tolerance": 0, "unknown_px": 9, **MANIFEST, **more,
    }  # fmt: skip


def score(peer, title, trimaps, sad, **more):
    return {
        "peer": peer, "title": title, "precision": "fp32", "data": "alphamatting", "trimaps": trimaps, "n": 9,
        "megapixels": 0.48, "sad": sad, "mse": 0.02, "gradient": 5.0, "connectivity": 6.0, "threads": 2,
        "seconds_per_picture": 0.05, "peak_memory_mb": 99, "plan_bytes": 6_590_000, "mean_change": 0.0,
        "max_change": 0.0, **MANIFEST, **more,
    }  # fmt: skip


@pytest.fixture
def results(tmp_path):
    """Records of a machine `x`, of all that has a chart."""
    stages = {"engine": "dim_trt", "model": "full", "height": 512, "width": 512, "threads": 2, **MANIFEST}
    records = {
        "full-dense": [
            latency(peer, ms, side, side)
            for side in (256, 512)
            for peer, ms in (("dim_trt", 100.0), ("pytorch", 250.0), ("onnxruntime", 210.0))
        ],
        "full-dense-1080p": [
            latency(
                "dim_trt", 900.0, 1080, 1920, max_abs_vs_pytorch=0.07, windows_of_another_argmax=3, largest_gap=4e-7
            ),
            latency("onnxruntime", 1800.0, 1080, 1920, ratio=2.0),
        ],
        "quality-alphamatting": [
            score(peer, title, trimaps, sad)
            for trimaps in ("trimap1", "trimap2")
            for peer, title, sad in (
                ("dim_trt", "dim_trt, fp32", 7.293),
                ("pymatting-cf", "pymatting, closed-form", 5.04),
                ("alpha = 0.5", "alpha = 0.5", 34.5),
            )
        ],
        "stages-full": [
            {**stages, "peer": "dim_trt", "total_ms": 3.0, "stages_ms": {"conv1_1": 1.0, "conv1_2": 2.0}},
            {**stages, "peer": "onnxruntime", "total_ms": 9.0, "stages_ms": {"conv1_1": 4.0, "conv1_2": 5.0}},
        ],
    }
    folder = tmp_path / "results"
    folder.mkdir()
    for step, rows in records.items():
        (folder / f"x_{step}.json").write_text(json.dumps(rows))
    return folder


@pytest.fixture
def page(tmp_path):
    text = "# Title\n\n<!-- results of other -->\n"
    for name in ("quality", "speed", "shipped", "threads", "latency_by_size.png"):
        text += f"\n<!-- report: {name} -->\nold\n<!-- end of report -->\nafter {name}\n"
    path = tmp_path / "page.md"
    path.write_text(text)
    return path


def run(*arguments):
    report.main([str(argument) for argument in arguments])


def test_readme_and_charts_are_what_the_records_say():
    name = report.named_machine(report.PAGES[0])
    results = read_results(RESULTS, name)
    assert results, f"benchmarks/results has nothing of {name}, which README.md names"
    assert list(report.stale(report.PAGES, report.DOCS, results, name)) == [], "run python -m benchmarks.report"


def test_result_files_are_of_steps_that_exist():
    steps = {step.name for step in suite.STEPS}
    for path in RESULTS.glob("*.json"):
        name, _, step = path.stem.rpartition("_")
        assert step in steps, path
        rows = json.loads(path.read_bytes())
        assert {row["machine"]["name"] for row in rows} == {name}, path


def test_tables_are_filled_in_and_checked(results, page, tmp_path, capsys):
    options = ["--results", results, "--pages", page, "--charts", tmp_path / "charts", "--machine", "x"]
    with pytest.raises(SystemExit) as exit_code:
        run(*options, "--check")
    assert exit_code.value.code == 1
    assert {line.split(";")[0] for line in capsys.readouterr().out.splitlines()} == {
        "stale: page.md: tables",
        *(f"stale: {name}" for name in CHARTS),
    }
    run(*options)
    text = page.read_text()
    assert "<!-- results of x -->" in text
    assert "old" not in text
    assert "| full | 512×512 | 100% | 100 ms | 10.0 | 210 ms (2.10×) | 250 ms (2.50×) | 1e-06 |" in text
    assert "| full | 1080p | 100% | 900 ms | 1.1 | 1800 ms (2.00×) |  | 1e-06 (7e-02, 3) |" in text
    assert "(3 of 12 million, the gap at most 4e-07 of the largest value)" in " ".join(text.split())
    assert "| **dim_trt, fp32** | 7.29 | 20.0e-3 | 5.00 | 6.00 | 0.050 | 99 MB |" in text
    assert "| `lite` | 7.29 | 20.0e-3 | 7.29 | 20.0e-3 |" in text
    assert "<!-- report: threads -->\n\nNot measured on this machine.\n" in text
    assert "![latency by size of the picture](charts/latency_by_size.png)" in text
    assert "Some CPU, 2 cores, avx2; dim_trt 0.1.0 (abc), PyTorch 2.13.0, ONNX Runtime 1.31.1; 2026-01-02." in (
        " ".join(text.split())
    )
    assert max(len(line) for line in text.splitlines() if not line.startswith("|")) <= 120
    assert all(f"after {name}\n" in text for name in ("quality", "speed", "shipped", "threads"))
    with pytest.raises(SystemExit) as exit_code:
        run(*options, "--check")
    assert exit_code.value.code == 0
    rows = json.loads((results / "x_full-dense.json").read_text())
    rows[3]["latency_ms"]["p50"] = 90.0
    (results / "x_full-dense.json").write_text(json.dumps(rows))
    assert list(report.stale([page], tmp_path / "charts", read_results(results, "x"), "x")) == [
        "page.md: tables",
        "latency_by_size.png",
    ]
    (results / "x_stages-full.json").unlink()
    run(*options)
    assert not (tmp_path / "charts/time_by_layer.png").exists()


def test_charts_carry_the_hash_of_their_data(results, tmp_path):
    chart = CHARTS["latency_by_size.png"]
    data = chart.data(read_results(results, "x"))
    write_chart(tmp_path / "chart.png", data, chart.draw)
    assert chart_digest(tmp_path / "chart.png") == digest(data)
    assert chart_digest(tmp_path / "none.png") is None


def test_a_page_with_an_unknown_table_or_without_a_machine_is_refused(results, page):
    page.write_text("<!-- report: speeed -->\n<!-- end of report -->\n")
    with pytest.raises(SystemExit, match="expected a line <!-- results of MACHINE -->"):
        run("--results", results, "--pages", page)
    with pytest.raises(SystemExit, match=r"expected one of quality, .*, got 'speeed'"):
        run("--results", results, "--pages", page, "--machine", "x")
    with pytest.raises(SystemExit, match="no results of y; there are those of: x"):
        run("--results", results, "--pages", page, "--machine", "y")


def test_every_table_and_chart_of_the_report_is_on_a_page_once():
    text = "".join(path.read_text() for path in report.PAGES)
    names = [match[1] for match in report.BLOCK.findall(text)]
    assert sorted(names) == sorted([*BLOCKS, *CHARTS])


def test_a_row_of_another_length_is_refused():
    assert table(["a", "b"], [["1", "2"]]).splitlines() == ["| a | b |", "| --- | ---: |", "| 1 | 2 |"]
    with pytest.raises(ValueError, match="expected 2 cells, got 1"):
        table(["a", "b"], [["1"]])


def test_the_suite_keeps_what_is_done_and_names_what_failed(tmp_path, monkeypatch, capsys):
    ran = []

    def run_step(step, arguments, path):
        ran.append(step.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        command = suite.command([f"benchmarks.{step.module}", *arguments, "--json", str(path)])
        path.write_text(json.dumps([{"command": command, **suite.source()}]))
        return step.name != "stages-full"

    monkeypatch.setattr(suite, "run_step", run_step)
    monkeypatch.setattr(suite, "RESULTS", tmp_path)
    only = ["--only", "lite-dense", "stages-full", "quality-alphamatting"]
    with pytest.raises(SystemExit, match="failed: stages-full"):
        suite.main(only)
    assert ran == ["lite-dense", "stages-full"]
    assert "quality-alphamatting: left out, --alphamatting says" in capsys.readouterr().out
    (tmp_path / f"{machine()['name']}_stages-full.json").unlink()
    with pytest.raises(SystemExit, match="failed: stages-full"):
        suite.main([*only, "--resume"])
    assert ran == ["lite-dense", "stages-full", "stages-full"]
    assert "lite-dense: kept" in capsys.readouterr().out
    monkeypatch.setattr(suite, "source", lambda: {"commit": "another", "modified": False})
    suite.main(["--only", "lite-dense", "--resume"])
    assert ran[-1] == "lite-dense"


def test_every_step_has_arguments_that_its_benchmark_takes(monkeypatch, tmp_path):
    from benchmarks.latency import __main__ as latency

    for step in suite.STEPS:
        for quick in (False, True):
            arguments = suite.arguments_of(step, tmp_path, quick)
            assert suite.DATA not in arguments
            assert suite.THREADS not in arguments
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
