"""Write the golden plans of the present format version: python -m tests.golden.make

They are made once for each version and stay as they are; tests/plans/test_golden.py loads those of every version
that is still read. Weights are random.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx

import dim_trt
from dim_trt.plans.header import FORMAT_VERSION
from dim_trt.precisions import PRECISIONS
from tests.golden.picture import picture
from tests.support.tiny_graphs import tiny_dim

SEED = 1
PLANS: dict[str, dict[str, Any]] = {
    **{weights: {"weights": weights} for weights in PRECISIONS},
    "computes_int8": {"precision": "int8", "threshold": 1e9},  # nothing left out
}


def main() -> None:
    folder = Path(__file__).parent / f"v{FORMAT_VERSION}"
    if folder.exists():
        sys.exit(f"{folder} exists: golden plans are not written again; raise the format version for another layout")
    folder.mkdir()
    with tempfile.TemporaryDirectory() as temporary:
        network = Path(temporary, "tiny.onnx")
        onnx.save(tiny_dim(seed=SEED), network)
        for name, options in PLANS.items():
            plan = folder / f"{name}.plan"
            dim_trt.build_plan(network, plan, backend="cpu", **options)
            alpha = dim_trt.Engine(plan, device="cpu").run(*picture())
            np.save(folder / f"{name}_alpha.npy", alpha)
            print(f"{plan}  {plan.stat().st_size} bytes, alpha {alpha.min():.3f} to {alpha.max():.3f}")


if __name__ == "__main__":
    main()
