"""U²-Net-p, a network that people use: by its file, and as rembg runs it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dim_trt import masks
from dim_trt.pictures.files import read_image
from dim_trt.trimaps import read_trimap
from tests.support import ROOT
from tests.support.u2netp import u2netp

pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
PICTURE = ROOT / "samples" / "astronaut.png"
NAMES = ("u2netp", "u2net", "nothing", "atlascloud", "u2net_custom")
# In a process of its own: rembg's packages warn, compile and read the environment when they are imported.
BY_REMBG = """
import json, sys, numpy as np
from dim_trt import masks
from dim_trt.errors import Error
from dim_trt.pictures.files import read_image
said = {}
for name in sys.argv[3:]:
    try:
        np.save(sys.argv[2], masks.mask_of(masks.open_source(f"rembg:{name}"), read_image(sys.argv[1])))
    except Error as failure:
        said[name] = [type(failure).__name__, str(failure)]
print(json.dumps(said))
"""


class ByRembg(NamedTuple):
    """What became of each of NAMES where rembg's folder holds U²-Net-p alone and there is no network."""

    home: Path
    mask: NDArray[np.float32]
    said: dict[str, tuple[str, str]]


@pytest.fixture(name="rembg", scope="module")
def fixture_rembg(tmp_path_factory: pytest.TempPathFactory) -> ByRembg:
    if importlib.util.find_spec("rembg") is None:
        pytest.skip("rembg is not installed")
    home = tmp_path_factory.mktemp("rembg")
    folder, result = home / "models" / "u2netp", home / "mask.npy"
    folder.mkdir(parents=True)
    shutil.copy(u2netp(), folder / "u2netp.onnx")
    variables = os.environ | {"U2NET_HOME": str(home), "HTTPS_PROXY": "http://127.0.0.1:9"}
    command = [sys.executable, "-c", BY_REMBG, str(PICTURE), str(result), *NAMES]
    ran = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=500, check=True)
    return ByRembg(home, np.load(result), json.loads(ran.stdout.splitlines()[-1]))


def test_the_astronaut_is_found() -> None:
    mask = masks.open_source(str(u2netp()))(read_image(PICTURE))
    trimap = read_trimap(ROOT / "samples" / "astronaut_trimap.png")
    assert mask[trimap == 255].mean() > 0.9
    assert mask[trimap == 0].mean() < 0.1
    assert mask.max() <= 1


def test_rembg_runs_the_same_network(rembg: ByRembg) -> None:
    ours = masks.open_source(str(u2netp()))(read_image(PICTURE))
    assert "u2netp" not in rembg.said
    assert rembg.mask.dtype == np.float32
    inside, within = rembg.mask > 0.5, ours > 0.5
    assert np.count_nonzero(inside & within) / np.count_nonzero(inside | within) > 0.97
    assert cv2.absdiff(rembg.mask, ours).mean() < 0.02


def test_offline_it_is_said_where_the_weights_go(rembg: ByRembg) -> None:
    kind, message = rembg.said["u2net"]
    assert kind == "BackendUnavailable"
    assert "cannot be downloaded" in message
    assert f"put them into {str(rembg.home / 'models' / 'u2net' / 'u2net.onnx')!r}" in message


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nothing", "rembg has no 'nothing'; it has"),
        ("atlascloud", "sends pictures to a service"),
        ("u2net_custom", "cannot be opened by its name: "),
    ],
)
def test_sessions_that_cannot_be_had(rembg: ByRembg, name: str, expected: str) -> None:
    kind, message = rembg.said[name]
    assert kind == "InvalidInput"
    assert expected in message
    assert name in message


def test_without_rembg_the_extra_is_named() -> None:
    code = "import sys\nsys.modules['rembg'] = None\nimport importlib.util as util\nfind = util.find_spec\n"
    code += "util.find_spec = lambda name: None if name == 'rembg' else find(name)\nfrom dim_trt import masks\n"
    code += "try:\n    masks.open_source('rembg:u2net')\nexcept Exception as failure:\n    print(failure)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "auto: 'rembg:u2net' needs rembg and onnxruntime: pip install 'dim_trt[auto]'\n"
