"""Numbers at the edges: tiny, infinite and equal ones, and trimaps and sizes that nobody draws; each beside PyTorch."""

from __future__ import annotations

import functools
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

import dim_trt
from dim_trt import _core
from dim_trt.arrays import LABELS_BELOW
from dim_trt.plans.header import write_plan
from tests.graph.dim_graphs import dim_onnx, network
from tests.support.compare import assert_within
from tests.support.networks import alpha_of, input_tensor, random_picture
from tests.support.seeds import SeedCase, seed_of
from tests.support.tiny_graphs import tiny_dim
from training import export
from training.export import export_onnx
from training.model import DeepImageMatting, ModelConfig

U8 = NDArray[np.uint8]
CONFIG = ModelConfig(width=0.1, skip=True)
MIN_TIE_MARGIN = 3e-7

pytestmark = pytest.mark.filterwarnings("ignore:trimap. no pixel is known")


def build(proto: onnx.ModelProto, folder: Path, precision: str = "fp32") -> dim_trt.Engine:
    onnx.save(proto, folder / "dim.onnx")
    dim_trt.build_plan(folder / "dim.onnx", folder / "dim.plan", precision=precision, backend="cpu")
    return dim_trt.Engine(folder / "dim.plan", threads=2, color="rgb")


@pytest.fixture(scope="module", name="engine")
def fixture_engine(tmp_path_factory: pytest.TempPathFactory) -> dim_trt.Engine:
    return build(dim_onnx(network(CONFIG)), tmp_path_factory.mktemp("numerics"))


# -------------------------------------------------------------------------------------------------- pictures, trimaps


def everywhere(height: int, width: int) -> U8:
    return np.full((height, width), 128, np.uint8)


def single(height: int, width: int) -> U8:
    trimap = np.zeros((height, width), np.uint8)
    trimap[height // 3, -1] = LABELS_BELOW  # the smallest value that no label has
    return trimap


def checkerboard(height: int, width: int) -> U8:
    """Of unknown and known pixels; the known ones in turn background and foreground."""
    rows, columns = np.indices((height, width))
    return np.where((rows + columns) % 2 == 0, 128, columns // 2 % 2 * 255).astype(np.uint8)


TRIMAPS = [everywhere, single, checkerboard]
SIZES = [(61, 97), (1, 213), (213, 1), (1, 1), (2, 701), (603, 3)]
LEVELS = [0, 117, 255]


def odd_picture(seed: int, make: Callable[[int, int], U8], height: int, width: int) -> tuple[U8, U8]:
    return random_picture(seed, height, width)[0], make(height, width)


def constant_picture(_seed: int, make: Callable[[int, int], U8], level: int) -> tuple[U8, U8]:
    return np.full((161, 75, 3), level, np.uint8), make(161, 75)


def seed_case(key: str, picture: Callable[[int], tuple[U8, U8]]) -> SeedCase:
    return SeedCase(key, MIN_TIE_MARGIN, lambda seed: (network(CONFIG), [input_tensor(*picture(seed))]))


SEED_CASES = [
    *(
        seed_case(
            f"numerics {make.__name__} {height}x{width}",
            functools.partial(odd_picture, make=make, height=height, width=width),
        )
        for make in TRIMAPS
        for height, width in SIZES
    ),
    *(
        seed_case(
            f"numerics {make.__name__} constant {level}", functools.partial(constant_picture, make=make, level=level)
        )
        for make in TRIMAPS
        for level in LEVELS
    ),
]


def check(engine: dim_trt.Engine, img: U8, trimap: U8) -> None:
    model = network(CONFIG)
    alpha = engine.run(img, trimap)
    assert_within(alpha, alpha_of(model, img, trimap), 1e-4)
    known = (trimap == 0) | (trimap == 255)
    np.testing.assert_array_equal(alpha[known], trimap[known] / np.float32(255))


@pytest.mark.parametrize("make", TRIMAPS)
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_odd_trimaps_on_odd_sizes(
    engine: dim_trt.Engine, make: Callable[[int, int], U8], height: int, width: int
) -> None:
    seed = seed_of(f"numerics {make.__name__} {height}x{width}")
    check(engine, *odd_picture(seed, make, height, width))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("make", TRIMAPS)
def test_constant_pictures(engine: dim_trt.Engine, make: Callable[[int, int], U8], level: int) -> None:
    check(engine, *constant_picture(seed_of(f"numerics {make.__name__} constant {level}"), make, level))


# ------------------------------------------------------------------------------------------------------------ denormals


def weights_of(proto: onnx.ModelProto, name: str) -> onnx.TensorProto:
    return next(tensor for tensor in proto.graph.initializer if tensor.name == name)


def scaled(**factors: float) -> DeepImageMatting:
    """The network with layers' weights, and the biases of those that get smaller, multiplied."""
    changed = DeepImageMatting(CONFIG)
    changed.load_state_dict(network(CONFIG).state_dict())
    with torch.no_grad():
        for layer, factor in factors.items():
            for name, parameter in changed.get_submodule(layer).named_parameters():
                if factor < 1 or name.endswith("weight"):
                    parameter.mul_(factor)
    return changed.eval()


@pytest.mark.measures
@pytest.mark.parametrize("layer", ["conv1_1", "conv4_2", "deconv3", "refine_conv2"])
def test_denormals_cost_no_time(engine: dim_trt.Engine, layer: str, tmp_path: Path) -> None:
    """Weights and what comes of them between 1e-45 and 1e-38: zero beside the biases that follow."""
    model = scaled(**{layer: 3e-38})
    tiny = build(dim_onnx(model), tmp_path)
    stored = weights_of(onnx.load(tmp_path / "dim.onnx"), f"{layer}.weight")
    values = np.abs(numpy_helper.to_array(stored))
    assert ((values > 0) & (values < np.finfo(np.float32).tiny)).mean() > 0.2, "not what is to be tested"
    img, trimap = random_picture(3, 257, 391)
    assert_within(tiny.run(img, trimap), alpha_of(model, img, trimap), 1e-4)

    def best_s(measured: dim_trt.Engine) -> float:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            measured.run(img, trimap)
            times.append(time.perf_counter() - start)
        return min(times)

    engine.run(img, trimap)
    assert best_s(tiny) < 5 * best_s(engine)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "aarch64"), reason="no flag for it is known there")
