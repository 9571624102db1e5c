"""What peers are made from: the network's graph in operations that all have, and pictures to calibrate int8 with.

Apart from the peers themselves, which are measured in processes that hold no more than they need.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from dim_trt.graph.load import load_onnx
from dim_trt.graph.lower import import_graph, lower
from dim_trt.graph.pictures import shipped_pictures
from dim_trt.graph.tensorrt import to_native_model


def save_native_unpool(network: Path, output: Path) -> None:
    """The same graph, bit for bit, without MaxUnpool and the indices of MaxPool."""
    onnx.save(to_native_model(lower(import_graph(load_onnx(network).proto))), output)


def calibration_inputs(network: Path) -> list[NDArray[np.float32]]:
    """The pictures that plans are calibrated with, as the network is fed them: each [1, 4, H, W]."""
    preprocessing = load_onnx(network).preprocessing
    return [picture.network_input(preprocessing)[0] for picture in shipped_pictures()]
