"""Triton's own TensorRT backend for the network alone, and before and behind it what makes pictures of tensors.

Four models: NAME, an ensemble with the inputs and output of `repository`'s model; NAME_prepare and NAME_finish, of the
Python backend (`stages`); NAME_network, the engine out of the plan.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dim_trt import _core
from dim_trt.errors import InvalidInput
from dim_trt.files import StrPath
from dim_trt.triton.repository import ALPHA, IMAGE, TRIMAP, Model, Tensor, config_of, model_file, write_models

PREPROCESSING = "preprocessing.json"


def write_ensemble(
    repository: StrPath,
    plan: StrPath,
    header: Mapping[str, Any],
    *,
    name: str,
    instances: int,
    options: Mapping[str, Any],
) -> Path:
    """Write the four models into a repository, all or none; the folder of the one that clients ask for.

    Args:
        repository: the folder of all models.
        plan: for TensorRT.
        header: of the plan.
        name: of the model, by which clients ask for it.
        instances: of the network on each GPU, and of what is before and behind it.
        options: color, and max_pixels or None.

    Raises:
        InvalidInput: the plan is another one, the name is none, or there is such a model.
        Error: the folders cannot be written.
    """
    preprocessing = header["preprocessing"]
    if header["backend"] != "tensorrt" or preprocessing.get("resize"):
        raise InvalidInput(
            "plan: --ensemble is for networks that TensorRT runs on pictures in their size; leave it out, and the "
            "engine does the rest"
        )
    (fed,), (answer,) = header["inputs"], header["outputs"]
    inner: Tensor = (fed["name"], "FP32", (1, fed["channels"], -1, -1))
    outer: Tensor = (answer["name"], "FP32", (1, answer["channels"], -1, -1))
    prepare, network, finish = (f"{name}_{part}" for part in ("prepare", "network", "finish"))
    in_python, on_cpus = 'backend: "python"', ("KIND_CPU", instances)
    models = {
        prepare: Model(
            config_of(prepare, in_python, [IMAGE, TRIMAP], [inner], group=on_cpus, options=options),
            {"model.py": model_file("stages", "Prepare"), PREPROCESSING: json.dumps(preprocessing).encode()},
        ),
        network: Model(
            config_of(network, 'backend: "tensorrt"', [inner], [outer], group=("KIND_GPU", instances)),
            {"model.plan": _core.read_plan_payload(str(plan))},
        ),
        finish: Model(
            config_of(finish, in_python, [outer, TRIMAP], [ALPHA], group=on_cpus),
            {"model.py": model_file("stages", "Finish")},
        ),
    }
    steps = [
        _step(prepare, {"image": "image", "trimap": "trimap"}, {inner[0]: "prepared"}),
        _step(network, {inner[0]: "prepared"}, {outer[0]: "answered"}),
        _step(finish, {outer[0]: "answered", "trimap": "trimap"}, {"alpha": "alpha"}),
    ]
    scheduling = "ensemble_scheduling {\n  step [\n" + ",\n".join(steps) + "\n  ]\n}\n"
    models[name] = Model(config_of(name, 'platform: "ensemble"', [IMAGE, TRIMAP], [ALPHA]) + scheduling, {})
    return write_models(repository, models)[name]


def plugin_library(header: Mapping[str, Any]) -> Path:
    """Of this package, for the TensorRT that the plan was built with."""
    major = str(header["tensorrt"]["version"]).split(".")[0]
    return Path(_core.__file__).parent / f"libdim_trt_plugins.{major}.so"


def _step(model: str, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> str:
    maps = [
        f'      {kind}_map {{ key: "{key}" value: "{value}" }}'
        for kind, tensors in (("input", inputs), ("output", outputs))
        for key, value in tensors.items()
    ]
    return "\n".join(["    {", f'      model_name: "{model}"', "      model_version: -1", *maps, "    }"])
