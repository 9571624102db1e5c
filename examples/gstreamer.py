"""Matting inside GStreamer: pictures out of one pipeline's appsink, results into another's appsrc.

    python examples/gstreamer.py clip.mp4 --mask first.png --output over.mkv
    python examples/gstreamer.py --mask first.png --input-pipeline 'v4l2src ! videoconvert' --output over.mkv

Needs GStreamer 1.0 with its Python bindings (apt install python3-gi gstreamer1.0-plugins-good gstreamer1.0-libav).
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import dim_trt
from dim_trt.pictures.composite import composite, parse_color
from dim_trt.tracking import Frame, KeyFrames
from dim_trt.trimaps import from_mask

U8 = NDArray[np.uint8]


class Matter:
    """BGR bytes in, BGR bytes of the composite out; rows may be padded, as GStreamer does to multiples of 4 bytes."""

    def __init__(self, engine: dim_trt.Engine, mask: U8, background: str):
        self._engine, self._color = engine, parse_color(background)
        self._trimaps = KeyFrames({0: from_mask(mask)}, at_cut="carry")
        self._alpha: NDArray[np.float32] | None = None
        self._count = 0

    def __call__(self, data: bytes, width: int, height: int) -> bytes:
        stride = len(data) // height
        rows = np.frombuffer(data, np.uint8).reshape(height, stride)
        picture = np.ascontiguousarray(rows[:, : 3 * width].reshape(height, width, 3))
        frame = Frame(self._count, picture, None)
        trimap = self._trimaps.trimap(frame, self._trimaps.look(frame), self._alpha)
        self._alpha = self._engine.run(picture, trimap)
        self._count += 1
        written = np.zeros_like(rows)
        written[:, : 3 * width] = composite(picture, self._alpha, self._color).reshape(height, 3 * width)
        return written.tobytes()


def pipelines(args: argparse.Namespace) -> tuple[str, str]:
    """Their descriptions: from the input to the sink, from the source to the output."""
    source = args.input_pipeline or f"filesrc location={shlex.quote(str(args.video))} ! decodebin ! videoconvert"
    sink = "appsink name=sink max-buffers=4 drop=false sync=false"
    return (
        f"{source} ! video/x-raw,format=BGR ! {sink}",
        "appsrc name=source format=time block=true max-bytes=0 ! videoconvert ! x264enc ! matroskamux ! "
        f"filesink location={shlex.quote(str(args.output))}",
    )


def run(gst: Any, args: argparse.Namespace, matter: Matter) -> int:
    """Until the input ends; how many frames there were. `gst` is gi.repository.Gst."""
    reading, writing = (gst.parse_launch(text) for text in pipelines(args))
    sink, source = reading.get_by_name("sink"), writing.get_by_name("source")
    count = 0
    try:
        for pipeline in (reading, writing):
            pipeline.set_state(gst.State.PLAYING)
        while (sample := sink.emit("pull-sample")) is not None:
            caps, buffer = sample.get_caps(), sample.get_buffer()
            structure = caps.get_structure(0)
            found, mapped = buffer.map(gst.MapFlags.READ)
            if not found:
                raise SystemExit("GStreamer does not give the bytes of a picture")
            try:
                data = matter(bytes(mapped.data), structure.get_value("width"), structure.get_value("height"))
            finally:
                buffer.unmap(mapped)
            if not count:
                source.set_property("caps", caps)
            result = gst.Buffer.new_wrapped(data)
            result.pts, result.duration = buffer.pts, buffer.duration
            source.emit("push-buffer", result)
            count += 1
        source.emit("end-of-stream")
        ends = gst.MessageType.EOS | gst.MessageType.ERROR
        message = writing.get_bus().timed_pop_filtered(gst.CLOCK_TIME_NONE, ends)
        if message.type == gst.MessageType.ERROR:
            raise SystemExit(str(message.parse_error()[0]))
    finally:
        for pipeline in (reading, writing):
            pipeline.set_state(gst.State.NULL)
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path, nargs="?", default=Path("clip.mp4"))
    parser.add_argument("--input-pipeline", help="in place of the file, up to raw video")
    parser.add_argument("--mask", type=Path, required=True, help="of the first picture, gray")
    parser.add_argument("--background", default="#00b140")
    parser.add_argument("--output", type=Path, default=Path("over.mkv"))
    args = parser.parse_args()
    try:
        import gi

        gi.require_version("Gst", "1.0")
        from gi.repository import Gst
    except (ImportError, ValueError) as failure:
        raise SystemExit(
            "GStreamer's Python bindings are missing: apt install python3-gi gstreamer1.0-tools"
        ) from failure
    Gst.init(None)
    mask = cv2.imread(str(args.mask), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise SystemExit(f"cannot read {args.mask}")
    with dim_trt.Engine("lite") as engine:
        print(f"{run(Gst, args, Matter(engine, np.asarray(mask, np.uint8), args.background))} frames")


if __name__ == "__main__":
    main()
