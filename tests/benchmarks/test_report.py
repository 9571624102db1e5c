"""Tables, charts and figures of the pages are what the records say, and the report notices when they are not."""

import json

import pytest

pytest.importorskip("matplotlib", reason="matplotlib is not installed: no charts")
pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed: nothing was compared with it")

from benchmarks.markdown import table
from benchmarks.report import pages
from benchmarks.report.blocks import BLOCKS
from benchmarks.report.charts import CHARTS, chart_digest, digest, write_chart
from benchmarks.result_files import RESULTS, read_results


def test_readme_and_charts_are_what_the_records_say():
    name = pages.named_machine(pages.PAGES[0])
    results = read_results(RESULTS, name)
    assert results.steps, f"benchmarks/results has nothing of {name}, which README.md names"
    assert list(pages.stale(pages.PAGES, pages.DOCS, results, name)) == [], "run python -m benchmarks.report"


def test_tables_are_filled_in_and_checked(run, results, page, tmp_path, capsys):
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
    assert "| alpha = 0.5 everywhere | 34.50 | 20.0e-3 | 34.50 | 20.0e-3 |" in text
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
    assert list(pages.stale([page], tmp_path / "charts", read_results(results, "x"), "x")) == [
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


def test_a_page_with_an_unknown_table_or_without_a_machine_is_refused(run, results, page):
    page.write_text("<!-- report: speeed -->\n<!-- end of report -->\n")
    with pytest.raises(SystemExit, match="expected a line <!-- results of MACHINE -->"):
        run("--results", results, "--pages", page)
    with pytest.raises(SystemExit, match=r"expected one of quality, .*, got 'speeed'"):
        run("--results", results, "--pages", page, "--machine", "x")
    with pytest.raises(SystemExit, match="no results of y; there are those of: x"):
        run("--results", results, "--pages", page, "--machine", "y")


def test_every_table_and_chart_of_the_report_is_on_a_page_once_for_each_machine():
    text = "".join(path.read_text() for path in pages.PAGES)
    names = [match[1] for match in pages.BLOCK.findall(text)]
    assert len(names) == len(set(names))
    assert {name.partition(pages.OTHER_MACHINE)[0] for name in names} == {*BLOCKS, *CHARTS}


def test_a_row_of_another_length_is_refused():
    assert table(["a", "b"], [["1", "2"]]).splitlines() == ["| a | b |", "| --- | ---: |", "| 1 | 2 |"]
    with pytest.raises(ValueError, match="expected 2 cells, got 1"):
        table(["a", "b"], [["1"]])
