"""Weights that an exporter left in a file beside the ONNX file, read into it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from pathlib import Path

from onnx import TensorProto, helper

from dim_trt.errors import BuildError

MAX_BYTES = (1 << 31) - 1  # of an ONNX file in one piece, which protobuf limits
CURE = "or export with torch.onnx.export(…, dynamo=True, external_data=False)"


def embed(tensors: Iterable[TensorProto], path: Path) -> bytes:
    """Fill in the tensors that are stored in files beside `path`; raises BuildError.

    Only plain files in the same folder are read: an ONNX file can name no others.

    Returns:
        A hash of what was read; empty if nothing was.
    """
    digest, left = hashlib.sha256(), MAX_BYTES
    found = False
    for tensor in tensors:
        if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
            data = _read(tensor, path, left)
            tensor.ClearField("external_data")
            tensor.ClearField("data_location")
            tensor.raw_data = data
            digest.update(data)
            left, found = left - len(data), True
    return digest.digest() if found else b""


def _read(tensor: TensorProto, path: Path, left: int) -> bytes:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    name, what = entries.get("location", ""), f"onnx: tensor {tensor.name!r}"
    if not name or name != Path(name).name or "\\" in name or "\0" in name or name == "..":
        raise BuildError(
            f"{what} is stored in {name!r}; expected a file in the same folder, by its name alone. Save the model as "
            "one file: onnx.save(onnx.load(path), path)"
        )
    beside = path.with_name(name)
    if beside.is_symlink() or not beside.is_file():
        raise BuildError(f"{what} is stored in {name!r}, which is not beside the ONNX file; put it there, {CURE}")
    size, offset = _size(tensor, what), _number(entries.get("offset", "0"), what)
    if size > left:
        raise BuildError(f"{what}: the weights take more than {MAX_BYTES} bytes; expected less")
    with beside.open("rb") as file:
        file.seek(offset)
        data = file.read(size)
    if len(data) < size or _number(entries.get("length", str(size)), what) != size:
        raise BuildError(
            f"{what} needs {size} bytes of {name!r}, which has another size; copy both files again, {CURE}"
        )
    return data


def _size(tensor: TensorProto, what: str) -> int:
    try:
        width = int(helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)
    except (KeyError, ValueError, TypeError) as failure:
        raise BuildError(f"{what} has an unknown type; export the model again") from failure
    if any(dim < 0 for dim in tensor.dims):
        raise BuildError(f"{what} has a negative size; the file is damaged")
    return int(math.prod(tensor.dims) * width)


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BuildError(f"{what} is stored at {text[:20]!r}; expected a whole number; the file is damaged")
    return int(text)
