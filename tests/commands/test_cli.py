"""The commands as users call them: what they print, write and refuse, with which exit code."""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import dim_trt
from dim_trt import cli
from dim_trt.arguments import parse_size
from dim_trt.cli import COMMANDS
from dim_trt.command import run_command
from tests.support.commands import called
from tests.support.tiny_graphs import tiny_dim

pytestmark = pytest.mark.public
HEIGHT, WIDTH = 37, 53


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With image.png, trimap.png and dim.plan of a tiny network."""
    folder = tmp_path_factory.mktemp("made")
    random = np.random.default_rng(0)
    trimap = np.full((HEIGHT, WIDTH), 128, np.uint8)
    trimap[:, :10], trimap[:, -10:] = 0, 255
    cv2.imwrite(str(folder / "image.png"), random.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))
    cv2.imwrite(str(folder / "trimap.png"), trimap)
    (folder / "dim.onnx").write_bytes(tiny_dim().SerializeToString())
    dim_trt.build_plan(folder / "dim.onnx", folder / "dim.plan")
    return folder


@pytest.fixture(name="folder")
def fixture_folder(made: Path, tmp_path: Path) -> Path:
    """A copy of what was made once."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


def process(folder: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """`python -m dim_trt.<command> ...` run in `folder`, with a cache of its own and warnings as errors."""
    environment = os.environ | {"DIM_TRT_CACHE": str(folder / "cache")}
    run = subprocess.run(
        [sys.executable, "-W", "error", "-m", f"dim_trt.{arguments[0]}", *arguments[1:]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == code, run.stderr
    assert "Traceback" not in run.stderr
    return run


def command(folder: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """The same in this process; what each wheel runs (smoke) has processes of its own."""
    run = called(folder, *arguments)
    assert run.returncode == code, run.stderr
    return run


def error_of(run: subprocess.CompletedProcess[str]) -> str:
    """The one line that says what is wrong; nothing goes to stdout then."""
    lines = [line for line in run.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, run.stderr
    assert not run.stdout
    return lines[0]


def picture(path: Path) -> NDArray[np.uint8]:
    result = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert result is not None
    return result


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


MATTE = ("matte", "--image", "image.png", "--trimap", "trimap.png", "--plan", "dim.plan")


# build


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_build_prints_what_it_wrote(precision: str, folder: Path) -> None:
    run = command(folder, "build", "--onnx", "dim.onnx", "-o", "new.plan", "--precision", precision)
    size = (folder / "new.plan").stat().st_size / 1e6
    said = {"fp32": "fp32", "fp16": "fp32, weights stored as fp16"}[precision]
    assert f"new.plan  {size:.2f} MB  {said}  cpu  built in" in run.stdout
    assert not run.stderr
    verbose = command(folder, "build", "--onnx", "dim.onnx", "-o", "new.plan", "--precision", precision, "--verbose")
    why = "precision fp16: the cpu backend computes in fp32; weights are stored as fp16\n" * (precision == "fp16")
    assert verbose.stderr == f"backend auto: cpu\n{why}"


@pytest.mark.smoke
def test_build_refuses_tensorrt(folder: Path) -> None:
    run = process(folder, "build", "--onnx", "dim.onnx", "-o", "new.plan", "--backend", "tensorrt", code=1)
    assert "use backend='cpu'" in error_of(run)
    assert "new.plan" not in files(folder)


# matte


@pytest.mark.smoke
def test_matte_writes_alpha_exact_where_known(folder: Path) -> None:
    run = process(folder, *MATTE)
    alpha, trimap = picture(folder / "alpha.png"), picture(folder / "trimap.png")
    assert (alpha.shape, alpha.dtype) == ((HEIGHT, WIDTH), np.uint8)
    assert (alpha[trimap == 0] == 0).all()
    assert (alpha[trimap == 255] == 255).all()
    assert len(np.unique(alpha[trimap == 128])) > 10
    assert f"alpha.png  {WIDTH}x{HEIGHT} px" in run.stdout
    assert " ms  (cpu, fp32, " in run.stdout
    assert not run.stderr


def test_matte_is_what_the_engine_computes(folder: Path) -> None:
    command(folder, *MATTE, "--alpha-depth", "16", "-o", "deep.png")
    engine = dim_trt.Engine(folder / "dim.plan", device="cpu")
    expected = engine.run(picture(folder / "image.png"), picture(folder / "trimap.png"))
    deep = picture(folder / "deep.png")
    assert deep.dtype == np.uint16
    np.testing.assert_allclose(deep / 65535, expected, rtol=0, atol=2e-5)


def test_matte_writes_cutout_and_composite(folder: Path) -> None:
    flags = ("--cutout", "cut.png", "--composite", "over.png", "--background", "#3366ff", "--colors", "image")
    command(folder, *MATTE, *flags)
    image, alpha = picture(folder / "image.png"), picture(folder / "alpha.png")
    cut, over = picture(folder / "cut.png"), picture(folder / "over.png")
    np.testing.assert_array_equal(cut, np.dstack([image, alpha]))
    np.testing.assert_array_equal(over[alpha == 255], image[alpha == 255])
    assert (over[alpha == 0] == [0xFF, 0x66, 0x33]).all()
    weight = alpha[:, :, None] / 255
    blend = weight * image + (1 - weight) * np.array([0xFF, 0x66, 0x33])
    assert np.abs(over - blend).max() < 1.5


def test_matte_over_a_picture_of_another_size(folder: Path) -> None:
    cv2.imwrite(str(folder / "behind.jpg"), np.full((20, 91, 3), 200, np.uint8))
    command(folder, *MATTE, "--composite", "over.png", "--background", "behind.jpg")
    over = picture(folder / "over.png")
    assert over.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(over[:, :10].astype(int) - 200).max() <= 2


def test_matte_reads_gray_deep_and_four_channel_pictures(folder: Path) -> None:
    image, trimap = picture(folder / "image.png"), picture(folder / "trimap.png")
    gray = image[:, :, 0]
    cv2.imwrite(str(folder / "image.png"), np.dstack([gray] * 3))
    command(folder, *MATTE, "-o", "expected.png")
    variants = {
        "gray.png": gray,
        "deep.png": gray.astype(np.uint16) * 257,
        "four.png": np.dstack([gray, gray, gray, np.full_like(gray, 255)]),
    }
    deep_trimap = trimap.astype(np.uint16) * 257
    deep_trimap[trimap == 128] = 65534  # not yet foreground
    cv2.imwrite(str(folder / "deep_trimap.png"), deep_trimap)
    for name, variant in variants.items():
        cv2.imwrite(str(folder / name), variant)
        command(folder, "matte", "--image", name, "--trimap", "deep_trimap.png", "--plan", "dim.plan", "-o", "got.png")
        np.testing.assert_array_equal(picture(folder / "got.png"), picture(folder / "expected.png"))


def test_matte_without_a_plan_builds_one_once(folder: Path) -> None:
    files = ("--image", "image.png", "--trimap", "trimap.png", "-o", "a.png")
    arguments = ("matte", *files, "--precision", "fp16", "--verbose")
    first = command(folder, *arguments)
    (plan,) = (folder / "cache").iterdir()
    assert "once" in first.stderr
    assert "fp16" in plan.name
    written = plan.stat().st_mtime_ns
    second = command(folder, *arguments)
    assert "once" not in second.stderr
    assert plan.stat().st_mtime_ns == written
    plan.write_bytes(plan.read_bytes()[:-1])
    third = command(folder, *arguments)
    assert "cached plan is damaged and built again" in third.stderr
    assert list((folder / "cache").iterdir()) == [plan]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("--image", "none.png"), "image: cannot read 'none.png': No such file or directory"),
        (("--image", "dim.plan"), "image: 'dim.plan': not a picture that Pillow or OpenCV can decode, or damaged"),
        (("--image", "cut.png"), "image: 'cut.png': the file is damaged (it is cut off)"),
        (("--trimap", "image.png"), "trimap: 'image.png': expected a grayscale picture, got colors"),
        (("--trimap", "small.png"), "trimap: expected "),
        (("--plan", "none.plan"), "plan 'none.plan': "),
        (("--plan", "image.png"), "plan 'image.png': is not a dim_trt plan"),
        (("--device", "cuda"), "device='cuda': "),
        (("--device", "tpu"), "device: expected 'auto', 'cpu', 'cuda' or 'cuda:N', got 'tpu'"),
        (("-o", "alpha.xyz"), "alpha: 'alpha.xyz': expected a picture's suffix such as .png, got '.xyz'"),
        (("-o", "alpha"), "alpha: 'alpha': expected a picture's suffix such as .png, got ''"),
        (("-o", "alpha.jpg", "--alpha-depth", "16"), "alpha: 'alpha.jpg': expected a format with 16 bits"),
        (("--cutout", "cut.jpg"), "cutout: 'cut.jpg': expected a format with an alpha channel"),
        (("-o", "none/alpha.png"), "alpha: cannot write 'none/alpha.png': the folder does not exist"),
        (("--composite", "c.png", "--background", "none.jpg"), "background: cannot read 'none.jpg'"),
    ],
)
def test_matte_refuses_with_one_line_and_writes_nothing(change: tuple[str, ...], message: str, folder: Path) -> None:
    cv2.imwrite(str(folder / "small.png"), np.full((HEIGHT, WIDTH - 1), 128, np.uint8))
    (folder / "cut.png").write_bytes((folder / "image.png").read_bytes()[:1000])
    before = files(folder)
    run = command(folder, *MATTE, *change, code=1)
    assert error_of(run).startswith(f"error: {message}")
    assert files(folder) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*MATTE, "--background", "#ffffff"), "--background goes with --composite"),
        ((*MATTE, "--composite", "c.png", "--background", "#12"), "expected a color '#rrggbb', got '#12'"),
        ((*MATTE, "--composite", "c.png", "--background", "transparent"), "--cutout writes the foreground without"),
        ((*MATTE, "--threads", "0"), "--threads: expected a whole number from 1 to 1024, got '0'"),
        ((*MATTE, "--threads", "2000"), "--threads: expected a whole number from 1 to 1024, got '2000'"),
        ((*MATTE, "--memory-limit-mb", "-1"), "--memory-limit-mb: expected a whole number from 0"),
        ((*MATTE, "--image", ""), "--image: expected a name, got ''"),
        (("trimap", "mask", ""), "MASK: expected a name, got ''"),
        (("evaluate", "--data", ""), "--data: expected a name, got ''"),
        (("video", "clip.mp4", "--trimap", "", "-o", "a.mkv"), "--trimap: expected a name, got ''"),
        ((*MATTE, "--precision", "int8"), "--precision chooses the shipped model's plan"),
        (("matte", "--image", "image.png"), "--trimap"),
        (("build", "--precision", "fp8"), "invalid choice: 'fp8'"),
        (("evaluate", "--alphamatting", ".", "--plan", "dim.plan", "--precision", "fp32"), "exclude each other"),
    ],
)
def test_wrong_usage_has_exit_code_2(arguments: tuple[str, ...], message: str, folder: Path) -> None:
    before = files(folder)
    run = command(folder, *arguments, code=2)
    assert message in run.stderr
    assert "usage: python -m dim_trt." in run.stderr
    assert files(folder) == before


