"""Where the arithmetic runs."""

from __future__ import annotations

import argparse

import torch

DEVICES = ("cuda", "cpu")


class DeviceError(RuntimeError):
    """A device that was asked for and is missing; the message says what to do."""


def add_device_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", choices=DEVICES, help="default: cuda where PyTorch sees a GPU, else cpu")


def choose_device(name: str | None) -> torch.device:
    """The one asked for, by default a GPU where there is one."""
    if name == "cuda" and not torch.cuda.is_available():
        raise DeviceError("--device cuda: PyTorch sees no GPU here; leave it out to use the CPU")
    return torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
