"""The API reference, from docstrings, into out/docs. Whatever pdoc warns about is an error."""

from __future__ import annotations

import argparse
import importlib
import inspect
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[1]
PUBLIC = (
    "dim_trt",
    "dim_trt.foreground",
    "dim_trt.pictures",
    "dim_trt.pictures.composite",
    "dim_trt.renditions",
    "dim_trt.cluster",
    "dim_trt.masks",
    "dim_trt.trimaps",
    "dim_trt.tracking",
    "dim_trt.scoring.metrics",
    "dim_trt.scoring.video_metrics",
    "dim_trt.serving.app",
    "dim_trt.serving.settings",
)


def public_names(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """What the module offers: its `__all__`, else what is defined in it; of classes the members, too."""
    listed = getattr(module, "__all__", ())
    for name, value in vars(module).items():
        is_named = inspect.isroutine(value) or inspect.isclass(value)
        is_own = is_named and value.__module__ == module.__name__ and not name.startswith("_")
        if not (is_named and name in listed if listed else is_own):
            continue
        yield f"{module.__name__}.{name}", value
        if inspect.isclass(value):
            for member, attribute in vars(value).items():
                if not member.startswith("_") and (inspect.isroutine(attribute) or isinstance(attribute, property)):
                    yield f"{module.__name__}.{name}.{member}", attribute


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "out" / "docs", help="default: out/docs")
    output = parser.parse_args().output
    import pdoc

    warnings.simplefilter("error")
    pdoc.render.configure(docformat="google", show_source=False)
    pdoc.pdoc(*PUBLIC, "!dim_trt.capabilities", output_directory=output)  # the function's module has its name
    count = sum(1 for name in PUBLIC for _ in public_names(importlib.import_module(name)))
    print(f"{output}/index.html  {len(PUBLIC)} modules, {count} names")


if __name__ == "__main__":
    main()
