"""What networks are fed on the way to a plan: exactly what engines feed them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import onnx

import dim_trt
from dim_trt.arrays import unknown_pixels
from dim_trt.graph.calibrate import collect_ranges
from dim_trt.graph.export import export_model
from dim_trt.graph.lower import import_graph
from dim_trt.graph.pictures import CalibrationPicture
from dim_trt.graph.precision import quantizable
from dim_trt.graph.runtime import Session
from dim_trt.graph.sensitivity import sensitivity
from tests.support.compare import assert_within
from tests.support.networks import input_tensor, random_picture
from tests.support.tiny_graphs import PREPROCESSING, tiny_dim

RESIZE = {"round": "down", "max_side": 0, "pixels": "uint8", "img": "linear", "trimap": "linear", "alpha": "linear"}
SCALED = PREPROCESSING | {"padding": "none", "resize": RESIZE}


def picture(seed: int, height: int = 45, width: int = 71) -> CalibrationPicture:
    image, trimap = random_picture(seed, height, width)
    return CalibrationPicture(str(seed), image[:, :, ::-1], trimap)


PICTURES = [picture(0), picture(1, 33, 64)]


def test_network_input_is_that_of_training() -> None:
    for one in (picture(0), picture(3, 7, 33), picture(4, 64, 32)):
        expected = input_tensor(one.image[:, :, ::-1], one.trimap).numpy()
        x, wanted = one.network_input(PREPROCESSING)
        assert_within(x, expected, 0)
        height, width = one.trimap.shape
        assert np.array_equal(wanted[:height, :width], unknown_pixels(one.trimap))
        assert not wanted[height:].any()
        assert not wanted[:, width:].any()
        swapped, _ = one.network_input(PREPROCESSING | {"channel_order": "bgr"})
        reordered, _ = CalibrationPicture("", one.image[:, :, ::-1], one.trimap).network_input(PREPROCESSING)
        assert_within(swapped, reordered, 0)


def test_network_input_is_scaled_where_the_network_wants_that() -> None:
    """As cv2.resize does it, and as the engine feeds it: what counts is around the unknown pixels, scaled."""
    one = picture(5, 70, 101)
    x, wanted = one.network_input(SCALED)
    assert x.shape == (1, 4, 64, 96)
    marks = cv2.resize(np.where(unknown_pixels(one.trimap), 128, one.trimap).astype(np.uint8), (96, 64))
    assert_within(x[0, 3] * 255, marks.astype(np.float32), 1e-3)
    colors = cv2.resize(one.image, (96, 64))[:, :, ::-1].astype(np.float32)
    normalised = (colors - np.float32(PREPROCESSING["mean"])) / np.float32(PREPROCESSING["std"])
    assert_within(x[0, :3], normalised.transpose(2, 0, 1), 1e-5)
    assert wanted.any()
    known = np.full((70, 101), 255, np.uint8)
    known[35, 50] = 128
    _, few = CalibrationPicture("", one.image, known).network_input(SCALED)
    assert few.sum() == 4  # bilinear: the four pixels around it
    assert few[31:34, 46:49].sum() == 4


def test_int8_is_calibrated_on_what_the_network_sees() -> None:
    """Ranges and changes of a network that wants pictures scaled are those of the scaled pictures."""
    graph = import_graph(tiny_dim())
    scaled, padded = (collect_ranges(graph, PICTURES, rules) for rules in (SCALED, PREPROCESSING))
    assert scaled.keys() == padded.keys()
    assert scaled != padded
    name = quantizable(graph)[0].inputs[0].name
    model = export_model(graph)
    model.graph.output.add().name = name
    x = PICTURES[0].network_input(SCALED)[0]
    assert Session(model).run(x, [name])[0].shape[2:] == (16, 32)
    report = sensitivity(graph, PICTURES, SCALED, scaled)
    assert any(entry["mean_change"] > 0 for entry in report)


def test_a_network_of_another_stride_is_fed_by_it(tmp_path: Path) -> None:
    """tiny_dim pools twice, so sides need be multiples of 4 only."""
    by_four = PREPROCESSING | {"stride": 4}
    one = picture(6, 45, 71)
    assert one.network_input(by_four)[0].shape == (1, 4, 48, 72)
    proto = tiny_dim()
    entry = next(entry for entry in proto.metadata_props if entry.key == "dim_trt.preprocessing")
    entry.value = json.dumps(by_four)
    onnx.save(proto, tmp_path / "dim.onnx")
    dim_trt.build_plan(tmp_path / "dim.onnx", tmp_path / "dim.plan", backend="cpu")
    alpha = dim_trt.Engine(tmp_path / "dim.plan", device="cpu").run(one.image, one.trimap)
    x, wanted = one.network_input(by_four)
    unknown = unknown_pixels(one.trimap)
    assert_within(alpha[unknown], Session(proto).run(x)[0][0, 0][wanted], 1e-4)
