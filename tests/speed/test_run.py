"""`Engine.run` of the shipped model by size and unknown region, and of the full one at 256×256."""

import pytest

import dim_trt
from benchmarks.networks import load_network
from benchmarks.pictures import stripe, thin_band

CASES = {
    "shipped-256-dense": ("shipped", stripe(256, 256, 1.0)),
    "shipped-512-dense": ("shipped", stripe(512, 512, 1.0)),
    "shipped-512-band": ("shipped", thin_band(512, 512, 0.05)),
    "shipped-1080p-band": ("shipped", thin_band(1080, 1920, 0.05)),
    "full-256-dense": ("full", stripe(256, 256, 1.0)),
}


@pytest.fixture(scope="module")
def engines(tmp_path_factory):
    """By model."""
    folder = tmp_path_factory.mktemp("plans")
    loaded = {}
    for model in dict.fromkeys(model for model, _ in CASES.values()):
        plan = folder / f"{model}.plan"
        dim_trt.build_plan(load_network(model, folder).onnx, plan, backend="cpu")
        loaded[model] = dim_trt.Engine(plan, device="cpu", color="rgb")
    return loaded


@pytest.mark.parametrize("case", CASES)
def test_run(benchmark, engines, case):
    model, picture = CASES[case]
    engine = engines[model]
    alpha = engine.run(picture.img, picture.trimap)
    benchmark(engine.run, picture.img, picture.trimap, alpha)
