"""Layers of the full network at 512×512, by every instruction set of this machine."""

import pytest

from benchmarks.kernels.cases import cases
from benchmarks.kernels.operands import operands, seconds
from benchmarks.measure import default_threads
from dim_trt import _core

ISAS = [isa for isa in _core.cpu_capabilities()["available_isas"] if isa != "scalar"]
LAYERS = ("conv1_2", "conv3_2", "conv4_2", "deconv4", "deconv1", "refine_conv2")
CASES = [case for case in cases("full", 512, 512, [0.5]) if case.layer.name in LAYERS]
ROUNDS = 8


class LayerClock:
    """Goes on by what the layer itself took: packing its weights is not in it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def advance(self, taken: float) -> None:
        self.now += taken


CLOCK = LayerClock()


@pytest.fixture(autouse=True)
def _layers_module():
    from tests.support.testing import _testing  # noqa: F401 (skips where it was not built)


@pytest.mark.benchmark(timer=CLOCK)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.layer.name} {case.kernel_name}".replace(" ", "-"))
@pytest.mark.parametrize("isa", ISAS)
def test_layer(benchmark, isa, case):
    times = iter(seconds(case, operands(case), isa, default_threads(), ROUNDS + 1)[1:])  # the first is warm-up
    benchmark.pedantic(CLOCK.advance, setup=lambda: ((next(times),), {}), rounds=ROUNDS)
