"""What a file is that is no checkpoint of PyTorch, by its first bytes, and what to do about it, in one line each."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

KERAS = (
    "is a file of Keras (HDF5). Keras has no unpooling by argmax: what stands for it there (in foamliu's first "
    "repository, comparing features with the enlarged map) is no layer of a plan; train foamliu-pytorch's or another "
    "network that is known here"
)
TENSORFLOW = (
    "is a checkpoint of TensorFlow. The first Deep Image Matting in TensorFlow stores no averages for its batch norm "
    "and normalises by each picture's own, which is no layer of a plan; train a network that is known here"
)
TORCHSCRIPT = (
    'is TorchScript, which is a program; save its tensors: torch.save(torch.jit.load("{name}", map_location="cpu")'
    '.state_dict(), "tensors.pt")'
)
EXPORTED = (
    "is a program of torch.export; save its tensors: "
    'torch.save(dict(torch.export.load("{name}").state_dict), "tensors.pt")'
)
ONNX = "is an ONNX file; it becomes a plan as it is: python -m dim_trt.build --onnx {name}"
STARTS = {  # first bytes: what is said
    b"\x89HDF\r\n\x1a\n": KERAS,
    b"model_checkpoint_path": TENSORFLOW,
    b"\x1f\x8b": "is compressed (gzip); unpack it first",
    b"BZh": "is compressed (bzip2); unpack it first",
    b"\xfd7zXZ": "is compressed (xz); unpack it first",
    b"7z\xbc\xaf": "is compressed (7z); unpack it first",
    b"Rar!": "is compressed (rar); unpack it first",
    b"version https://git-lfs": "is a pointer of Git LFS in place of the file; fetch it: git lfs pull",
    b"DIMPLAN1": "is a plan, which holds weights in a form for one backend; export from the checkpoint it was built of",
    b"\x93NUMPY": "is a NumPy array; expected tensors by name",
}
WEB_PAGE = "is a web page: the download was refused or asked for a confirmation; fetch it in a browser"
TABLE_END = bytes.fromhex("57fb808b247547db")  # of TensorFlow's index, a table of LevelDB
MANY = 5


def folder_problem(path: Path) -> str:
    """As `other_format` says it, of a folder that was given as a checkpoint."""
    names = sorted(entry.name for entry in path.iterdir())
    if ".metadata" in names or any(name.endswith(".distcp") for name in names):
        convert = "torch.distributed.checkpoint.format_utils.dcp_to_torch_save"
        return f'is a folder of torch.distributed.checkpoint; make a file of it: {convert}("{{name}}", "tensors.pt")'
    if any(name.endswith((".index", ".meta")) or name in ("checkpoint", "saved_model.pb") for name in names):
        return TENSORFLOW.replace("is a checkpoint", "is a folder", 1)
    if "data.pkl" in names or any((path / name / "data.pkl").is_file() for name in names[:MANY]):
        return "is a folder, the unpacked archive of a checkpoint; give the file as it was downloaded"
    listed = ", ".join(names[:MANY]) + (", …" if len(names) > MANY else "")
    listed = listed.replace("{", "{{").replace("}", "}}")
    return f"is a folder; give a file in it ({listed or 'it is empty'})"


def is_safetensors(path: Path) -> bool:
    """A count of eight bytes, then a JSON object of that length."""
    with path.open("rb") as file:
        head = file.read(9)
    return head[8:] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size


def other_format(path: Path) -> str:
    """What this file is instead of a checkpoint, with {name} for its name; empty if it may be one."""
    with path.open("rb") as file:
        head = file.read(512)
        file.seek(max(0, path.stat().st_size - len(TABLE_END)))
        end = file.read()
    for start, said in STARTS.items():
        if head.startswith(start):
            return said
    if head.lstrip()[:9].lower() in (b"<!doctype", b"<html") or head.lstrip()[:5].lower() == b"<html":
        return WEB_PAGE
    if end == TABLE_END or ".data-0000" in path.name or path.suffix == ".meta":
        return TENSORFLOW
    if path.suffix == ".onnx":
        return ONNX
    if head[257:262] == b"ustar":
        return _of_names(_tar_names(path), TAR, "is a tar archive; unpack it first")
    if head.startswith(b"PK\x03\x04"):
        return _of_names(_zip_names(path), ZIP, "is a zip archive; unpack it first")
    return ""


Has = Callable[[str], bool]
TAR: list[tuple[Has, str]] = [
    (lambda name: name == "storages", "was saved by a PyTorch of 2016; load it in PyTorch 1.x, and torch.save it again")
]
ZIP: list[tuple[Has, str]] = [  # the first that a member fits; no message: a checkpoint
    (lambda name: name.endswith("/constants.pkl") or "/code/" in name, TORCHSCRIPT),
    (lambda name: name.endswith(("archive_format", "serialized_exported_program.json")), EXPORTED),
    (lambda name: name.endswith(".weights.h5"), KERAS),
    (lambda name: name.endswith("/data.pkl"), ""),
    (lambda name: name.endswith(".npy"), "is an archive of NumPy; VGG16's goes to training.train --encoder"),
]


def _of_names(names: list[str], table: list[tuple[Has, str]], otherwise: str) -> str:
    return next((said for has, said in table if any(map(has, names))), otherwise if names else "")


def _tar_names(path: Path) -> list[str]:
    try:
        with tarfile.open(path, "r:") as file:
            return [member.name for _, member in zip(range(1000), file, strict=False)]
    except (tarfile.TarError, OSError, ValueError):
        return []


def _zip_names(path: Path) -> list[str]:
    """Empty where it is damaged."""
    try:
        with zipfile.ZipFile(path) as file:
            return file.namelist()
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, UnicodeDecodeError):
        return []
