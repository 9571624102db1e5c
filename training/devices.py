"""Where the arithmetic runs, in which precision, and on how many cores."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import torch

DEVICES = ("cuda", "cpu")
QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of the container, "200000 100000" for two cores
MAX_WORKERS = 16  # chosen by themselves


class DeviceError(RuntimeError):
    """A device that was asked for and is missing; the message says what to do."""


def add_device_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", choices=DEVICES, help="default: cuda where PyTorch sees a GPU, else cpu")


def add_half_argument(parser: argparse.ArgumentParser) -> None:
    text = "bfloat16 arithmetic, default: where the device computes in it (GPUs, CPUs with AVX512_BF16 or AMX)"
    parser.add_argument("--half", action=argparse.BooleanOptionalAction, help=text)


def choose_device(name: str | None) -> torch.device:
    """The one asked for, by default a GPU where there is one."""
    if name == "cuda" and not torch.cuda.is_available():
        raise DeviceError("--device cuda: PyTorch sees no GPU here; leave it out to use the CPU")
    return torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))


def choose_half(asked: bool | None, device: torch.device) -> bool:
    """What was asked for, by default whether bfloat16 is fast there: elsewhere it is slower than float32."""
    if asked is not None:
        return asked
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    able = _cpu_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def _cpu_capabilities() -> dict[str, Any]:
    if hasattr(torch.cpu, "get_capabilities"):
        return dict(torch.cpu.get_capabilities())
    # PyTorch before 2.11 asks the same library, by names of its own; every processor with AMX has AMX_BF16
    asked = {"avx512_bf16": "_is_avx512_bf16_supported", "amx_bf16": "_is_amx_tile_supported"}
    return {name: getattr(torch.cpu, function, bool)() for name, function in asked.items()}


def available_cores() -> int:
    """Those that this process may use: its affinity, and the quota of its container."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = QUOTA.read_text().split()
        return max(1, min(cores, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no such file, or "max"
        return cores


def own_cores() -> int:
    """This process's share of them, where torchrun started several."""
    return max(1, available_cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def choose_workers(asked: int | None, device: torch.device) -> int:
    """How many processes make samples. On a CPU a third of the cores keeps up with the rest; a GPU takes all."""
    if asked is not None:
        return asked
    cores = own_cores()
    return min(MAX_WORKERS, max(1, cores - 1 if device.type == "cuda" else cores // 3))


def choose_threads(asked: int | None, device: torch.device, workers: int) -> int:
    """Threads for the arithmetic. One core is shared with the workers, as they wait now and then."""
    if asked is not None:
        return asked
    cores = own_cores()
    return min(2, cores) if device.type == "cuda" else max(1, cores - max(0, workers - 1))
