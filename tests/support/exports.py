"""Random networks as files, made once a session: those that have names are exported, which takes seconds.

Of the others the same graph is built node by node, where it can be (tests/graph/dim_graphs.py).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch

import dim_trt
from tests.graph.dim_graphs import dim_onnx
from tests.support.networks import random_network
from tests.support.once import made_once
from training.export import export_onnx, fold_batch_norm
from training.model import CONFIGS, DeepImageMatting, ModelConfig


@dataclass(frozen=True)
class Exported:
    model: DeepImageMatting
    onnx: Path
    plan: Path


def exported_network(folder: Path, config: ModelConfig) -> Exported:
    """random_network(config, 0), dim.onnx and dim.plan of it; `folder` is the session's."""

    def make(part: Path) -> None:
        model = random_network(config, 0)
        torch.save(model.state_dict(), part / "weights.pt")
        if config in CONFIGS.values() or config.conv6 == "none":
            export_onnx(model, part / "dim.onnx")
        else:
            onnx.save(dim_onnx(fold_batch_norm(model)), part / "dim.onnx")
        dim_trt.build_plan(part / "dim.onnx", part / "dim.plan")

    name = hashlib.sha256(json.dumps(config.to_dict(), sort_keys=True).encode()).hexdigest()[:12]
    made = made_once(folder, f"network-{name}", make)
    model = DeepImageMatting(config).eval()
    model.load_state_dict(torch.load(made / "weights.pt"))
    return Exported(model, made / "dim.onnx", made / "dim.plan")