# what is said beside the result


def test_verbose_goes_before_and_behind_a_command_of_trimap(folder: Path) -> None:
    for arguments in (("--verbose", "clean", "trimap.png"), ("clean", "trimap.png", "--verbose")):
        assert not command(folder, "trimap", *arguments, "-o", "clean.png").stderr


def test_remarks_are_said_once_a_command_and_the_logger_is_left_as_it_was(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def work(_: argparse.Namespace) -> None:
        for level in (logging.WARNING, logging.WARNING, logging.INFO):
            logging.getLogger("dim_trt").log(level, "said at %s", logging.getLevelName(level))

    before = logging.getLogger("dim_trt").level
    for flags, levels in (([], ["WARNING"]), ([], ["WARNING"]), (["--verbose"], ["WARNING", "INFO"])):
        caplog.clear()
        assert run_command("prog", None, lambda parser: None, work, flags) == 0
        assert [record.getMessage() for record in caplog.records] == [f"said at {level}" for level in levels]
    assert logging.getLogger("dim_trt").level == before
    assert not logging.getLogger("dim_trt").filters


# info, doctor


def test_info_prints_the_header(folder: Path) -> None:
    assert "SHA-256 is right" in command(folder, "info", "dim.plan").stdout
    document = json.loads(command(folder, "info", "dim.plan", "--json").stdout)
    assert document["precision"] == "fp32"
    assert document["file_bytes"] == (folder / "dim.plan").stat().st_size
    assert document["source"]["licence"] == "test licence"


def test_info_refuses_a_damaged_plan(folder: Path) -> None:
    (folder / "dim.plan").write_bytes((folder / "dim.plan").read_bytes()[:-1])
    assert "incomplete" in error_of(command(folder, "info", "dim.plan", code=1))


@pytest.mark.smoke
def test_doctor_finds_this_machine_well(folder: Path) -> None:
    run = process(folder, "doctor", "--json")
    document = json.loads(run.stdout)
    assert document["dim_trt"] == dim_trt.__version__
    assert [check["problem"] for check in document["checks"]] == [None, None]
    assert "ok" in process(folder, "doctor").stdout
    assert not (folder / "cache").exists()  # it only looks


def test_doctor_fails_where_something_is_broken(folder: Path) -> None:
    (folder / "cache").write_text("a file where the folder should be")
    run = command(folder, "doctor", code=1)
    assert "FAILED        the cache folder can be written" in run.stdout
    assert "error: 1 of 2 checks failed" in run.stderr


# evaluate


def benchmark(folder: Path) -> Path:
    """Two pictures in the layout of alphamatting.com."""
    root = folder / "set"
    random = np.random.default_rng(1)
    for name in ("GT01", "GT02"):
        content = {
            "input": random.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8),
            "trimap1": picture(folder / "trimap.png"),
            "gt": np.dstack([random.integers(0, 256, (HEIGHT, WIDTH), np.uint8)] * 3),
        }
        for kind, pixels in content.items():
            (root / kind).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / kind / f"{name}.png"), pixels)
    return root


