"""What is taken of foreign files: a small one can hold more pixels than there is memory, and one may be damaged."""

from __future__ import annotations

from dataclasses import dataclass

from dim_trt.errors import InvalidInput

MAX_PIXELS = 2**28  # 16384x16384, what plans for the CPU take at once


@dataclass(frozen=True)
class Limits:
    """What `decode` takes.

    Args:
        max_pixels: of more pixels (height · width) a picture is refused, by its header where that tells.
        accept_damaged: take what can be read of a damaged file; it is refused otherwise.

    Raises:
        InvalidInput: max_pixels is less than 1.
    """

    max_pixels: int = MAX_PIXELS
    accept_damaged: bool = False

    def __post_init__(self) -> None:
        if self.max_pixels < 1:
            raise InvalidInput(f"max_pixels: expected a whole number from 1, got {self.max_pixels}")

    def check(self, height: int, width: int) -> None:
        """Raises InvalidInput for a picture of this size."""
        if height * width > self.max_pixels:
            raise InvalidInput(
                f"expected at most {self.max_pixels} pixels (max_pixels), got {height * width} ({width}x{height}); "
                "scale the picture down or allow more with --max-pixels"
            )


DEFAULT = Limits()
