"""The benchmark commands at sizes that take seconds: they run, check what they time, and write whole records."""

import importlib
import json
import pkgutil
import re
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import benchmarks
import dim_trt
from benchmarks import file_stages, tiling
from benchmarks.json_fields import from_json
from benchmarks.kernels import __main__ as kernels
from benchmarks.kernels.cases import Case, Layer, cases
from benchmarks.kernels.operands import operands, real_products
from benchmarks.measure import ROOT, manifest, summary
from benchmarks.pictures import stripe, thin_band
from benchmarks.records import Throughput
from benchmarks.steps import KINDS
from dim_trt import _core
from tests.kernels.test_quantized import has_dots
from tests.kernels.test_quantized_winograd import has_winograd

PERCENTILES = {"p50", "p90", "p95", "p99"}
COMMON = {"engine", "peer", "model", "precision", "height", "width", "threads", "ratio", "versions", "machine"}


def records(path):
    """Those of a step's file are whole."""
    rows = json.loads(path.read_text())
    if kind := KINDS.get(path.stem):
        for row in rows:
            from_json(kind, row, path.name)
    return rows


@pytest.mark.parametrize("module", sorted(it.name for it in pkgutil.walk_packages(benchmarks.__path__, "benchmarks.")))
def test_every_module_has_what_it_imports(module):
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as missing:
        if missing.name.partition(".")[0] in ("benchmarks", "dim_trt", "training"):
            raise
        pytest.skip(f"{missing.name} is not installed")


@pytest.fixture
def layers_module():
    from tests.support.testing import _testing

    return _testing


@pytest.fixture
def latency():
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed: nothing to compare with")
    from benchmarks.latency import __main__ as latency

    return latency


def run_latency(latency, tmp_path, *arguments):
    path = tmp_path / "latency.json"
    latency.main(["--seconds", "0", "--min-runs", "1", "--no-float64", "--json", str(path), *arguments])
    table = records(path)
    for row in table:
        assert row.keys() >= COMMON | {"unknown_fraction", "latency_ms", "max_abs_vs_pytorch", "unstable"}
        assert row["latency_ms"].keys() == PERCENTILES
        assert row["latency_ms"]["p50"] > 0
        assert row["max_abs_vs_pytorch"] <= 1e-4
    return table


def test_latency_of_the_shipped_model_scales_over_threads(latency, tmp_path, capsys):
    table = run_latency(latency, tmp_path, "--model", "shipped", "--size", "47x35", "--threads", "1", "2")
    assert [(row["peer"], row["threads"]) for row in table] == [
        (peer, threads) for threads in (1, 2) for peer in ("dim_trt", "pytorch", "onnxruntime")
    ]
    assert (table[0]["height"], table[0]["width"]) == (35, 47)
    assert "speed-up 1 to 2" in capsys.readouterr().out


def test_latency_on_a_thin_band_knows_the_error_against_float64(latency, tmp_path):
    path = tmp_path / "latency.json"
    latency.main(f"--model lite --band 5 --size 97x65 --seconds 0 --min-runs 1 --threads 1 --json {path}".split())
    table = records(path)
    assert table[0]["unknown_fraction"] == pytest.approx(0.05, abs=0.005)
    assert all(0 < row["rms_vs_float64"] < 1e-5 for row in table)


def test_latency_on_a_data_set_prints_the_mean_ratio_with_its_n(latency, tmp_path, capsys):
    rng = np.random.default_rng(0)
    for name in ("GT01", "GT02"):
        picture = stripe(33, 41, 0.5)
        for folder, values in (
            ("input", picture.img),
            ("trimap1", picture.trimap),
            ("gt", 255 * rng.integers(0, 2, (33, 41))),
        ):
            path = tmp_path / folder / f"{name}.png"
            path.parent.mkdir(exist_ok=True)
            assert cv2.imwrite(str(path), values.astype(np.uint8))
    arguments = ["--model", "shipped", "--threads", "1", "--peers", "onnxruntime"]
    table = run_latency(latency, tmp_path, "--alphamatting", str(tmp_path), *arguments)
    assert [row["picture"] for row in table] == ["GT01", "GT01", "GT02", "GT02"]
    assert "(n=2, mean unknown" in capsys.readouterr().out


