"""`python -m dim_trt.serve` as users call it."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest

from dim_trt import masks
from dim_trt.masks.families import NORMALIZATIONS
from dim_trt.serve import add_arguments
from dim_trt.serving.settings import Settings
from tests.serving.pictures import pixels, png, trimap
from tests.serving.test_sources import ONE
from tests.support.commands import called
from tests.support.mask_graphs import write_mask_network
from tests.support.stand_ins import SECONDS


@contextmanager
def started(plan: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and the address that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "dim_trt.serve", "--plan", plan, "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def refusal(run: subprocess.CompletedProcess[str]) -> tuple[int, str]:
    """Exit code, and the one line that says what is wrong."""
    assert not run.stdout
    assert "Traceback" not in run.stderr
    (line,) = [line for line in run.stderr.splitlines() if line.startswith("error: ")]
    return run.returncode, line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_stop(plan: Path, number: signal.Signals) -> None:
    with started(plan) as (process, url):
        assert url.startswith("http://127.0.0.1:")
        assert httpx.get(f"{url}healthz", timeout=SECONDS, trust_env=False).json() == {"status": "alive"}
        made = httpx.post(f"{url}v1/trimap", files={"trimap": png(trimap())}, timeout=SECONDS, trust_env=False)
        assert made.status_code == 200
        process.send_signal(number)
        out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, out, err) == (0, "", "")


def test_the_address_has_the_token(plan: Path) -> None:
    token = "0123456789abcdef"
    with started(plan, "--token", token, "--verbose") as (process, url):
        assert url.endswith(f"/#token={token}")
        base = url.partition("#")[0]
        assert httpx.get(f"{base}v1/info", timeout=SECONDS, trust_env=False).status_code == 401
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=SECONDS)
    assert "GET /v1/info 401" in err
    assert token not in err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--host", "0.0.0.0"), 2, "--host 0.0.0.0 can be reached by others: give a --token, or --no-token"),
        (("--host", "::", "--token", "short"), 2, "--token: expected 16 printable ASCII characters or more"),
        (("--token", "with a space in it"), 2, "--token: expected"),
        (("--plan", "none.plan"), 1, "none.plan"),
        (("--auto", "none.onnx"), 1, "auto: the file 'none.onnx' does not exist"),
        (("--auto", "anything"), 1, "auto: expected salient, rembg:NAME or MODEL.onnx, got 'anything'"),
        (("--auto-size", "320x320"), 2, "--auto-size, --auto-norm go with --auto"),
        (("--plan", "x.plan", "--precision", "fp16"), 2, "--precision chooses the shipped model's plan"),
    ],
)
def test_what_is_refused(arguments: tuple[str, ...], code: int, said: str, tmp_path: Path) -> None:
    got, line = refusal(called(tmp_path, "serve", *arguments))
    assert got == code
    assert said in line


def test_a_network_that_finds_objects(plan: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    network = write_mask_network(tmp_path / "net.onnx")
    with started(plan, "--auto", os.fspath(network), "--auto-norm", "centered") as (process, url):
        assert httpx.get(f"{url}v1/info", timeout=SECONDS, trust_env=False).json()["sources"][-1] == "auto"
        answer = httpx.post(
            f"{url}v1/trimap", files={"image": png(ONE)}, data={"auto": "all"}, timeout=SECONDS, trust_env=False
        )
        expected = masks.open_source(os.fspath(network), normalization=NORMALIZATIONS["centered"])
        np.testing.assert_array_equal(pixels(answer.content), masks.Automatic(expected).trimap(ONE))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, out, err) == (0, "", "")


def test_auto_alone_is_the_network_that_is_shipped() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert parser.parse_args([]).auto is None
    assert parser.parse_args(["--auto", "rembg:u2netp"]).auto == "rembg:u2netp"
    assert parser.parse_args(["--auto"]).auto == "salient"


def test_a_port_that_is_taken(plan: Path) -> None:
    with started(plan) as (_, url):
        taken = url.rstrip("/").rpartition(":")[2]
        command = [sys.executable, "-m", "dim_trt.serve", "--plan", plan, "--port", taken]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        code, line = refusal(run)
    assert code == 1
    assert f"cannot listen on 127.0.0.1:{taken}" in line


def test_only_loopback_needs_no_token() -> None:
    from dim_trt.serving.settings import is_loopback

    assert all(is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "example.org", ""))
    assert Settings().token is None
    assert is_loopback(Settings().host)
