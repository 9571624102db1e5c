"""Our network for use elsewhere: safetensors under our names, or MMagic's checkpoint."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import torch

from dim_trt.files import write_atomic
from training.checkpoints import CheckpointError
from training.data.preprocess import PREPROCESSING
from training.folding import fold_batch_norm
from training.foreign.importing import Imported
from training.foreign.layouts import MMAGIC
from training.foreign.reading import safetensors
from training.model import DeepImageMatting, ModelConfig

SUFFIXES = ".safetensors (our names, everything stored), or .pth (the names of MMagic's DIM)"


def write_checkpoint(source: Imported, path: Path) -> None:
    """Write by the suffix of `path`, whole or not at all; raises CheckpointError, or Error where nothing can be
    written."""
    if not isinstance(source.model, DeepImageMatting):
        raise CheckpointError(
            "--to: is for networks for matting; this one finds objects, and its checkpoint has all of it"
        )
    writers = {".safetensors": write_safetensors, ".pth": write_mmagic}
    if path.suffix not in writers:
        raise CheckpointError(f"--to: expected {SUFFIXES}; got {path.name!r}")
    writers[path.suffix](source, path)


def write_safetensors(source: Imported, path: Path) -> None:
    """The weights as they are, and in the metadata what `import_checkpoint` needs to read them again."""
    save = safetensors(path).torch.save
    metadata = {
        "format": "pt",
        "dim_trt.config": json.dumps(source.model.config.to_dict()),
        "dim_trt.task": source.model.config.task,
        "dim_trt.network": source.model.config.network,
        "dim_trt.preprocessing": json.dumps(source.preprocessing.to_dict()),
        "dim_trt.licence": source.licence,
        "dim_trt.origin": source.origin,
    }
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in source.model.state_dict().items()}
    write_atomic(path, [save(tensors, metadata)], what="weights")


def write_mmagic(source: Imported, path: Path) -> None:
    """{"state_dict": …} as MMagic's DIM loads it, batch norm folded."""
    config = source.model.config
    assert isinstance(config, ModelConfig)
    wanted = {"width": 1.0, "conv6": "1x1x512", "skip": False, "output": "sigmoid", "decoder": "relu"}
    for field, value in wanted.items():
        if getattr(config, field) != value:
            raise CheckpointError(
                f"--to: MMagic's DIM has {field} {value!r}, this network has {getattr(config, field)!r}; "
                "write a .safetensors file instead"
            )
    if replace(source.preprocessing, trimap_values=PREPROCESSING.trimap_values) != PREPROCESSING:
        raise CheckpointError(
            "--to: MMagic's DIM reads RGB by ImageNet's mean and std and pads pictures, this network does not; "
            "write a .safetensors file instead"
        )
    buffer = io.BytesIO()
    torch.save({"meta": {"licence": source.licence, "origin": source.origin}, "state_dict": mmagic_tensors(source)},
               buffer)  # fmt: skip
    write_atomic(path, [buffer.getvalue()], what="weights")


def mmagic_tensors(source: Imported) -> dict[str, torch.Tensor]:
    folded = fold_batch_norm(source.model)
    assert isinstance(folded, DeepImageMatting)
    names = {**MMAGIC.convs, **(MMAGIC.refiner if folded.config.refine else {})}
    return {
        f"{name}.{part}": getattr(getattr(folded, layer).conv, part).detach()
        for layer, name in names.items()
        for part in ("weight", "bias")
    }
