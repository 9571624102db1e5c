"""What docs/serve.md and README tell people to type works."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving.conftest import Running
from tests.serving.pictures import pixels
from tests.support import ROOT

SERVE, README = ((ROOT / name).read_text() for name in ("docs/serve.md", "README.md"))
ADDRESS = "http://127.0.0.1:8000"


def test_the_client_in_python(shipped: Running, tmp_path: Path) -> None:
    (client,) = re.findall(r"^```python\n(.*?)^```", SERVE, re.MULTILINE | re.DOTALL)
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    code = client.replace(ADDRESS, shipped.url)
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=60, capture_output=True)
    assert pixels((tmp_path / "cutout.png").read_bytes()).shape == (512, 512, 4)


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
@pytest.mark.parametrize("page", [SERVE, README], ids=["serve.md", "README"])
def test_the_line_of_curl(shipped: Running, tmp_path: Path, page: str) -> None:
    (line,) = re.findall(r"^curl -F (?:.*\\\n)*.*$", page, re.MULTILINE)
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    words = shlex.split(line.replace("\\\n", " ").replace(ADDRESS, shipped.url))
    subprocess.run(
        [*words, "--noproxy", "*", "--fail-with-body", "-sS"], cwd=tmp_path, check=True, timeout=60, capture_output=True
    )
    assert pixels((tmp_path / "cutout.png").read_bytes()).shape == (512, 512, 4)
