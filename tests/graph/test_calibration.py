"""Calibration: pictures, ranges, sensitivity."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from dim_trt.errors import BuildError, InvalidInput
from dim_trt.graph.calibrate import collect_ranges
from dim_trt.graph.export import export_model
from dim_trt.graph.histogram import RANGES, Histogram
from dim_trt.graph.lower import import_graph
from dim_trt.graph.pictures import WINDOW_PX, CalibrationPicture, read_pictures, shipped_pictures
from dim_trt.graph.precision import quantizable, to_int8
from dim_trt.graph.runtime import Session
from dim_trt.graph.sensitivity import choose_excluded, sensitivity
from tests.support.networks import random_picture
from tests.support.tiny_graphs import PREPROCESSING, tiny_dim


def picture(seed: int, height: int = 45, width: int = 71) -> CalibrationPicture:
    image, trimap = random_picture(seed, height, width)
    return CalibrationPicture(str(seed), image[:, :, ::-1], trimap)


PICTURES = [picture(0), picture(1, 33, 64)]

# pictures


def test_shipped_pictures_are_small_and_varied() -> None:
    pictures = shipped_pictures()
    assert len(pictures) == 8
    assert len({one.name for one in pictures}) == 8
    for one in pictures:
        assert one.image.shape == (256, 320, 3)
        assert set(np.unique(one.trimap)) <= {0, 128, 255}
        assert (one.trimap == 128).any()
    with resources.as_file(resources.files("dim_trt") / "calibration") as folder:
        assert sum(path.stat().st_size for path in folder.iterdir()) < 400_000


def write_pair(image: Path, trimap: Path, one: CalibrationPicture) -> None:
    for path, values in ((image, one.image), (trimap, one.trimap)):
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), values)


def test_both_layouts_are_read(tmp_path: Path) -> None:
    beside, sets = tmp_path / "beside", tmp_path / "sets"
    for one in PICTURES:
        write_pair(beside / f"{one.name}.bmp", beside / f"{one.name}_trimap.png", one)
        write_pair(sets / "input" / f"{one.name}.png", sets / "trimap1" / f"{one.name}.png", one)
    for folder in (beside, sets):
        for got, expected in zip(read_pictures(folder), PICTURES, strict=True):
            assert got.name == expected.name
            assert np.array_equal(got.image, expected.image)
            assert np.array_equal(got.trimap == 255, expected.trimap == 255)
            assert np.array_equal(got.trimap == 0, expected.trimap == 0)


def test_of_a_large_picture_the_window_with_most_unknown_pixels_is_used(tmp_path: Path) -> None:
    height, width = WINDOW_PX + 100, WINDOW_PX + 203
    trimap = np.zeros((height, width), np.uint8)
    trimap[90:-5, 190:-11] = 128
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    write_pair(tmp_path / "x.png", tmp_path / "x_trimap.png", CalibrationPicture("x", image, trimap))
    (got,) = read_pictures(tmp_path)
    assert got.image.shape == (WINDOW_PX, WINDOW_PX, 3)
    assert (got.trimap == 128).sum() == min(WINDOW_PX, height - 95) * min(WINDOW_PX, width - 201)


def no_folder(folder: Path) -> None:
    folder.rmdir()


def nothing(folder: Path) -> None:
    (folder / "notes.txt").write_text("no pictures here")


def no_trimap(folder: Path) -> None:
    cv2.imwrite(str(folder / "x.png"), PICTURES[0].image)


def other_size(folder: Path) -> None:
    write_pair(
        folder / "x.png", folder / "x_trimap.png", CalibrationPicture("x", PICTURES[0].image, PICTURES[1].trimap)
    )


def all_known(folder: Path) -> None:
    one = PICTURES[0]
    write_pair(folder / "x.png", folder / "x_trimap.png", CalibrationPicture("x", one.image, np.zeros_like(one.trimap)))


def no_picture(folder: Path) -> None:
    (folder / "x.png").write_bytes(b"hello")
    cv2.imwrite(str(folder / "x_trimap.png"), PICTURES[0].trimap)


BAD_FOLDERS = {
    no_folder: "is not a folder; expected one with input/x.png with trimap1/x.png, or x.png with x_trimap.png",
    nothing: "holds no pictures; expected input/x.png",
    no_trimap: "x_trimap.png', the trimap of 'x.png', is missing",
    other_size: "x_trimap.png': expected the size of 'x.png', [45, 71], got [33, 64]",
    all_known: "has unknown pixels; there is nothing to matte",
    no_picture: "x.png': not a picture that Pillow or OpenCV can decode",
}


@pytest.mark.parametrize("make", BAD_FOLDERS, ids=lambda make: make.__name__)
def test_folders_that_cannot_be_used_are_refused(make: Callable[[Path], None], tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    make(folder)
    with pytest.raises(InvalidInput) as caught:
        read_pictures(folder)
    assert str(caught.value).startswith("calibration: ")
    assert BAD_FOLDERS[make] in str(caught.value)


# ranges


def test_histogram_counts_the_same_in_pieces() -> None:
    values = np.random.default_rng(0).laplace(0, 3, 40_000).astype(np.float32)
    whole, pieces = Histogram(), Histogram()
    whole.add(values)
    for part in np.array_split(np.sort(np.abs(values)), 7):  # each part is larger than all before it
        pieces.add(part)
    assert whole.peak == pieces.peak == np.abs(values).max()
    assert whole.limit == pieces.limit
    assert np.array_equal(whole.counts, pieces.counts)
    assert whole.counts.sum() == values.size


def quantization_error(values: np.ndarray, limit: float) -> float:
    step = limit / 127
    return float(np.mean((np.clip(np.rint(values / step), -127, 127) * step - values) ** 2))


def test_best_range_has_the_least_squared_error() -> None:
    values = np.random.default_rng(0).laplace(0, 1, 200_000).astype(np.float32)
    values[::2] = 0
    histogram = Histogram()
    histogram.add(values)
    best = histogram.best_range()
    assert best < 0.9 * np.abs(values).max()
    least = min(quantization_error(values, limit) for limit in np.linspace(0.2, 1, 60) * np.abs(values).max())
    assert quantization_error(values, best) <= 1.01 * least


def test_ranges_of_each_kind_for_a_few_outliers() -> None:
    values = np.abs(np.random.default_rng(0).standard_normal(400_000)).astype(np.float32)
    values[:10] = 40
    histogram = Histogram()
    histogram.add(values)
    found = {method: compute(histogram) for method, compute in RANGES.items()}
    assert found["largest"] == histogram.peak == 40
    inside = np.sort(values)[int(0.9999 * values.size)]
    assert found["percentile"] == pytest.approx(inside, rel=0.02)
    assert 2 < found["entropy"] < 12  # where the bulk ends, not where the outliers are
    uniform = Histogram()
    uniform.add(np.linspace(0, 3, 100_000, dtype=np.float32))
    assert RANGES["entropy"](uniform) > 2.9  # nothing to clip


def test_entropy_takes_what_loses_least() -> None:
    values = np.random.default_rng(1).laplace(0, 1, 300_000).astype(np.float32)
    histogram = Histogram()
    histogram.add(values)
    chosen = RANGES["entropy"](histogram)
    assert 0.2 * histogram.peak < chosen < histogram.peak
    small, large = quantization_error(values, 0.3 * chosen), quantization_error(values, chosen)
    assert large < small


def test_zeros_alone_have_the_range_zero() -> None:
    histogram = Histogram()
    histogram.add(np.zeros((2, 3), np.float32))
    assert {compute(histogram) for compute in RANGES.values()} == {0}


def test_ranges_cover_what_convolutions_read() -> None:
    proto = tiny_dim()
    graph = import_graph(proto)
    ranges = collect_ranges(graph, PICTURES, PREPROCESSING)
    names = {node.inputs[0].name for node in quantizable(graph)}
    assert set(ranges) == names
    model = export_model(graph)
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    for name in names:
        peak = max(np.abs(Session(model).run(p.network_input(PREPROCESSING)[0], [name])[0]).max() for p in PICTURES)
        assert 0.2 * peak < ranges[name] <= peak * 1.0001
    to_int8(graph, ranges)  # the graph was left as it is


def test_feature_maps_that_overflow_are_refused_by_name() -> None:
    proto = tiny_dim()
    weights = next(tensor for tensor in proto.graph.initializer if tensor.name == "conv1.weight")
    weights.CopyFrom(numpy_helper.from_array(np.full((6, 4, 3, 3), 3e38, np.float32), weights.name))
    with pytest.raises(BuildError, match=r"'pool1.out' is not finite on a calibration picture"):
        collect_ranges(import_graph(proto), PICTURES, PREPROCESSING)


def test_calibration_without_pictures_is_refused() -> None:
    with pytest.raises(InvalidInput, match="pictures: expected at least one, got none"):
        collect_ranges(import_graph(tiny_dim()), [], PREPROCESSING)


def test_missing_onnxruntime_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(BuildError, match=r"^int8 needs onnxruntime: pip install onnxruntime$"):
        collect_ranges(import_graph(tiny_dim()), PICTURES, PREPROCESSING)


def test_graphs_that_onnxruntime_refuses_are_one_sentence() -> None:
    graph = import_graph(tiny_dim())
    next(node for node in graph.nodes if node.name == "conv2").op = "NoSuchOperation"
    with pytest.raises(BuildError, match=r"onnx: ONNX Runtime cannot load the graph: .*NoSuchOperation") as caught:
        Session(export_model(graph))
    assert "\n" not in str(caught.value)
    with pytest.raises(BuildError, match="ONNX Runtime cannot run the graph"):
        Session(tiny_dim()).run(np.zeros((1, 3, 32, 32), np.float32))


# sensitivity


def test_sensitivity_measures_one_layer_at_a_time() -> None:
    proto = tiny_dim()
    graph = import_graph(proto)
    ranges = collect_ranges(graph, PICTURES, PREPROCESSING)
    seen: list[str] = []
    report = sensitivity(graph, PICTURES, PREPROCESSING, ranges, lambda layers: seen.extend(layers) or layers)
    layers = [node.name for node in quantizable(graph)]
    assert [entry["layer"] for entry in report] == layers == seen
    assert json.loads(json.dumps(report)) == report
    only = export_model(to_int8(import_graph(proto), ranges, [name for name in layers if name != "conv6"], base="fp32"))
    changes = []
    for one in PICTURES:
        x, (height, width) = one.network_input(PREPROCESSING)[0], one.trimap.shape
        change = (Session(only).run(x)[0] - Session(proto).run(x)[0])[0, 0, :height, :width]
        changes.append(np.abs(change)[(one.trimap != 0) & (one.trimap != 255)])
    entry = next(entry for entry in report if entry["layer"] == "conv6")
    assert entry["mean_change"] == pytest.approx(np.concatenate(changes).mean(), rel=1e-3, abs=1e-6)
    assert entry["max_change"] == pytest.approx(np.concatenate(changes).max(), rel=1e-2, abs=1e-5)


def test_a_layer_with_a_bad_range_is_found_and_left_out() -> None:
    graph = import_graph(tiny_dim())
    ranges = collect_ranges(graph, PICTURES, PREPROCESSING)
    ranges["pool1.out"] *= 0.02  # clips nearly everything
    report = sensitivity(graph, PICTURES, PREPROCESSING, ranges)
    assert choose_excluded(report) == ["conv2"]
    assert choose_excluded(report, 1.0) == []
    assert set(choose_excluded(report, 0)) == {entry["layer"] for entry in report if entry["mean_change"] > 0}
    with pytest.raises(InvalidInput, match="threshold: expected a number from 0 up, got nan"):
        choose_excluded(report, float("nan"))


def test_changes_of_layers_add_up_as_the_root_of_squares() -> None:
    changes = {"a": 0.3, "b": 0.0, "c": 0.4, "d": 1.2}
    report = [{"layer": layer, "mean_change": change, "max_change": 1.0} for layer, change in changes.items()]
    for threshold, excluded in (
        (2, ""),
        (1.301, ""),
        (1.299, "d"),
        (0.501, "d"),
        (0.499, "cd"),
        (0.1, "acd"),
        (0, "acd"),
    ):
        assert choose_excluded(report, threshold) == list(excluded)


def test_sensitivity_needs_unknown_pixels() -> None:
    graph = import_graph(tiny_dim())
    known = [CalibrationPicture(p.name, p.image, np.zeros_like(p.trimap)) for p in PICTURES]
    with pytest.raises(InvalidInput, match="pictures: expected unknown pixels"):
        sensitivity(graph, known, PREPROCESSING, collect_ranges(graph, known, PREPROCESSING))