def test_evaluate_prints_means_with_n_and_changes(folder: Path) -> None:
    root = benchmark(folder)
    dim_trt.build_plan(folder / "dim.onnx", folder / "small.plan", weights="int8")
    run = command(
        folder, "evaluate", "--alphamatting", "set", "--plan", "dim.plan", "small.plan", "--json", "scores.json"
    )
    assert "mean (n=2)" in run.stdout
    assert "unknown region; SAD = sum of |alpha - truth| / 1000" in run.stdout
    document = json.loads((folder / "scores.json").read_text())
    fp32, int8 = document["plans"]
    assert (fp32["mean"]["max_change"], fp32["weights"], int8["weights"]) == (0.0, "fp32", "int8")
    assert 0 < int8["mean"]["mean_change"] <= int8["mean"]["max_change"] < 0.5
    assert int8["plan_bytes"] < fp32["plan_bytes"]
    engine = dim_trt.Engine(folder / "dim.plan", device="cpu")
    image, trimap, truth = (picture(root / kind / "GT01.png") for kind in ("input", "trimap1", "gt"))
    difference = (engine.run(image, trimap) - truth[:, :, 0] / 255)[trimap == 128]
    assert fp32["images"][0]["unknown_px"] == difference.size
    assert fp32["images"][0]["sad"] == pytest.approx(np.abs(difference).sum() / 1000, rel=1e-5)
    assert fp32["images"][0]["mse"] == pytest.approx(np.square(difference).mean(), rel=1e-5)