@pytest.mark.measures
def test_quick_prints_the_peer_table_with_quality_clocks_memory_and_starts(latency, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(latency, "QUICK_CASES", (("shipped", True),))
    monkeypatch.setattr(latency, "METHODS", ("dim_trt", "pytorch-eager", "onnxruntime", "pymatting-cf"))
    path = tmp_path / "latency.json"
    # A size at which no window of the shipped network has two best values: rounding would decide between these.
    latency.main(f"--quick --size 101x65 --seconds 0 --min-runs 1 --threads 1 --json {path}".split())
    table = {row["peer"]: row for row in records(path)}
    printed = capsys.readouterr().out
    left_out = {"pymatting-cf"} if "left out: pymatting" in printed else set()
    assert table.keys() == {"dim_trt", "pytorch-eager", "onnxruntime", "pymatting-cf"} - left_out
    for name, row in table.items():
        assert 0 < row["sad"] < 10
        assert row["load_s"] >= 0
        assert row["first_run_s"] > 0
        assert 10 < row["peak_memory_mb"] < 4000
        if name != "pymatting-cf":
            clocks = row["clocks_ms"]
            assert 0 < clocks["network"]["p50"] < clocks["files"]["p50"]
            assert clocks["run"]["p50"] < clocks["files"]["p50"]
            assert row["max_abs_vs_pytorch"] < 1e-4
    assert table["dim_trt"]["build_s"] > 0
    assert table["pytorch-eager"]["sad"] == pytest.approx(table["dim_trt"]["sad"], abs=1e-3)
    assert all(title in printed for title in ("p99", "file to file", "peak memory MB", "ONNX Runtime"))


def test_methods_without_a_network_sit_out_where_nearly_all_is_unknown(latency, tmp_path):
    arguments = ["--model", "shipped", "--size", "47x35", "--threads", "1", "--memory", "--peers", "pymatting-cf"]
    (row,) = run_latency(latency, tmp_path, *arguments)
    assert row["peer"] == "dim_trt"
    assert row["peak_memory_mb"] > 10


def test_what_is_missing_is_left_out_with_a_reason(monkeypatch, capsys):
    from benchmarks import methods
    from benchmarks.peers import pytorch

    monkeypatch.setattr(pytorch.shutil, "which", lambda name: None)
    assert methods.available(["dim_trt", "pytorch-compiled"]) == ["dim_trt"]
    assert "left out: PyTorch, compiled: torch.compile needs a C++ compiler" in capsys.readouterr().out


def test_quality_of_plans_peers_and_of_knowing_nothing(tmp_path, capsys):
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed: nothing to compare with")
    from benchmarks import quality

    path = tmp_path / "quality.json"
    arguments = "--scenes 1 --limit 2 --threads 1 --weights fp32 int8 --peers onnxruntime"
    quality.main(f"{arguments} --json {path}".split())
    fp32, int8, onnxruntime, half = records(path)
    assert [row["title"] for row in (fp32, int8, onnxruntime, half)] == [
        "dim_trt, fp32", "dim_trt, int8 weights", "ONNX Runtime", "alpha = 0.5"
    ]  # fmt: skip
    assert fp32["n"] == 2 == len(fp32["pictures"])
    assert fp32["sad"] < half["sad"]
    assert fp32["sad"] == pytest.approx(onnxruntime["sad"], abs=1e-3)
    assert onnxruntime["mean_change"] < 1e-5 < int8["mean_change"]  # single pixels may differ more: argmax
    assert int8["plan_bytes"] < fp32["plan_bytes"] / 3
    assert all(row["seconds_per_picture"] > 0 and row["peak_memory_mb"] > 10 for row in (fp32, int8, onnxruntime))
    assert "n=2" in capsys.readouterr().out


def test_throughput_measures_every_way_and_names_the_best(tmp_path, capsys):
    from benchmarks import throughput

    path = tmp_path / "throughput.json"
    throughput.main(f"--size 47x33 --cores 2 --concurrent 1 2 --threads 1 --seconds 0.02 --json {path}".split())
    table = records(path)
    assert [(row["way"], row["concurrent"], row["threads"]) for row in table] == [
        (way, k, 1) for way in ("run()", "submit()", "stream()") for k in (1, 2)
    ] + [("matte FOLDER", 1, 1)]
    assert all(row["pictures_per_second"] > 0 for row in table)
    assert "best here: " in capsys.readouterr().out
    assert throughput.counts_up_to(6) == [1, 2, 4, 6]
    row = Throughput(
        engine="dim_trt", model="lite", precision="fp32", height=8, width=8, unknown_fraction=1.0, way="run()",
        concurrent=1, threads=1, pictures_per_second=10.0, variation=0.0, unstable=False, made=manifest(),
    )  # fmt: skip
    rows = [replace(row, concurrent=4, pictures_per_second=10.2), row]
    assert throughput.best(rows).concurrent == 1  # as fast, and an alpha is there sooner


def test_stages_puts_every_convolution_beside_onnx_runtimes(tmp_path, capsys):
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed: nothing to compare with")
    from benchmarks import stages

    path = tmp_path / "stages.json"
    stages.main(f"--model shipped --size 96x64 --trimap band --threads 1 --runs 2 --json {path}".split())
    ours, theirs = records(path)
    assert all(row.keys() >= COMMON | {"stages_ms", "total_ms", "outside_convolutions"} for row in (ours, theirs))
    convolutions = {name for name in theirs["stages_ms"] if "conv" in name or name in ("alpha", "refine_alpha")}
    assert len(convolutions) == 25 == len({name for name in convolutions if ours["stages_ms"].get(name, 0) > 0})
    assert 0 < ours["outside_convolutions"] < 1
    assert "| deconv1 |" in capsys.readouterr().out


@pytest.mark.measures
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_counts_a_process_of_its_own(tmp_path):
    from benchmarks import memory

    path = tmp_path / "memory.json"
    arguments = f"--model shipped --size 47x35 --threads 1 --no-onnxruntime --json {path}".split()
    memory.main(arguments)
    (row,) = records(path)
    assert row.keys() >= COMMON - {"ratio"}
    parent_kb = next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in line)
    assert 10 < row["peak_memory_mb"] < int(parent_kb) / 1024  # this process has loaded PyTorch
    with pytest.raises(SystemExit, match="more than 1"):
        memory.main([*arguments, "--limit-mb", "1"])


