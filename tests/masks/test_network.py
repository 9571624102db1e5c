"""Masks of ONNX files: fed as they were trained, the right output taken and squashed, or one clear error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from dim_trt import masks
from dim_trt.errors import BackendUnavailable, Error, InvalidInput
from dim_trt.masks.families import NORMALIZATIONS, Normalization, family_of, parse_normalization
from tests.support.mask_graphs import LOGITS_SCALE, write_mask_network

pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
pytestmark = pytest.mark.public
CENTERED = NORMALIZATIONS["centered"]
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def halves(height: int = 47, width: int = 61) -> np.ndarray:
    """Light on the left, dark on the right, each of one color that is no gray."""
    img = np.empty((height, width, 3), np.uint8)
    img[:, : width // 2], img[:, width // 2 :] = (255, 240, 150), (0, 20, 70)
    return img


def expected(img: np.ndarray, normalization: Normalization = CENTERED) -> np.ndarray:
    """What the network says of each pixel by itself."""
    rgb = img[:, :, ::-1].astype(np.float64) / 255
    fed = (rgb - normalization.mean) / normalization.std
    return 1 / (1 + np.exp(-LOGITS_SCALE * fed.mean(2)))


def inner(mask: np.ndarray) -> np.ndarray:
    """Without the columns beside the edge, which scaling mixes."""
    return np.delete(mask, range(mask.shape[1] // 2 - 4, mask.shape[1] // 2 + 4), axis=1)


@pytest.mark.parametrize(
    "graph",
    [
        {},
        {"last": None},
        {"reshaped": True},
        {"reshaped": True, "last": None},
        {"side": True},
        {"side": True, "last": None},
        {"layout": "nhwc"},
        {"size": ("h", "w")},
        {"layout": "nhwc", "size": ("h", "w")},
        {"float16": True},
        {"size": (61, 47)},
    ],
    ids=str,
)
def test_mask_is_what_the_network_says(tmp_path: Path, graph: dict[str, Any]) -> None:
    path = write_mask_network(tmp_path / "model.onnx", **graph)
    size = (24, 32) if graph.get("size") == ("h", "w") else None
    img = halves()
    mask = masks.open_source(str(path), size=size, normalization=CENTERED)(img)
    assert mask.shape == img.shape[:2]
    assert mask.dtype == np.float32
    assert mask.min() >= 0
    assert mask.max() <= 1
    np.testing.assert_allclose(inner(mask), inner(expected(img)), atol=2e-3 if graph.get("float16") else 1e-5)


@pytest.mark.parametrize("last", ["Softmax", None])
def test_of_two_channels_the_second_is_the_object(tmp_path: Path, last: str | None) -> None:
    path = write_mask_network(tmp_path / "model.onnx", last=last, channels=2)
    img = halves()
    mask = masks.OnnxMasks(path, normalization=CENTERED)(img)
    logit = -np.log(1 / expected(img) - 1)
    np.testing.assert_allclose(inner(mask), inner(1 / (1 + np.exp(-2 * logit))), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "mean", "std", "side"),
    [
        ("u2net", *IMAGENET, 320),
        ("u2netp", *IMAGENET, 320),
        ("U-2-Net_human_seg", *IMAGENET, 320),
        ("silueta", *IMAGENET, 320),
        ("isnet-general-use", (0.5, 0.5, 0.5), (1, 1, 1), 1024),
        ("isnet-anime", (0.485, 0.456, 0.406), (1, 1, 1), 1024),
        ("rmbg-1.4", (0.5, 0.5, 0.5), (1, 1, 1), 1024),
        ("bria-rmbg-2.0", *IMAGENET, 1024),
        ("modnet_photographic_portrait_matting", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 512),
        ("BiRefNet-general-epoch_244", *IMAGENET, 1024),
    ],
)
def test_known_families_are_fed_as_they_were_trained(name: str, mean: Any, std: Any, side: int) -> None:
    family = family_of(name)
    assert family
    assert family.normalization == Normalization(mean, std)
    assert family.side_px == side


def test_family_is_used(tmp_path: Path) -> None:
    source = masks.OnnxMasks(write_mask_network(tmp_path / "u2net_mine.onnx", size=("h", "w")))
    assert source.size == (320, 320)
    img = halves()
    np.testing.assert_allclose(inner(source(img)), inner(expected(img, NORMALIZATIONS["imagenet"])), atol=1e-5)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("unit", Normalization((0, 0, 0), (1, 1, 1))),
        ("0.5,0.4,.3/1,2,3", Normalization((0.5, 0.4, 0.3), (1, 2, 3))),
    ],
)
def test_normalization_by_name_or_numbers(text: str, result: Normalization) -> None:
    assert parse_normalization(text) == result


@pytest.mark.parametrize("text", ["", "vgg", "0.5", "1,1,1/0,1,1", "1,1,1/1,1", "-1,0,0/1,1,1"])
def test_other_normalizations_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="expected one of imagenet, unit, centered, symmetric, or mean"):
        parse_normalization(text)


def test_what_is_not_known_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"not known how .* normalized; say it with --auto-norm"):
        masks.OnnxMasks(write_mask_network(tmp_path / "model.onnx"))
    with pytest.raises(InvalidInput, match=r"takes any size .* --auto-size"):
        masks.OnnxMasks(write_mask_network(tmp_path / "model.onnx", size=("h", "w")), normalization=CENTERED)
    with pytest.raises(InvalidInput, match=r"takes 32x24 px alone, got 64x64"):
        masks.OnnxMasks(write_mask_network(tmp_path / "model.onnx"), size=(64, 64), normalization=CENTERED)


def classifier(path: Path) -> Path:
    graph = helper.make_graph(
        [helper.make_node("GlobalAveragePool", ["input"], ["pooled"]), helper.make_node("Flatten", ["pooled"], ["y"])],
        "classifier",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 32, 32])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return path


def two_inputs(path: Path) -> Path:
    names = ("a", "b")
    graph = helper.make_graph(
        [helper.make_node("Add", list(names), ["y"])],
        "two",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 32, 32]) for name in names],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 32, 32])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return path


def text_file(path: Path) -> Path:
    path.write_text("no network")
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (classifier, "expected a mask, got 'y'"),
        (two_inputs, "expected one input, a picture"),
        (lambda path: write_mask_network(path, channels=21), "expected an output with a mask, got 'mask'"),
        (text_file, "ONNX Runtime cannot load it"),
        (lambda path: path, "does not exist"),
    ],
)
def test_a_network_without_mask_is_refused(tmp_path: Path, make: Any, message: str) -> None:
    path = make(tmp_path / "u2net.onnx")
    with pytest.raises(InvalidInput, match=message) as caught:
        masks.OnnxMasks(path)(halves())
    assert "u2net.onnx" in str(caught.value)


def test_values_that_are_no_probabilities_are_refused(tmp_path: Path) -> None:
    """A Clip to 0..255, say, of a network that gives levels."""
    path = write_mask_network(tmp_path / "model.onnx", last="Clip")
    with pytest.raises(InvalidInput, match=r"expected 0\.\.1 in its output 'mask', got -"):
        masks.OnnxMasks(path, normalization=CENTERED)(halves())


@pytest.mark.parametrize("name", ["salience", "", "rembg", "rembg:", "u2netp", "other:u2net", "mask.png"])
def test_a_name_that_is_no_source_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"expected salient, rembg:NAME or MODEL\.onnx, got"):
        masks.open_source(name)


def test_a_function_is_a_source() -> None:
    def half(img: np.ndarray) -> np.ndarray:
        return np.full(img.shape[:2], 0.5, np.float32)

    assert masks.open_source(half) is half
    assert masks.mask_of(half, halves()).shape == (47, 61)


@pytest.mark.parametrize(
    "made",
    [
        np.zeros((3, 3), np.float32),
        np.zeros((47, 61), np.uint8),
        np.full((47, 61), 2.0),
        np.full((47, 61), np.nan),
        None,
    ],
    ids=["size", "type", "range", "NaN", "nothing"],
)
def test_what_is_no_mask_of_the_picture_is_refused(made: Any) -> None:
    with pytest.raises(InvalidInput, match="mask source: expected"):
        masks.mask_of(lambda img: made, halves())


def test_the_largest_object_is_kept_with_its_soft_rim() -> None:
    mask = np.zeros((40, 60), np.float32)
    mask[5:20, 5:25], mask[25:35, 40:50] = 1, 1
    mask[20, 5:25], mask[24, 40:50] = 0.3, 0.3
    kept = masks.largest_object(mask)
    assert (kept[5:21, 5:25] == mask[5:21, 5:25]).all()
    assert not kept[22:, 35:].any()
    assert (masks.largest_object(kept) == kept).all()


def test_importing_brings_neither_onnx_runtime_nor_rembg() -> None:
    code = "import sys, dim_trt.masks; print([m for m in ('onnxruntime', 'rembg', 'torch') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_without_onnx_runtime_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_mask_network(tmp_path / "u2net.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(BackendUnavailable, match=r"needs onnxruntime: pip install 'dim_trt\[auto\]'"):
        masks.OnnxMasks(path)
    assert issubclass(BackendUnavailable, Error)
