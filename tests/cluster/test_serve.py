"""examples/serve_on_ray.py: the service's application under Ray Serve, as it is."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import numpy as np
import pytest

import dim_trt
from benchmarks.triton.server import free_port
from tests.cluster.conftest import save_pictures
from tests.support import ROOT

ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'dim_trt[cluster]'")
pytest.importorskip("fastapi", reason="Ray Serve is not installed: pip install 'ray[serve]'")
pytest.importorskip("starlette")
cv2 = pytest.importorskip("cv2")
pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("ignore")]  # warnings of Ray Serve's own


@pytest.fixture(name="example")
def fixture_example(ray_cluster: Any) -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("serve_on_ray", ROOT / "examples" / "serve_on_ray.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    ray.cloudpickle.register_pickle_by_value(module)
    yield module
    ray.cloudpickle.unregister_pickle_by_value(module)
    module.serve.shutdown()


def test_the_service_is_the_same_under_ray_serve(
    example: ModuleType, plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_pictures(tmp_path, 1)
    monkeypatch.setenv("DIM_TRT_PLAN", str(plan))
    monkeypatch.setenv("DIM_TRT_TOKEN", "a token of the test's own")
    port = free_port()
    example.serve.start(http_options={"host": "127.0.0.1", "port": port})
    example.serve.run(example.deployment(2))
    image, trimap = ((tmp_path / name / "00000.png").read_bytes() for name in ("in", "tri"))
    address = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
        assert client.post("/v1/matte", files={"image": image, "trimap": trimap}).status_code == 401
        client.headers["Authorization"] = "Bearer a token of the test's own"
        assert "<html" in client.get("/").text
        assert client.get("/v1/info").json()["engine"]["threads"] == 1
        for _ in range(4):
            answer = client.post("/v1/matte", files={"image": ("a.png", image), "trimap": ("t.png", trimap)})
            assert answer.status_code == 200, answer.text
            found = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_UNCHANGED)
            with dim_trt.Engine(plan, "cpu", 1) as engine:
                decoded = [cv2.imdecode(np.frombuffer(data, np.uint8), -1) for data in (image, trimap)]
                np.testing.assert_array_equal(found, np.rint(255 * engine.run(*decoded)))
