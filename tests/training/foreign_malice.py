"""Files that run something when they are unpickled: each makes the folder `canary` in the working folder."""

from __future__ import annotations

import pickle
import struct
import zipfile
from pathlib import Path

MODULE = "dim_trt_canary"  # can be imported where `install` put it; importing it is enough
SOURCE = f'''
import os

def sing(*arguments, **named):
    os.makedirs("canary", exist_ok=True)
    return 0

class Restored:
    def __init__(self, *arguments): sing()
    def __new__(cls, *arguments): sing(); return object.__new__(cls)
    def __setstate__(self, state): sing()
    def __hash__(self): sing(); return 0
    def append(self, value): sing()
    def extend(self, values): sing()
    def __setitem__(self, key, value): sing()

if __name__ == "{MODULE}":
    sing()
'''


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def call(module: str, name: str, *arguments: bytes) -> bytes:
    return f"c{module}\n{name}\n".encode() + b"(" + b"".join(arguments) + b"tR"


MKDIR = call("posix", "mkdir", text("canary"))
NEW = f"c{MODULE}\nRestored\n)\x81".encode("latin1")
SUSPICIOUS = {
    "posix.system": call("posix", "system", text("mkdir canary")),
    "os.makedirs": call("os", "makedirs", text("canary")),
    "eval": call("builtins", "eval", text("__import__('os').mkdir('canary')")),
    "exec of Python 2": call("__builtin__", "exec", text("import os; os.mkdir('canary')")),
    "subprocess": call("subprocess", "check_call", b"](" + text("mkdir") + text("canary") + b"e"),
    "INST": b"(" + text("canary") + b"iposix\nmkdir\n",
    "OBJ": b"(cposix\nmkdir\n" + text("canary") + b"o",
    "STACK_GLOBAL through another module": b"\x80\x04" + text("torch.serialization") + text("os.mkdir") + b"\x93("
    + text("canary") + b"tR",
    "import by name": call("importlib", "import_module", text(MODULE)),
    "a pickle in a pickle": call("pickle", "loads", b"B" + struct.pack("<I", len(MKDIR) + 1) + MKDIR + b"."),
    "hidden in the arguments of a tensor": call("torch._utils", "_rebuild_tensor_v2", MKDIR, b"K\x00", b")", b")"),
    "methodcaller": call("operator", "methodcaller", text("mkdir")) + b"("
    + call("pathlib", "Path", text("canary")) + b"tR",
}  # fmt: skip
HARMLESS_HERE = {  # nobody knows what these names stand for: placeholders do
    "a module that acts when it is imported": f"c{MODULE}\nx\n".encode(),
    "NEWOBJ": NEW,
    "NEWOBJ_EX": f"c{MODULE}\nRestored\n)}}\x92".encode("latin1"),
    "BUILD": NEW + b"}b",
    "a key that is hashed": b"}" + NEW + b"Ns",
    "APPEND": NEW + b"Na",
    "APPENDS": NEW + b"(NNe",
    "SETITEM": NEW + b"NNs",
    "REDUCE": call(MODULE, "sing"),
    "EXT1": b"\x82\xf0)R",  # the code of a class that the interpreter was told of
}
EXTENSION = 0xF0


def install(folder: Path) -> None:
    (folder / f"{MODULE}.py").write_text(SOURCE)


def in_zip(payload: bytes, path: Path) -> Path:
    """{"state_dict": what the payload makes} as torch.save writes it."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", b"\x80\x02}" + text("state_dict") + payload + b"s.")
        file.writestr("archive/version", b"3\n")
    return path


def in_legacy(payload: bytes, path: Path) -> Path:
    parts = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    path.write_bytes(b"".join(parts) + b"\x80\x02}" + text("state_dict") + payload + b"s." + pickle.dumps([], 2))
    return path
