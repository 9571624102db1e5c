"""checkpoint -> dim.onnx: plain standard ONNX with any height and width, batch norm folded, metadata inside.

    python -m training.export --from runs/lite/checkpoint.pt -o dim.onnx
    python -m training.export --from stage3.pth --repository mmagic -o dim.onnx    another's; see training.foreign
    python -m training.export --from runs/lite/checkpoint.pt --to lite.safetensors     weights for another program

Importable, too: `export_onnx(model, path)`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper

from dim_trt.errors import Error
from dim_trt.files import write_atomic
from dim_trt.graph.load import check_graph
from dim_trt.graph.metadata import FORMAT_VERSION, TASKS
from training.checkpoints import CheckpointError
from training.data.preprocess import PREPROCESSING_OF, Preprocessing
from training.folding import fold_batch_norm as fold_batch_norm
from training.foreign.importing import LICENCE, ORIGIN, Imported, import_checkpoint, trained_here
from training.foreign.repositories import REPOSITORIES
from training.foreign.writing import SUFFIXES, write_checkpoint
from training.model import STRIDE
from training.networks import ALL_CONFIGS, Network, kind_of, make_network

MAX_SIDE_PX = 16384
OUTPUTS = {"matting": "alpha", "segmentation": "mask"}
GRAPHS = {"matting": "deep_image_matting", "segmentation": "salient_objects"}
WEIGHTS = {"fp32": torch.float32, "fp16": torch.float16}
OPSET, IR_VERSION = 17, 8  # as old as the operations allow: TensorRT 8.5 reads it


def export_onnx(
    model: Network,
    path: str | os.PathLike[str],
    *,
    licence: str = LICENCE,
    origin: str = ORIGIN,
    preprocessing: Preprocessing | None = None,
    weights: str = "fp32",
) -> Path:
    """Write `model` (left as it is) to `path`; input `input` [1, 4, 32·h, 32·w], output `alpha` [1, 1, 32·h, 32·w].

    Of a network for segmentation: [1, 3, 32·h, 32·w] and `mask`. preprocessing: None is that of networks trained here.
    weights: "fp16" rounds those of convolutions to float16; they are stored as fp32, which everybody reads, and
    compressed the file is two thirds as large.
    """
    task, network = kind_of(model.config)
    preprocessing = preprocessing or PREPROCESSING_OF[task]
    proto = _trace(rounded(fold_batch_norm(model), weights), TASKS[task].channels, OUTPUTS[task])
    _remove_exporter_traces(proto, GRAPHS[task])
    _name_by_layer(proto)
    onnx.helper.set_model_props(
        proto,
        {
            "dim_trt.format_version": str(FORMAT_VERSION),
            "dim_trt.task": task,
            "dim_trt.network": network,
            "dim_trt.preprocessing": json.dumps(preprocessing.to_dict()),
            "dim_trt.model": json.dumps(model.config.to_dict()),
            "dim_trt.licence": licence,
            "dim_trt.origin": origin,
        },
    )
    check_graph(proto)  # by the eyes of the reader
    write_atomic(path, [proto.SerializeToString(deterministic=True)], what="onnx")
    return Path(path)


@torch.no_grad()
def rounded(model: Network, weights: str) -> Network:
    """`model` itself, whose convolutions have weights as exact as `export_onnx` is asked for."""
    if weights not in WEIGHTS:
        raise ValueError(f"weights: expected one of {', '.join(WEIGHTS)}, got {weights!r}")
    for block in model.modules():
        if isinstance(block, torch.nn.Conv2d):
            block.weight.copy_(block.weight.to(WEIGHTS[weights]))
    return model


def _trace(model: Network, channels: int, output: str) -> onnx.ModelProto:
    height, width = (torch.export.Dim(name, max=MAX_SIDE_PX // STRIDE) for name in ("h", "w"))
    with _quiet_exporter():
        program = torch.onnx.export(
            model,
            (torch.zeros(1, channels, 2 * STRIDE, 3 * STRIDE),),
            dynamo=True,
            dynamic_shapes={"x": {2: STRIDE * height, 3: STRIDE * width}},
            input_names=["input"],
            output_names=[output],
            verbose=False,
        )
    assert program is not None
    return program.model_proto


@contextlib.contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Without two remarks of the exporter that nobody here can act on; everything else still comes through."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")  # "torchvision is not installed"
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)  # torch warns of itself
            yield
    finally:
        logger.setLevel(level)


def _remove_exporter_traces(proto: onnx.ModelProto, name: str) -> None:
    """The exporter notes stack traces with local paths on every node and value."""
    graph = proto.graph
    del graph.value_info[:]
    del graph.metadata_props[:]
    proto.opset_import[0].version, proto.ir_version = OPSET, IR_VERSION
    graph.name, graph.doc_string, proto.doc_string = name, "", ""
    proto.producer_name, proto.producer_version = "dim_trt training.export", f"torch {torch.__version__}"
    for item in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        item.doc_string = ""
        del item.metadata_props[:]


def _name_by_layer(proto: onnx.ModelProto) -> None:
    """Convolutions get the paper's names, everything else a name made from what it reads: users see these."""
    graph = proto.graph
    tensors = {value.name: value.name for value in (*graph.input, *graph.output)}  # the old name: the new one
    for tensor in graph.initializer:
        tensors[tensor.name] = tensor.name.replace(".conv.", ".")  # conv1_1.conv.weight -> conv1_1.weight
    producers = {value.name: value.name for value in graph.input}  # a tensor's old name: its node's new name
    factors = {
        tensor.name: numpy_helper.to_array(tensor).flat[-1] for tensor in graph.initializer if tensor.dims == [4]
    }
    pools = 0
    for node in graph.node:
        if node.op_type == "Resize":
            tensors[node.input[2]] = f"enlarged_{factors[node.input[2]]:g}x.scales"
        if node.op_type == "Conv":
            node.name = tensors[node.input[1]].removesuffix(".weight")
        elif node.op_type == "MaxPool":
            pools += 1
            node.name = f"pool{pools}"
        elif node.op_type == "MaxUnpool":
            node.name = producers[node.input[1]].replace("pool", "unpool")
        else:
            node.name = f"{producers[node.input[0]]}_{node.op_type.lower()}"
        for output, suffix in zip(node.output, ("out", "indices"), strict=False):
            producers[output] = node.name
            tensors.setdefault(output, f"{node.name}.{suffix}")
    for tensor in graph.initializer:
        tensor.name = tensors[tensor.name]
    tensors[""] = ""  # of an input that is left out
    for node in graph.node:
        node.input[:] = [tensors[name] for name in node.input]
        node.output[:] = [tensors[name] for name in node.output]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.export", description=__doc__.splitlines()[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--from", "--checkpoint", dest="checkpoint", metavar="FILE", type=Path,
                        help="written by training.train, or by the program of a repository")  # fmt: skip
    source.add_argument("--random", type=int, metavar="SEED", help="random weights instead, for tests")
    parser.add_argument("--repository", metavar="NAME", help=f"where FILE is from; default: found by its keys, of "
                        f"{', '.join(REPOSITORIES)}")  # fmt: skip
    parser.add_argument("--config", choices=ALL_CONFIGS, help="the network of --random")
    parser.add_argument(
        "-o", "--output", type=Path, help="the ONNX file; default: dim.onnx or salient.onnx, or none with --to"
    )
    parser.add_argument("--to", type=Path, metavar="FILE", help=f"write the weights as well: {SUFFIXES}")
    text = "fp16: rounded to float16, so that the file, which is as large, compresses to two thirds"
    parser.add_argument("--weights", choices=WEIGHTS, default="fp32", help=text)
    parser.add_argument("--licence", help="of the weights; default: the repository's, MIT for our own")
    parser.add_argument("--origin", help="of the weights: who trained them on what; default: the repository's")
    args = parser.parse_args()
    if (args.random is None) != (args.config is None):
        parser.error("--random SEED and --config go together; a checkpoint knows its own config")
    if args.random is not None and args.repository is not None:
        parser.error("--repository says where --from FILE is from; random weights are from nowhere")
    try:
        print(_export(args))
    except (CheckpointError, Error) as failure:
        sys.exit(f"error: {failure}")


