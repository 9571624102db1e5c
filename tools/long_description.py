"""README.md as package indexes show it: the build asks this module for it.

An index has none of the repository's files. With a Repository among [project.urls] relative links lead there, to the
files of this version; without one they become plain text, and pictures their alternative text. HTML comments go.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # scikit-build-core brings it

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`(?:[^`\n]|\n(?!\s*\n))+`")
COMMENT = re.compile(r"^<!--.*?-->\n|<!--.*?-->", re.MULTILINE | re.DOTALL)  # a line of its own goes whole
PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|!\[[^\]]*\]\([^)]*\))*)\]\(([^)\s]+)\)")  # its text may hold a picture


def dynamic_metadata(field: str, _settings: Mapping[str, Any]) -> dict[str, str]:
    """What scikit-build-core calls."""
    if field != "readme":
        raise ValueError(f"long_description: expected the field 'readme', got {field!r}")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    described = long_description(text, project["version"], project.get("urls", {}).get("Repository"))
    return {"content-type": "text/markdown", "text": described}


def long_description(readme: str, version: str, repository: str | None) -> str:
    """`readme` for an index; `repository` is the address of the repository, whose tag v<version> has the files."""
    base = repository.rstrip("/") if repository else None

    def picture(match: re.Match[str]) -> str:
        text, target = match.groups()
        if not is_relative(target):
            return match[0]
        return f"![{text}]({base}/raw/v{version}/{target})" if base else text

    def link(match: re.Match[str]) -> str:
        text, target = match.groups()
        if not is_relative(target):
            return match[0]
        page = f"README.md{target}" if target.startswith("#") else target
        return f"[{text}]({base}/blob/v{version}/{page})" if base else text

    code = Code()
    text = COMMENT.sub("", code.hide(BLOCK, readme))
    text = LINK.sub(link, PICTURE.sub(picture, code.hide(SPAN, text)))
    return code.show(re.sub(r"\n{3,}", "\n\n", text))


def relative_targets(markdown: str) -> list[str]:
    """Of links and pictures: what leads nowhere on an index."""
    code = Code()
    text = code.hide(SPAN, code.hide(BLOCK, markdown))
    targets = [target for pattern in (PICTURE, LINK) for _, target in pattern.findall(text)]
    return [target for target in targets if is_relative(target)]


def is_relative(target: str) -> bool:
    return re.match(r"[a-z][a-z0-9+.-]*:", target, re.IGNORECASE) is None


class Code:
    """Takes code out of a text, so that nothing in it is changed, and puts it back."""

    def __init__(self) -> None:
        self._hidden: list[str] = []

    def hide(self, pattern: re.Pattern[str], text: str) -> str:
        return pattern.sub(self._place, text)

    def show(self, text: str) -> str:
        return re.sub("\ue000(\\d+)\ue001", lambda place: self.show(self._hidden[int(place[1])]), text)

    def _place(self, match: re.Match[str]) -> str:
        self._hidden.append(match[0])
        return f"\ue000{len(self._hidden) - 1}\ue001"
