"""Random networks as files: exported and built once a session, because tracing takes seconds."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import torch

import dim_trt
from tests.support.networks import random_network
from tests.support.once import made_once
from training.export import export_onnx
from training.model import DeepImageMatting, ModelConfig


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
        export_onnx(model, part / "dim.onnx")
        dim_trt.build_plan(part / "dim.onnx", part / "dim.plan")

    name = hashlib.sha256(json.dumps(config.to_dict(), sort_keys=True).encode()).hexdigest()[:12]
    made = made_once(folder, f"network-{name}", make)
    model = DeepImageMatting(config).eval()
    model.load_state_dict(torch.load(made / "weights.pt"))
    return Exported(model, made / "dim.onnx", made / "dim.plan")