@pytest.mark.measures
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_tiling_compares_a_picture_whole_and_in_tiles(capsys):
    tiling.main(["--size", "903x701", "--memory-limit-mb", "60", "--threads", "1"])
    said = capsys.readouterr().out
    whole, tiles = ([float(n) for n in re.findall(r"[\d.]+", line.split("|", 2)[2])] for line in said.splitlines()[4:6])
    assert whole[0] == 1 < tiles[0]
    assert 0 < tiles[2] < 62 < whole[2]
    assert "largest difference: " in said
    with pytest.raises(SystemExit, match="choose another size or limit"):
        tiling.main(["--size", "99x97", "--threads", "1"])


@pytest.mark.usefixtures("layers_module")
def test_kernels_checks_and_times_each_one(tmp_path, capsys):
    path = tmp_path / "kernels.json"
    kernels.main(f"--model lite --size 96x64 --seconds 0 --threads 2 --only deconv3 --json {path}".split())
    table = records(path)
    names = ["5x5 direct", "unpool 5x5 gather", "unpool 5x5 gather"]
    names += ["unpool 5x5 winograd", "unpool 5x5 row winograd"]
    names += ["int8 unpool 5x5 direct"] if has_dots(_core.cpu_capabilities()["available_isas"][-1]) else []
    assert [row["kernel"] for row in table] == names
    for row in table:
        assert row["correct"]
        assert 0 <= row["max_abs_vs_scalar"] < 2e-5
        assert row["gflops"]["real"] > 0
        assert row["percent_of_peak"].keys() == {"dense", "real"}
    assert "peak" in capsys.readouterr().out


@pytest.mark.usefixtures("layers_module")
def test_a_wrong_kernel_is_not_timed_and_fails(monkeypatch, capsys):
    right = kernels.result
    monkeypatch.setattr(kernels, "result", lambda case, given, isa, n: right(case, given, isa, n) + (isa != "scalar"))
    with pytest.raises(SystemExit, match="2 of 2 are further"):
        kernels.main(["--model", "lite", "--size", "96x64", "--seconds", "0", "--threads", "1", "--only", "head"])
    assert "WRONG" in capsys.readouterr().out


