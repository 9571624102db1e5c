"""Figures in sentences are what the records say, and a marker that asks for something else is one clear error."""

import re

import pytest

pytest.importorskip("matplotlib", reason="matplotlib is not installed: no charts")
pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed: nothing was compared with it")

from benchmarks.measure import ROOT
from benchmarks.report import pages
from benchmarks.report.figures import FIGURES

BEFORE = "<!-- results of x -->\nClosed-form matting takes <!-- figure: closed_form_times -->"


def test_figures_are_filled_in_and_checked(run, results, page, tmp_path, capsys):
    options = ["--results", results, "--pages", page, "--charts", tmp_path / "charts"]
    page.write_text(f"{BEFORE}thirty<!-- end --> times as long.\n")
    with pytest.raises(SystemExit):
        run(*options, "--check")
    assert "stale: page.md: figure closed_form_times is 22, not thirty; run" in capsys.readouterr().out
    run(*options)
    assert page.read_text() == f"{BEFORE}22<!-- end --> times as long.\n"
    assert f"{page}: written" in capsys.readouterr().out
    with pytest.raises(SystemExit) as exit_code:
        run(*options, "--check")
    assert exit_code.value.code == 0
    run(*options)
    assert capsys.readouterr().out == ""  # nothing has changed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{BEFORE}22 times", r"^page\.md: expected <!-- end --> after figure closed_form_times, got the end"),
        (
            f"{BEFORE}22\n<!-- figure: scenes_sad -->",
            r"^page\.md:3: .* after figure closed_form_times, got figure scenes",
        ),
        ("<!-- results of x --> 22<!-- end -->", r"^page\.md:1: expected a marker <!-- figure: NAME --> before"),
        (
            BEFORE.replace("times -->", "tims -->") + "<!-- end -->",
            r"^page\.md:2: expected one of .*, got 'closed_form_tims'",
        ),
        (
            BEFORE.replace("takes ", "takes\n") + "<!-- end -->",
            r"^page\.md:3: figure closed_form_times: expected words before it on its line, got none",
        ),
    ],
    ids=["end of the page", "another figure", "no figure", "unknown", "begins a line"],
)
def test_a_figure_that_cannot_be_written_is_one_sentence(run, results, page, tmp_path, text, message):
    good = tmp_path / "good.md"
    good.write_text(f"{BEFORE}thirty<!-- end -->")
    page.write_text(text)
    with pytest.raises(SystemExit, match=message):
        run("--results", results, "--pages", good, page, "--charts", tmp_path / "charts")
    assert "thirty" in good.read_text()  # none of the pages is written


def test_a_figure_whose_source_says_nothing_of_it_is_one_sentence(run, results, page, tmp_path, monkeypatch):
    card = tmp_path / "CARD.md"
    card.write_text("no table\n")
    monkeypatch.setattr("benchmarks.report.figures.CARD", card)
    page.write_text(BEFORE.replace("closed_form_times", "million_parameters") + "1.64<!-- end -->")
    with pytest.raises(
        SystemExit, match=r"^page\.md:2: figure million_parameters cannot be computed: CARD\.md has nothing"
    ):
        run("--results", results, "--pages", page, "--charts", tmp_path / "charts")


def test_a_figure_of_a_step_that_was_left_out_says_so(run, results, page, tmp_path):
    page.write_text(BEFORE.replace("closed_form_times", "scenes_sad") + "7.68<!-- end -->")
    run("--results", results, "--pages", page, "--charts", tmp_path / "charts")
    assert page.read_text().endswith("<!-- figure: scenes_sad -->(not measured)<!-- end -->")


def test_every_figure_of_the_report_is_on_a_page():
    text = "".join(path.read_text() for path in pages.PAGES)
    assert {match["name"] for match in pages.MARKER.finditer(text)} == {None, *FIGURES}


# A figure with its unit, in what is left of the README without code, tables and what the report writes.
MEASURED = re.compile(r"\d\s?(?:ms|MB|GB|%|×(?!\d)|seconds|minutes|hours|times|pictures/s)\b|SAD \d")


def prose(text):
    text = pages.BLOCK.sub("", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    text = re.sub(r"<!-- figure: .*?<!-- end -->|`[^`]*`", "", text)
    return "\n".join(line for line in text.splitlines() if not line.startswith("|"))


def test_figures_of_the_readme_are_written_by_the_report():
    assert MEASURED.findall(prose((ROOT / "README.md").read_text())) == []
    assert MEASURED.findall(prose("In 20 ms, `509 MB`, SAD 7.6\n| 3 MB |\n```sh\n4 hours\n```\n2 of 3 files")) == [
        "0 ms", "SAD 7"
    ]  # fmt: skip
