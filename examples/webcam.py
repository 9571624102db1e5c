"""A camera, or a file, matted live over a color with OpenCV.

    python examples/webcam.py --auto u2netp.onnx                     # camera 0, in a window; q ends
    python examples/webcam.py --mask first.png
    python examples/webcam.py --source clip.mp4 --mask first.png --output over.avi

With --auto a network finds whoever is there, in every picture. The mask is one of the first picture: stand where it
says when the program starts; it is carried on by optical flow, which is faster. A window needs opencv-python; with
opencv-python-headless give --output.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

import dim_trt
from dim_trt.masks import Automatic, open_source
from dim_trt.pictures.composite import composite, parse_color
from dim_trt.tracking import Frame, KeyFrames, MaskFrames, TrimapSource
from dim_trt.trimaps import from_mask

U8 = NDArray[np.uint8]


def pictures(source: str) -> Iterator[U8]:
    capture = cv2.VideoCapture(int(source) if source.isdigit() else source)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # of a camera: always the newest picture
    try:
        while True:
            found, picture = capture.read()
            if not found:
                return
            yield np.asarray(picture, np.uint8)
    finally:
        capture.release()


def matted(
    engine: dim_trt.Engine, source: Iterator[U8], trimaps: TrimapSource
) -> Iterator[tuple[U8, NDArray[np.float32]]]:
    """Each picture and its alpha."""
    alpha = None
    for index, picture in enumerate(source):
        frame = Frame(index, picture, None)
        alpha = engine.run(picture, trimaps.trimap(frame, trimaps.look(frame), alpha))
        yield picture, alpha


def source_of(args: argparse.Namespace) -> TrimapSource:
    if args.auto:
        return MaskFrames(Automatic(open_source(args.auto)))
    mask = cv2.imread(str(args.mask), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise SystemExit(f"cannot read {args.mask}")
    return KeyFrames({0: from_mask(np.asarray(mask, np.uint8))}, at_cut="carry")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", default="0", help="number of a camera, or a file; default: %(default)s")
    known = parser.add_mutually_exclusive_group(required=True)
    text = "a network: salient, the default, rembg:NAME or MODEL.onnx"
    known.add_argument("--auto", nargs="?", const="salient", metavar="SOURCE", help=text)
    known.add_argument("--mask", type=Path, help="of the first picture, gray")
    parser.add_argument("--background", default="#00b140")
    parser.add_argument("--output", help="an .avi file in place of a window")
    args = parser.parse_args()
    trimaps = source_of(args)
    color, writer, count, start = parse_color(args.background), None, 0, time.perf_counter()
    with dim_trt.Engine("lite") as engine:
        for picture, alpha in matted(engine, pictures(args.source), trimaps):
            over = composite(picture, alpha, color)
            if args.output:
                size = (over.shape[1], over.shape[0])
                writer = writer or cv2.VideoWriter(args.output, cv2.VideoWriter.fourcc(*"MJPG"), 25, size)
                writer.write(over)
            else:
                cv2.imshow("dim_trt", over)
                if cv2.waitKey(1) == ord("q"):
                    break
            count += 1
    if writer:
        writer.release()
    if not count:
        raise SystemExit(f"{args.source} gives no pictures")
    print(f"{count} frames, {count / (time.perf_counter() - start):.1f} frames/s")


if __name__ == "__main__":
    main()
