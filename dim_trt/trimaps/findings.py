"""What is found in a trimap or mask, for people to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Severity: TypeAlias = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing about a trimap or mask: `error`, it is refused; `warning`, it looks wrong; `note`, how it was read."""

    severity: Severity
    code: str
    message: str
    pixels: int = 0
    box: tuple[int, int, int, int] | None = None  # top, left, bottom, right of what is affected; the ends are exclusive

    def __str__(self) -> str:
        where = ""
        if self.box:
            top, left, bottom, right = self.box
            where = f" (rows {top}..{bottom - 1}, columns {left}..{right - 1})"
        return f"{self.severity}: {self.code}: {self.message}{where}"


def found_at(severity: Severity, code: str, message: str, pixels: NDArray[np.bool_]) -> Finding:
    """A finding about these pixels [height, width], of which there is at least one."""
    rows, columns = (np.flatnonzero(pixels.any(axis)) for axis in (1, 0))
    box = (int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
    return Finding(severity, code, message, int(np.count_nonzero(pixels)), box)