def test_kernels_say_what_to_run_where_the_module_is_missing(monkeypatch):
    monkeypatch.delattr(dim_trt, "_testing", raising=False)
    monkeypatch.setitem(sys.modules, "dim_trt._testing", None)
    with pytest.raises(SystemExit, match=r"dim_trt\._testing was not built; run make \.venv/bench\.stamp"):
        kernels.main(["--model", "lite", "--size", "96x64", "--seconds", "0", "--threads", "1", "--only", "head"])


def test_every_kernel_of_both_networks_has_a_case():
    names = {case.kernel_name for model in ("full", "lite") for case in cases(model, 512, 512, [0.5])}
    expected = {"1x1 direct", "3x3 direct", "5x5 direct", "7x7 direct", "3x3 head", "5x5 head", "3x3 direct + pool"}
    expected |= {f"3x3 winograd{ties}{pool}" for ties in ("", ", keeps ties") for pool in ("", " + pool")}
    expected |= {f"int8 {kernel}" for kernel in ("1x1 direct", "3x3 direct", "3x3 direct + pool")}
    expected |= {f"int8 3x3 winograd{pool}" for pool in ("", " + pool")}
    expected |= {f"int8 unpool 5x5 {way}" for way in ("gather", "direct")}
    assert names == expected | {
        "3x3 row winograd",
        "unpool 5x5 gather",
        "unpool 5x5 winograd",
        "unpool 5x5 row winograd",
    }


@pytest.mark.usefixtures("layers_module")
@pytest.mark.parametrize("isa", _core.cpu_capabilities()["available_isas"])
def test_int8_kernels_are_checked_and_timed_where_they_are(isa, tmp_path):
    path = tmp_path / "kernels.json"
    args = ["--model", "lite", "--size", "96x64", "--seconds", "0", "--threads", "2", "--isa", isa]
    kernels.main([*args, "--only", "int8 3x3", "--json", str(path)])
    table = records(path)
    kinds = {row["kernel"].split()[2] for row in table}
    assert kinds == {"direct"} | ({"winograd"} if has_winograd(isa) else set())
    assert all(row["correct"] and row["max_abs_vs_scalar"] == 0 and row["gflops"]["real"] > 0 for row in table)


def test_products_of_the_gather_are_those_around_non_zero_values():
    layer = Layer("one", 16, 16, 5, 6, 10, unpool=True)
    given = operands(Case(layer, "direct", 0.5))
    given.input[:] = 0
    given.input[3, 1, 2] = 1  # inside: 25 pixels read it, and the one beside the kernel's single row is taken, too
    for code in range(4):
        given.codes[3, 1, 2] = code
        assert real_products(Case(layer, "direct", 0.5), given) == 26 * 16
    given.input[3, 1, 2], given.input[3, 0, 0] = 0, 1  # in a corner: 3x3 pixels or more
    for code, products in enumerate([3 * 3 + 1, 3 * 4, 4 * 3, 4 * 4]):
        given.codes[3, 0, 0] = code
        assert real_products(Case(layer, "direct", 0.5), given) == products * 16
    given.input[2, 0, 0] = given.input[5, 0, 0] = 1  # in int8 one dot product where they fall together
    given.codes[[2, 5], 0, 0] = 3
    int8 = Case(layer, "direct", 0.5, quantized=True)
    assert real_products(int8, given) == 2 * 4 * (4 * 4) * 16
    given.codes[2, 0, 0] = 0
    assert real_products(int8, given) == 4 * (2 * (4 * 4) + 3 * 3 + 1) * 16
    assert real_products(Case(layer, "winograd", 0.5), given) == 36 * 3 * 5 * 16 * 16
    assert real_products(Case(layer, "row-winograd", 0.5), given) == 30 * 6 * 5 * 16 * 16


def test_layers_are_timed_once_per_run_and_refuse_nonsense(layers_module):
    x, weight = np.ones((16, 6, 8), np.float32), np.ones((16, 16, 3, 3), np.float32)
    assert len(layers_module.layer_seconds(x, weight, weight[:, 0, 0, 0], runs=3, pool=True)) == 3
    with pytest.raises(ValueError, match="runs: expected at least 1, got 0"):
        layers_module.layer_seconds(x, weight, weight[:, 0, 0, 0], runs=0)
    with pytest.raises(ValueError, match="pool: expected an input of even sides"):
        layers_module.layer_seconds(x[:, :5], weight, weight[:, 0, 0, 0], pool=True)
    with pytest.raises(ValueError, match="add: expected codes"):
        layers_module.layer_seconds(x, weight, weight[:, 0, 0, 0], add=x)


