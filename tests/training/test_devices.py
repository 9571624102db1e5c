"""What is chosen by the machine where nothing is asked for."""

import os
from types import SimpleNamespace

import pytest
import torch

from training import devices, progress
from training.data import hard
from training.devices import available_cores, choose_half, choose_threads, choose_workers
from training.progress import Progress

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Sets the cores, the container's quota and torchrun's number of processes."""
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)

    def set_up(cores, quota=None, processes=1):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
        monkeypatch.setattr(devices, "QUOTA", tmp_path / "cpu.max")
        if quota:
            (tmp_path / "cpu.max").write_text(quota)
        if processes > 1:
            monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))

    return set_up


@pytest.mark.parametrize(
    ("quota", "expected"), [(None, 64), ("max 100000\n", 64), ("200000 100000\n", 2), ("50000 100000\n", 1)]
)
def test_cores_of_a_container(machine, quota, expected):
    machine(64, quota)
    assert available_cores() == expected


@pytest.mark.parametrize(
    ("cores", "processes", "device", "workers", "threads"),
    [
        (1, 1, CPU, 1, 1),
        (2, 1, CPU, 1, 2),
        (4, 1, CPU, 1, 4),
        (16, 1, CPU, 5, 12),
        (16, 4, CPU, 1, 4),
        (2, 1, CUDA, 1, 2),
        (16, 1, CUDA, 15, 2),
        (128, 1, CUDA, 16, 2),
        (64, 8, CUDA, 7, 2),
    ],
)
def test_workers_and_threads(machine, cores, processes, device, workers, threads):
    machine(cores, processes=processes)
    assert choose_workers(None, device) == workers
    assert choose_threads(None, device, workers) == threads


def test_what_is_asked_for_is_taken(machine):
    machine(2)
    assert choose_workers(0, CPU) == 0
    assert choose_workers(9, CUDA) == 9
    assert choose_threads(7, CPU, 1) == 7
    assert choose_half(True, CPU)
    assert not choose_half(False, CUDA)
    assert devices.MAX_WORKERS <= hard.MAX_WORKERS  # so that --hard takes what is chosen


@pytest.mark.parametrize(
    ("able", "expected"),
    [
        ({"avx2": True, "avx512_f": True}, False),
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True, "avx512_bf16": False}, True),
        ({}, False),
    ],
)
def test_bfloat16_where_a_cpu_computes_in_it(monkeypatch, able, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able, raising=False)
    assert choose_half(None, CPU) is expected


def test_bfloat16_with_an_older_torch(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False, raising=False)
    assert choose_half(None, CPU) is False
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert choose_half(None, CPU) is True
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported")
    assert choose_half(None, CPU) is False


@pytest.mark.parametrize("able", [True, False])
def test_bfloat16_where_a_gpu_computes_in_it(monkeypatch, able):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: able or including_emulation)
    assert choose_half(None, CUDA) is able


def test_a_line_a_minute_off_a_terminal(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now[0]))
    for quiet in (False, True):
        shown = Progress(100, "step", quiet)
        for step in range(100):
            now[0] += 2.5
            shown.show(step, f"step {step}", {"l1": step / 7})
        shown.close()
    out, err = capsys.readouterr()
    assert out.splitlines() == [f"step {n}: l1 {n / 7:.3g}" for n in (23, 47, 71, 95)]
    assert not err
