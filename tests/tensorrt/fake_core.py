"""A core that would have built an engine: dim_trt.plans.tensorrt is tested without a GPU."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
import pytest

import dim_trt
from dim_trt import TensorRtOptions, _core

ENGINE = b"serialized engine"


def layer(text: str, kind: str = "CaskConvolution", name: str = "conv1_1 + relu") -> dict[str, Any]:
    return {"Name": name, "LayerType": kind, "Inputs": [{"Name": "x", "Format/Datatype": text}]}


def inspected(*layers: dict[str, Any] | str) -> str:
    return json.dumps({"Layers": list(layers)})


class FakeCore:
    """What the core would answer on a machine with one GPU, and what it was asked."""

    def __init__(self) -> None:
        self.version = "10.16.0"
        self.layers = inspected(*(layer("Half") for _ in range(6)))
        self.requests: list[dict[str, Any]] = []

    def tensorrt_capabilities(self, _folders: list[str]) -> dict[str, Any]:
        found = {"version": self.version, "path": "libnvinfer.so.10", "modules": [self.version]}
        parser = {"parser": "libnvonnxparser.so.10", "parser_problem": ""}
        return {"available": True, "problem": "", **found, **parser}

    def gpus(self) -> dict[str, Any]:
        devices = [{"name": "Fake GPU", "sm": "9.0", "memory_bytes": 1 << 34}]
        return {"available": True, "problem": "", "devices": devices, "driver_cuda": "12.4"}

    def build_engine(self, model: bytes, **request: Any) -> dict[str, Any]:
        self.requests.append({"onnx": onnx.load_from_string(model), **request})
        for phase, step, steps in (("Building", 0, 3), ("Building", 1, 0), ("Building", -1, 0), ("Other", -1, 0)):
            assert request["progress"](phase, step, steps) is True
        return {"engine": ENGINE, "timing_cache": b"timings", "layers": self.layers}

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("tensorrt_capabilities", "gpus", "build_engine"):
            monkeypatch.setattr(_core, name, getattr(self, name))


def build(source: Path, precision: str = "fp16", **options: Any) -> dict[str, Any]:
    """The header of the plan beside `source`."""
    plan, choices = source.with_name("dim.plan"), TensorRtOptions(**options)
    return dim_trt.build_plan(source, plan, precision=precision, backend="tensorrt", tensorrt=choices)