def test_thin_bands_hold_what_was_asked_for():
    picture = thin_band(135, 241, 0.05)
    assert picture.unknown.mean() == pytest.approx(0.05, abs=1e-3)
    assert {0, 255} < set(np.unique(picture.trimap))


def test_times_that_vary_are_marked():
    assert not summary([10.0, 10.1, 10.2]).unstable
    assert summary([10.0, 30.0, 10.0]).unstable
    assert summary([10.0, 20.0, 30.0]).latency_ms.p50 == 20.0


def test_video_trimaps_compares_carried_key_frames_with_true_trimaps(capsys):
    from benchmarks.video import trimaps as video_trimaps

    arguments = "--seeds 1 --frames 5 --size 101x67 --threads 1 --clips slow cut"
    video_trimaps.main(arguments.split())
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows[3:6]] == ["slow", "cut,", "all"]
    slow, cut, both = ([float(value) for value in row.split()[-13:]] for row in rows[3:6])
    true, carried, last, worst = slow[:4]
    assert 0 < true < carried <= worst
    assert 0 < last <= worst
    assert both[:2] == pytest.approx([(a + b) / 2 for a, b in zip(slow[:2], cut[:2], strict=True)], abs=0.11)
    ranked, failed = rows[6:]
    assert re.fullmatch(r"rank correlation of doubt and error: -?[01]\.\d\d over 10 frames", ranked)
    assert failed == "error above 30: 0 of 2 clips; the warning so many frames later: "
    with pytest.raises(SystemExit):
        video_trimaps.main(["--clips", "nothing"])


def test_doubt_is_ranked_with_error_and_warnings_counted_from_failure():
    from benchmarks.video import trimaps as video_trimaps

    assert video_trimaps.rank_correlation([1, 2, 2, 9], [0.1, 0.2, 0.2, 0.3]) == pytest.approx(1)
    assert video_trimaps.rank_correlation([1, 2, 9], [3, 2, 0]) == pytest.approx(-1)
    assert np.isnan(video_trimaps.rank_correlation([1, 2, 3], [0.5, 0.5, 0.5]))
    sure, lost = [0.0] * 4, [1.0] * 4
    for doubt, error, expected in (
        ([*sure, *lost], [0, 0, 0, 31, 40, 50, 60, 70], "3"),
        ([*lost, *sure], [0, 0, 0, 0, 31, 40, 50, 60], "-2"),
        ([*sure, *sure], [0, 0, 0, 31, 40, 50, 60, 70], "-"),
        ([*sure, *lost], [0] * 8, None),
    ):
        assert video_trimaps.lag(video_trimaps.Track(error=error, doubt=doubt)) == expected


def test_file_stages_are_all_there_and_add_up(capsys):
    file_stages.main(["--size", "97x65", "--cutout", "tif", "--threads", "1", "--runs", "2"])
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in capsys.readouterr().out.splitlines()]
    stages = {row[0]: int(row[1]) for row in rows if len(row) == 3 and row[1].isdigit()}
    assert {"read the picture", "read the trimap", "alpha", "colors", "encode the cutout, TIF", "write"} < stages.keys()
    together = stages.pop("together")
    assert together > 0
    assert sum(stages.values()) == pytest.approx(together, abs=len(stages))


def test_what_comes_of_a_picture_alone_is_drawn(tmp_path, monkeypatch):
    from benchmarks import side_by_side

    figure = tmp_path / "figure.png"
    command = ["side_by_side", "--image", str(ROOT / "samples/astronaut.png"), "--auto", "-o", str(figure)]
    monkeypatch.setattr(
        "sys.argv", [*command, "--background", str(ROOT / "samples/background.jpg"), "--height-px", "64"]
    )
    side_by_side.main()
    assert cv2.imread(str(figure)).shape == (64 + 20, 4 * 64 + 3 * side_by_side.GAP_PX, 3)
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit, match="--background: expected with --auto"):
        side_by_side.main()
    monkeypatch.setattr("sys.argv", [*command[:3], "-o", str(figure)])
    with pytest.raises(SystemExit, match="--trimap, --alpha, --composite: expected with the others, or --auto"):
        side_by_side.main()
