"""Peers give the network's alpha, each in its precision, and what a machine cannot run is left out with a sentence."""

import json

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed: nothing to compare with")

from benchmarks import measure, methods
from benchmarks.networks import random_model
from benchmarks.peers import peer
from benchmarks.pictures import scene, with_unknown
from benchmarks.records import Latency
from benchmarks.report.best import best
from benchmarks.result_files import Results, read_results
from training.export import export_onnx
from training.model import ModelConfig

INT8_CHANGE = 0.1  # of alpha, on the mean: what no wrong scale or transposed weight stays within
BF16_CHANGE = 0.03


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A network of a sixteenth of the paper's channels: its folder, weights and ONNX file."""
    folder = tmp_path_factory.mktemp("tiny")
    model = random_model(ModelConfig(width=1 / 16, skip=True), 0)
    return folder, model, export_onnx(model, folder / "tiny.onnx")


@pytest.fixture(scope="module")
def picture():
    return with_unknown(scene(70, 101), 0.5)


@pytest.fixture(scope="module")
def alphas(tiny, picture):
    """By method, of those that this machine has."""
    folder, model, onnx = tiny
    names = [name for name in methods.NETWORKS if name != methods.COMPILED and methods.PEERS[name].why_not() is None]
    files, seconds = methods.build_files(onnx, model, folder, names)
    assert seconds.keys() >= {name for name in names if methods.PEERS[name].precision == "int8"}
    return {name: methods.load(name, files, 2).run(picture.img, picture.trimap) for name in names}


def changes(alphas, name, picture):
    if name not in alphas:
        pytest.skip(methods.PEERS[name].why_not())
    known = ~picture.unknown
    assert alphas[name].dtype == np.float32
    assert (alphas[name][known] == picture.trimap[known] / 255).all()
    return np.abs(alphas[name] - alphas[methods.PYTORCH])[picture.unknown]


EXACT = [name for name, it in methods.PEERS.items() if it.precision == "fp32" and it.exact and name != methods.COMPILED]


@pytest.mark.parametrize("name", EXACT)
def test_a_peer_in_fp32_gives_pytorchs_alpha(alphas, picture, name):
    assert changes(alphas, name, picture).max() < 1e-4


@pytest.mark.parametrize("name", [methods.ENGINE_INT8, methods.ONNXRUNTIME_INT8, methods.OPENVINO_INT8])
def test_a_peer_in_int8_changes_alpha_a_little(alphas, picture, name):
    found = changes(alphas, name, picture)
    assert 0 < found.mean() < INT8_CHANGE


def test_pytorch_in_bf16_changes_alpha_a_little(tiny, picture, alphas):
    """Slower than fp32 where the processor does not compute in it, but the same values."""
    folder, model, onnx = tiny
    files, _ = methods.build_files(onnx, model, folder, [methods.BF16])
    alpha = methods.load(methods.BF16, files, 1).run(picture.img, picture.trimap)
    found = changes({**alphas, methods.BF16: alpha}, methods.BF16, picture)
    assert 0 < found.mean() < BF16_CHANGE


def test_openvino_takes_pictures_of_any_size_in_turns(tiny, alphas):
    if methods.OPENVINO not in alphas:
        pytest.skip(methods.PEERS[methods.OPENVINO].why_not())
    folder, model, onnx = tiny
    files, _ = methods.build_files(onnx, model, folder, [methods.OPENVINO])
    contender = methods.load(methods.OPENVINO, files, 1)
    for sides in ((33, 64), (64, 31), (33, 64)):
        picture = scene(*sides)
        assert contender.run(picture.img, picture.trimap).shape == sides


def test_bf16_is_left_out_where_the_processor_has_none(monkeypatch, capsys):
    monkeypatch.setattr(peer, "processor_features", lambda: {"avx2", "fma"})
    pytest.importorskip("openvino", reason="openvino is not installed")
    assert methods.available([methods.BF16, methods.OPENVINO_BF16]) == []
    said = capsys.readouterr().out
    assert "left out: PyTorch, bf16: this processor does not compute in bf16" in said
    assert "left out: OpenVINO, bf16: this processor does not compute in bf16" in said
    monkeypatch.setattr(peer, "processor_features", lambda: {"avx512f", "avx512_bf16", "avx512_vnni"})
    assert methods.available([methods.BF16]) == [methods.BF16]
    assert peer.has_vnni()


def test_a_package_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(peer.importlib.util, "find_spec", lambda name: None if name == "nncf" else name)
    assert methods.PEERS[methods.OPENVINO_INT8].why_not() == "nncf is not installed"
    assert methods.PEERS[methods.OPENVINO].why_not() is None