def _export(args: argparse.Namespace) -> str:
    """Writes what was asked for; what to say about it."""
    source = _source(args)
    given = {name: getattr(args, name) for name in ("licence", "origin") if getattr(args, name) is not None}
    source = replace(source, **given)
    lines = []
    if source.repository in REPOSITORIES:
        lines.append(f"{source.repository}: {source.origin}; {source.licence}")
    if source.found:
        lines.append(f"{args.checkpoint}: its tensors are {source.found}")
    if args.to:
        write_checkpoint(source, args.to)
        lines.append(_line(args.to, source))
    if args.output or not args.to:
        path = args.output or Path(f"{source.model.config.network}.onnx")
        export_onnx(
            source.model,
            path,
            licence=source.licence,
            origin=source.origin,
            preprocessing=source.preprocessing,
            weights=args.weights,
        )
        lines.append(_line(path, source))
    return "\n".join(lines)


def _line(path: Path, source: Imported) -> str:
    config = json.dumps(source.model.config.to_dict())
    return f"{path}  {path.stat().st_size / 1e6:.2f} MB  {config}"


def _source(args: argparse.Namespace) -> Imported:
    if args.checkpoint:
        return import_checkpoint(args.checkpoint, args.repository)
    torch.manual_seed(args.random)
    return trained_here(make_network(ALL_CONFIGS[args.config]))


if __name__ == "__main__":
    main()
