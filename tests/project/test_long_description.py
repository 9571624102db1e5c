"""README.md as a package index shows it: nothing leads nowhere, with a public repository or without one."""

from __future__ import annotations

import re
from importlib.metadata import metadata
from pathlib import Path

import pytest

from tools import long_description as module
from tools.long_description import dynamic_metadata, long_description, relative_targets

README = (Path(__file__).parents[2] / "README.md").read_text()
REPOSITORY = "https://example.org/someone/dim_trt"
TEXT = """<!-- a marker -->
# Title

![two pictures](docs/two.png)

See [the page](docs/page.md#part), [above](#title), [elsewhere](https://example.org/a),
![badge](https://example.org/b.svg) and [![badge](docs/c.svg)](LICENSE).

<!-- results

more -->

| [a](b.md) |

`[code](x.md)` over `two
lines` stays, [this](y.md) does not:

```sh
echo "[code](x.md)"  # <!-- stays -->



```
"""


def test_with_a_repository_links_and_pictures_lead_there() -> None:
    text = long_description(TEXT, "1.2.3", f"{REPOSITORY}/")
    for expected in (
        f"![two pictures]({REPOSITORY}/raw/v1.2.3/docs/two.png)",
        f"[the page]({REPOSITORY}/blob/v1.2.3/docs/page.md#part)",
        f"[above]({REPOSITORY}/blob/v1.2.3/README.md#title)",
        "[elsewhere](https://example.org/a)",
        "![badge](https://example.org/b.svg)",
        f"[![badge]({REPOSITORY}/raw/v1.2.3/docs/c.svg)]({REPOSITORY}/blob/v1.2.3/LICENSE)",
        f"| [a]({REPOSITORY}/blob/v1.2.3/b.md) |",
        f"[this]({REPOSITORY}/blob/v1.2.3/y.md)",
    ):
        assert expected in text, expected


def test_without_one_they_are_text() -> None:
    text = long_description(TEXT, "1.2.3", None)
    assert "\n\ntwo pictures\n\nSee the page, above, [elsewhere](https://example.org/a)," in text
    assert "![badge](https://example.org/b.svg) and badge." in text
    assert "| a |" in text
    assert "lines` stays, this does not:" in text


@pytest.mark.parametrize("repository", [None, REPOSITORY])
def test_comments_go_and_code_stays(repository: str | None) -> None:
    text = long_description(TEXT, "1.2.3", repository)
    assert text.startswith("# Title\n")
    assert "results" not in text
    assert "`[code](x.md)` over `two\nlines`" in text
    assert text.endswith(TEXT[TEXT.index("```sh") :])


@pytest.mark.parametrize("repository", [None, REPOSITORY])
def test_of_the_readme_nothing_but_links_and_markers_changes(repository: str | None) -> None:
    assert len(relative_targets(README)) > 20
    text = long_description(README, "0.1.0", repository)
    assert not relative_targets(text)
    assert "<!--" not in text
    assert (REPOSITORY in text) == (repository is not None)

    def words(markdown: str) -> list[str]:
        return re.sub(r"<!--.*?-->|!?\[([^\[\]]+)\]\(\S+?\)", r"\1", markdown, flags=re.DOTALL).split()

    assert words(text) == words(README)


def test_one_place_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROOT", tmp_path)
    (tmp_path / "README.md").write_text("[a](b.md)")
    project = '[project]\nversion = "7.8"\n'
    (tmp_path / "pyproject.toml").write_text(project)
    assert dynamic_metadata("readme", {}) == {"content-type": "text/markdown", "text": "a"}
    (tmp_path / "pyproject.toml").write_text(f'{project}[project.urls]\nRepository = "{REPOSITORY}"\n')
    assert dynamic_metadata("readme", {})["text"] == f"[a]({REPOSITORY}/blob/v7.8/b.md)"
    with pytest.raises(ValueError, match="expected the field 'readme', got 'version'"):
        dynamic_metadata("version", {})


def test_what_is_installed_here_was_made_so() -> None:
    described = metadata("dim_trt").get_payload()
    assert isinstance(described, str)
    assert described.startswith("# dim_trt\n")
    assert not relative_targets(described)
