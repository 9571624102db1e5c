"""`dim-trt <command>`: the same as `python -m dim_trt.<command>`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from dim_trt.terminal import complain, prepare_streams, print_text

COMMANDS = {
    "build": "turn dim.onnx into a plan",
    "matte": "matte one picture",
    "video": "matte a video, with alpha, times and sound",
    "serve": "a page to paint trimaps on, and a service, on this machine",
    "triton": "make a plan a model of NVIDIA's Triton server",
    "trimap": "make, check and look at trimaps",
    "info": "check a plan and say what is in it",
    "doctor": "say what this machine can do and check that it works",
    "evaluate": "score plans or alphas on pictures with ground truth",
}
PACKAGES = {"video": "video.__main__", "triton": "triton.__main__"}  # commands that are more than a module


def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = arguments[0] if arguments else ""
    if name in COMMANDS:
        module = import_module(f"dim_trt.{PACKAGES.get(name, name)}")
        code: int = module.main(arguments[1:], prog=f"dim-trt {name}")
        return code
    if name == "--version":
        from dim_trt.version import __version__

        print_text(__version__)
        return 0
    if name in ("-h", "--help"):
        print_text(usage())
        return 0
    prepare_streams()
    print(usage(), file=sys.stderr)
    complain(f"expected a command, got {name!r}" if name else "expected a command")
    return 2


def usage() -> str:
    commands = "\n".join(f"  {name:10}{what}" for name, what in COMMANDS.items())
    return f"usage: dim-trt <command> [-h] ...\n\n{commands}\n\n`dim-trt <command> -h` explains its options."


if __name__ == "__main__":
    sys.exit(main())