def test_denormals_count_as_zero(tmp_path: Path) -> None:
    """In every thread: with weights of 1e38 after it, a layer of denormals would show."""
    img, trimap = random_picture(5, 257, 391)
    tiny, zero = (build(dim_onnx(scaled(conv1_2=f, conv2_1=1e38)), tmp_path).run(img, trimap) for f in (1e-40, 0))
    np.testing.assert_array_equal(tiny, zero)
    assert np.abs(alpha_of(scaled(conv1_2=1e-40, conv2_1=1e38), img, trimap) - zero).max() > 1e-3, "shows nothing"


def test_runs_leave_the_callers_arithmetic_alone(engine: dim_trt.Engine) -> None:
    """Denormals are flushed inside of a run only."""
    smallest = np.array([1e-40], np.float32)
    img, trimap = random_picture(4, 65, 97)
    engine.run(img, trimap)
    assert (smallest / np.float32(2))[0] > 0
    assert torch.from_numpy(smallest).div(2).item() > 0


# --------------------------------------------------------------------------------------------------- NaN and infinity


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["conv2.weight", "depool1.bias"])
def test_weights_that_are_no_numbers_are_refused_by_name(name: str, value: float, tmp_path: Path) -> None:
    proto = tiny_dim()
    tensor = weights_of(proto, name)
    values = numpy_helper.to_array(tensor).copy()
    values.flat[-1] = value
    tensor.CopyFrom(numpy_helper.from_array(values, name))
    with pytest.raises(dim_trt.BuildError, match=f"tensor '{name}' holds NaN or infinity"):
        build(proto, tmp_path)
    assert not (tmp_path / "dim.plan").exists()


def test_weights_beyond_float16_are_refused_by_name(tmp_path: Path) -> None:
    proto = tiny_dim()
    tensor = weights_of(proto, "conv2.weight")
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(1e6), tensor.name))
    with pytest.raises(dim_trt.BuildError, match=r"conv2.*beyond ±65504, which float16 cannot hold"):
        build(proto, tmp_path, "fp16")


def test_export_refuses_what_training_broke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "_trace", lambda model, *_: dim_onnx(model))  # which takes seconds
    model = DeepImageMatting(ModelConfig(width=0.03)).eval()
    with torch.no_grad():
        model.get_submodule("conv3_1").get_submodule("conv").weight[0, 0, 1, 2] = torch.nan
    with pytest.raises(dim_trt.BuildError, match=r"tensor 'conv3_1.weight' holds NaN or infinity; the training"):
        export_onnx(model, tmp_path / "dim.onnx")
    assert not (tmp_path / "dim.onnx").exists()


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", np.float32), ("fp16", np.float16)])
def test_plans_with_infinite_weights_are_refused(precision: str, dtype: Any, tmp_path: Path) -> None:
    """Written by another program, with the right SHA-256."""
    build(tiny_dim(), tmp_path, precision)
    path = tmp_path / "dim.plan"
    header, payload = json.loads(_core.read_plan_header(str(path))), bytearray(_core.read_plan_payload(str(path)))
    length = int.from_bytes(payload[:4], "little")
    ops = json.loads(payload[4 : 4 + length])["ops"]
    offset = next(op for op in ops if op["op"] == "conv")["weight"]["offset"]
    start = -(-(4 + length) // 64) * 64 + offset
    infinity = np.array([np.inf], dtype).tobytes()
    payload[start : start + len(infinity)] = infinity
    write_plan(path, header, bytes(payload))
    with pytest.raises(dim_trt.PlanError, match="the tensor holds NaN or infinity"):
        dim_trt.Engine(path)