def test_the_processors_features_are_linuxs(monkeypatch):
    lines = {"model name": "Some CPU", "flags": "fpu avx2 avx512_bf16"}
    monkeypatch.setattr(measure, "_of_processor", lines.get)
    assert measure.processor_features() == {"fpu", "avx2", "avx512_bf16"}
    assert measure.processor() == "Some CPU"


def test_the_unknown_pixels_of_a_scene_lie_around_its_outline():
    drawn = scene(101, 143)
    narrow = with_unknown(drawn, 0.2)  # less is not to be had: so many pixels touch the outline of a small picture
    assert narrow.unknown.mean() == pytest.approx(0.2, abs=0.04)
    assert ((narrow.trimap == 255) == (drawn.truth >= 0.5))[~narrow.unknown].all()
    every = with_unknown(drawn, 1.0)
    assert every.unknown.sum() == every.trimap.size - 1  # without a known pixel the engine warns


def test_latency_on_a_scene_says_what_low_precision_costs(tmp_path, capsys):
    from benchmarks.latency import __main__ as latency

    path = tmp_path / "latency.json"
    arguments = "--model shipped --scene --unknown 0.3 --size 97x65 --seconds 0 --min-runs 1 --threads 1 --no-float64"
    latency.main(f"{arguments} --peers onnxruntime onnxruntime-int8 --json {path}".split())
    rows = {row["peer"]: row for row in json.loads(path.read_text())}
    exact, int8 = rows["onnxruntime"], rows["onnxruntime-int8"]
    assert (exact["precision"], int8["precision"]) == ("fp32", "int8")
    assert exact["mean_abs_vs_pytorch"] < 1e-5 < int8["mean_abs_vs_pytorch"] < INT8_CHANGE
    assert exact["sad_change_percent"] == pytest.approx(0, abs=0.01)
    assert int8["sad_change_percent"] != 0
    assert int8["build_s"] > 0
    assert "ΔSAD" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        latency.parse(["--scene", "--alphamatting", str(tmp_path)])


def test_throughput_of_a_peer_stands_beside_ours_and_is_not_called_the_best(tmp_path, capsys, monkeypatch):
    from benchmarks import throughput

    path = tmp_path / "throughput.json"
    options = "--size 47x33 --cores 2 --concurrent 1 2 --threads 1 --seconds 0.02 --ways run()"
    throughput.main(f"{options} --peers onnxruntime --json {path}".split())
    table = [(row.get("peer"), row["concurrent"]) for row in json.loads(path.read_text())]
    assert table == [(None, 1), (None, 2), ("onnxruntime", 1), ("onnxruntime", 2)]
    said = capsys.readouterr().out
    assert "| ONNX Runtime | 2 | 1 |" in said
    assert "best here: run()," in said


def test_the_table_of_the_best_has_each_peer_once_with_its_change(results):
    from tests.benchmarks.conftest import latency

    worth = {"mean_abs_vs_pytorch": 4e-3, "max_abs_vs_pytorch": 0.2, "sad": 7.0, "sad_change_percent": 0.123}
    versions = {"versions": {"dim_trt": "0.1.0", "onnxruntime": "1.31.1", "openvino": "2026.4.1-22982-e2"}}
    for step, model in (("best-full-dense", "full"), ("best-shipped-band-1080p", "shipped")):
        rows = [
            latency("dim_trt", 100.0, model=model),
            latency("openvino-int8", 90.0, model=model, precision="int8", **worth, **versions),
        ]
        (results / f"x_{step}.json").write_text(json.dumps(rows))
    read: Results = read_results(results, "x")
    text = best(read)
    assert read.of(Latency, "best-full-dense")
    assert "| OpenVINO, int8 | 90.0 ms (0.90×) | 90.0 ms (0.90×) | +0.12% | 4e-03 | 2e-01 |" in text
    assert "OpenVINO 2026.4.1;" in " ".join(text.split())


def test_a_table_can_be_of_another_machine(run, results, page):
    from tests.benchmarks.conftest import latency

    page.write_text("<!-- results of x -->\nsays\n<!-- report: best on y -->\nold\n<!-- end of report -->\n")
    run("--results", results, "--pages", page, "--charts", page.parent / "charts", "--machine", "x")
    assert "Not measured on this machine." in page.read_text()
    (results / "y_best-full-dense.json").write_text(json.dumps([latency("dim_trt", 321.0)]))
    run("--results", results, "--pages", page, "--charts", page.parent / "charts", "--machine", "x")
    assert "| dim_trt | 321 ms" in page.read_text()


def test_a_last_bit_beyond_the_range_is_rounding_and_not_a_number_stays():
    answer = np.float32([[[[np.nextafter(np.float32(1), np.float32(2)), -1e-8, 0.5, np.nan, 0.3]]]])
    trimap = np.uint8([[128, 128, 0, 128]])
    np.testing.assert_array_equal(peer.cropped(answer, trimap), np.float32([[1, 0, 0, np.nan]]))