@pytest.mark.parametrize("missing", ["input/GT02.png", "trimap1/GT01.png", "gt"])
def test_evaluate_misses_nothing_silently(missing: str, folder: Path) -> None:
    path = benchmark(folder) / missing
    path.rename(folder / "elsewhere")
    run = command(folder, "evaluate", "--alphamatting", "set", "--plan", "dim.plan", code=1)
    assert path.name in error_of(run)


def test_evaluate_names_the_picture_that_does_not_fit(folder: Path) -> None:
    truth = benchmark(folder) / "gt" / "GT02.png"
    cv2.imwrite(str(truth), picture(truth)[:, 1:])
    run = command(folder, "evaluate", "--alphamatting", "set", "--plan", "dim.plan", code=1)
    assert error_of(run).startswith("error: GT02: truth: expected the size of alpha")


# dim-trt


def dim_trt_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-W", "error", "-m", "dim_trt", *arguments], capture_output=True, text=True)


@pytest.mark.parametrize(("name", "what"), COMMANDS.items(), ids=COMMANDS)
def test_every_command_is_run_by_dim_trt_and_by_itself(
    name: str, what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        cli.main([name, "-h"])
    by_dim_trt, by_itself = capsys.readouterr().out, process(tmp_path, name, "-h").stdout
    assert by_dim_trt.startswith(f"usage: dim-trt {name} ")
    assert by_itself.startswith(f"usage: python -m dim_trt.{name} ")
    assert "--verbose" in by_dim_trt
    assert "--verbose" in by_itself
    assert f"  {name:10}{what}\n" in cli.usage()


@pytest.mark.smoke
def test_dim_trt_without_a_command() -> None:
    for arguments, message in (((), "expected a command"), (("mate",), "expected a command, got 'mate'")):
        run = dim_trt_command(*arguments)
        assert run.returncode == 2
        assert message in run.stderr
    assert dim_trt_command("--version").stdout.strip() == dim_trt.__version__
    assert dim_trt_command("--help").stdout.rstrip("\n") == cli.usage()


def test_sizes_have_width_first() -> None:
    assert parse_size("1920x1080") == (1080, 1920)


@pytest.mark.parametrize("text", ["1080", "0x5", "axb", "5x0", "5 x 7", "-5x7"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected WIDTHxHEIGHT such as 1920x1080, got"):
        parse_size(text)
