"""Names in a pickle that no checkpoint has a reason to hold: what they stand for runs programs or opens files."""

from __future__ import annotations

# These may also hide inside other modules, as in torch.serialization.os.system
ANYWHERE = frozenset(["os", "posix", "nt", "subprocess", "sys", "shutil", "socket", "ctypes", "importlib", "runpy"])
MODULES = frozenset(
    ["asyncio", "bdb", "cPickle", "cloudpickle", "code", "codeop", "commands", "cProfile", "dill", "ensurepip",
     "fileinput", "ftplib", "gc", "http", "httplib", "httpx", "idlelib", "imp", "inspect", "joblib", "marshal",
     "multiprocessing", "pdb", "pickle", "_pickle", "pip", "pkgutil", "platform", "popen2", "profile", "pty", "pydoc",
     "requests", "shelve", "signal", "site", "smtplib", "tempfile", "threading", "timeit", "trace", "urllib", "urllib2",
     "venv", "webbrowser", "xmlrpc", "zipimport"]
)  # fmt: skip
BUILTINS = frozenset(["builtins", "__builtin__", "__builtins__"])
FUNCTIONS = frozenset(
    ["eval", "exec", "execfile", "compile", "open", "file", "__import__", "input", "raw_input", "setattr", "delattr",
     "globals", "locals", "vars", "breakpoint", "apply", "reload"]
)  # fmt: skip
PATHS = (
    "io.open", "_io.open", "io.FileIO", "_io.FileIO", "types.CodeType", "types.FunctionType", "operator.attrgetter",
    "operator.methodcaller", "torch.load", "torch.hub.", "torch.jit.", "torch.utils.cpp_extension.", "numpy.load",
    "numpy.testing.", "numpy.f2py.", "numpy.distutils.",
)  # fmt: skip


class SuspiciousError(ValueError):
    """A pickle names what runs programs; str() is that name."""


def is_suspicious(path: str) -> bool:
    """Whether a dotted name stands for something that runs programs, or reaches into what does."""
    parts = path.split(".")
    if ANYWHERE & set(parts) or parts[0] in MODULES or "__globals__" in parts:
        return True
    if parts[0] in BUILTINS and FUNCTIONS & set(parts):
        return True
    return path.startswith(PATHS)
