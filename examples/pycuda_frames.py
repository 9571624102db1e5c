"""Pictures that are in GPU memory already, as PyCUDA arrays: matted and composited there, on a PyCUDA stream.

    python -m dim_trt.build --backend tensorrt --precision fp16 -o dim.plan
    python examples/pycuda_frames.py --plan dim.plan --image picture.png --trimap trimap.png --output over.png

In place of a decoder, frames of a clip come from one picture that moves. Needs PyCUDA (pip install pycuda), which is
compiled when it is installed and compiles kernels when they run: CUDA's toolkit with nvcc must be there.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import dim_trt
from dim_trt.pictures import read_image
from dim_trt.trimaps import read_trimap

U8 = NDArray[np.uint8]
OVER_GREEN = """
__global__ void over_green(const float* alpha, const unsigned char* image, unsigned char* over, int values) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= values) return;
  const float green[3] = {64.0f, 177.0f, 0.0f};
  over[i] = rintf(alpha[i / 3] * image[i] + (1.0f - alpha[i / 3]) * green[i % 3]);
}
"""
THREADS = 256


class Matting:
    """Memory for one frame, used over and over: all of it belongs to one stream, which keeps the order."""

    def __init__(self, engine: dim_trt.Engine, height: int, width: int):
        from pycuda import compiler, driver, gpuarray

        self._engine, self.stream = engine, driver.Stream()
        self._kernel = compiler.SourceModule(OVER_GREEN).get_function("over_green")
        self._image = gpuarray.empty((height, width, 3), np.uint8)
        self._trimap = gpuarray.empty((height, width), np.uint8)
        self._alpha = gpuarray.empty((height, width), np.float32)
        self._over = gpuarray.empty((height, width, 3), np.uint8)

    def __call__(self, image: U8, trimap: U8) -> Any:
        """The frame over green, in GPU memory. Nobody waits for alpha: what uses it is on the same stream."""
        self._image.set_async(image, self.stream)
        self._trimap.set_async(trimap, self.stream)
        self._engine.run(self._image, self._trimap, out=self._alpha, stream=self.stream)
        values = np.int32(image.size)
        blocks = (-(-image.size // THREADS), 1)
        arrays = [array.gpudata for array in (self._alpha, self._image, self._over)]
        self._kernel(*arrays, values, block=(THREADS, 1, 1), grid=blocks, stream=self.stream)
        return self._over


def moving(image: U8, trimap: U8, count: int) -> Iterator[tuple[U8, U8]]:
    for step in range(count):
        yield np.roll(image, 4 * step, axis=1), np.roll(trimap, 4 * step, axis=1)


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
        import pycuda.autoprimaryctx  # noqa: F401  the context that CUDA's runtime, and so dim_trt, works in
    except ImportError as problem:
        raise SystemExit(
            f"PyCUDA is needed, and CUDA's toolkit to install it: pip install pycuda ({problem})"
        ) from None
    image, trimap = read_image(args.image), read_trimap(args.trimap)
    with dim_trt.Engine(args.plan, device="cuda") as engine:
        matting = Matting(engine, *trimap.shape)
        for frame in moving(image, trimap, args.frames):
            over = matting(*frame)
            matting.stream.synchronize()  # the next frame takes this one's place
        last = over.get()
    if not cv2.imwrite(str(args.output), last):
        raise SystemExit(f"cannot write {args.output}")
    print(f"{args.frames} frames, the last in {args.output}")


if __name__ == "__main__":
    main()
