"""The precisions that a plan can have."""

from dim_trt.errors import InvalidInput

PRECISIONS = ("fp32", "fp16", "int8")


def check_precision(precision: str) -> None:
    if precision not in PRECISIONS:
        raise InvalidInput(f"precision: expected one of {', '.join(PRECISIONS)}, got {precision!r}")
