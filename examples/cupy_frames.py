"""Pictures that are in GPU memory already, as CuPy arrays: matted and composited there, on a CuPy stream.

    python -m dim_trt.build --backend tensorrt --precision fp16 -o dim.plan
    python examples/cupy_frames.py --plan dim.plan --image picture.png --trimap trimap.png --output over.png

In place of a decoder, frames of a clip come from one picture that moves. Needs CuPy for the machine's CUDA
(pip install cupy-cuda13x or cupy-cuda12x).
"""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2

import dim_trt
from dim_trt.pictures import read_image
from dim_trt.trimaps import read_trimap


def moving(cupy: Any, image: Any, trimap: Any, count: int) -> Iterator[tuple[Any, Any]]:
    """Frames with their trimaps, in GPU memory."""
    picture, marks = cupy.asarray(image), cupy.asarray(trimap)
    for step in range(count):
        yield cupy.roll(picture, 4 * step, axis=1), cupy.roll(marks, 4 * step, axis=1)


def matted(cupy: Any, engine: dim_trt.Engine, frames: Iterator[tuple[Any, Any]], stream: Any) -> Iterator[Any]:
    """Each frame over green. Nobody waits for alpha: what uses it is on the same stream."""
    green = cupy.asarray([64, 177, 0], dtype=cupy.float32)
    for image, trimap in frames:
        alpha = cupy.from_dlpack(engine.run(image, trimap, stream=stream))[..., None]
        yield (alpha * image + (1 - alpha) * green).round().astype(cupy.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plan", type=Path, required=True, help="made for TensorRT")
    parser.add_argument("--image", type=Path, required=True)
    parser.add_argument("--trimap", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=30, help="default: %(default)s")
    parser.add_argument("--output", type=Path, required=True, help="for the last frame")
    args = parser.parse_args()
    if args.frames < 1:
        parser.error("--frames: expected at least 1")
    try:
        import cupy
    except ImportError as problem:
        raise SystemExit(f"CuPy is needed, for the machine's CUDA: pip install cupy-cuda13x ({problem})") from None
    image, trimap = read_image(args.image), read_trimap(args.trimap)
    stream = cupy.cuda.Stream(non_blocking=True)
    with dim_trt.Engine(args.plan, device="cuda") as engine, stream:
        frames = moving(cupy, image, trimap, args.frames)
        over = deque(matted(cupy, engine, frames, stream), maxlen=1)  # what a program does with each frame is here
        last = cupy.asnumpy(over.pop(), stream=stream)
    if not cv2.imwrite(str(args.output), last):
        raise SystemExit(f"cannot write {args.output}")
    print(f"{args.frames} frames, the last in {args.output}")


if __name__ == "__main__":
    main()
