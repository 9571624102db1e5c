"""Two words of a plan: `precision` is what computes, `weights` how they are stored."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from dim_trt.errors import InvalidInput

PRECISIONS = ("fp32", "fp16", "int8")
COMPUTES = {"cpu": ("fp32", "int8"), "tensorrt": PRECISIONS}  # by backend
LOGGER = logging.getLogger("dim_trt")


def check_precision(value: str, name: str = "precision") -> None:
    if value not in PRECISIONS:
        raise InvalidInput(f"{name}: expected one of {', '.join(PRECISIONS)}, got {value!r}")


def chosen_numbers(backend: str, precision: str, weights: str | None = None) -> tuple[str, str]:
    """(precision, weights) of a plan for which these were asked.

    A backend that does not compute in the precision computes in a better one, and stores the weights in it, unless
    `weights` says otherwise; one log line says so. Raises InvalidInput.
    """
    check_precision(precision)
    check_precision(weights or precision, "weights")
    if backend == "tensorrt" and weights not in (None, precision):
        raise InvalidInput(
            f"weights: expected None or {precision!r}, as TensorRT stores weights as it computes, got {weights!r}; "
            "leave it out"
        )
    if backend == "cpu" and precision == "int8" and weights not in (None, "int8"):
        raise InvalidInput(
            f"weights: expected None or 'int8', as what computes in int8 is stored so, got {weights!r}; leave it out"
        )
    stored, computes = weights or precision, precision if precision in COMPUTES[backend] else COMPUTES[backend][0]
    if computes != precision:
        LOGGER.info("precision %s: the %s backend computes in %s; weights are stored as %s",
                    precision, backend, computes, stored)  # fmt: skip
    return computes, stored


def in_words(precision: str, weights: str) -> str:
    return precision if precision == weights else f"{precision}, weights stored as {weights}"


def what_runs(info: Mapping[str, Any]) -> str:
    """Of `Engine.info`, in a few words."""
    numbers = in_words(info["precision"], info["weights"])
    return f"{info['device']}, {numbers}, {info['isa'] or info['gpu_name']}, {info['threads']} threads"
