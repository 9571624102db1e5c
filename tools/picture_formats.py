"""Writes the tables of docs/pictures.md: makes a file of each kind, reads or writes it, and says what came of it.

python -m tools.picture_formats            # writes them
python -m tools.picture_formats --check    # exit code 1 where the page says otherwise
"""

from __future__ import annotations

import argparse
import io
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageCms

from dim_trt.errors import InvalidInput
from dim_trt.pictures.decoding import decode
from dim_trt.pictures.encoding import encode
from dim_trt.pictures.picture import as_image

PAGE = Path(__file__).parents[1] / "docs" / "pictures.md"
HEIGHT, WIDTH = 72, 100
TURNED = 6  # EXIF's: by 90 degrees clockwise
COLUMNS = ("8 bits", "16 bits", "floats", "transparency", "orientation", "color profile", "CMYK", "cut off")
NOT_HELD = "–"  # the format has none
# Pillow's name, the suffix, and which of COLUMNS a file of the format can have beside 8 bits.
READ = (
    ("PNG", ".png", ("16 bits", "transparency", "orientation", "color profile", "cut off")),
    ("JPEG", ".jpg", ("orientation", "color profile", "CMYK", "cut off")),
    ("TIFF", ".tif", COLUMNS[1:]),
    ("WEBP", ".webp", ("transparency", "orientation", "color profile", "cut off")),
    ("AVIF", ".avif", ("transparency", "orientation", "color profile", "cut off")),
    ("GIF", ".gif", ("transparency", "cut off")),
    ("BMP", ".bmp", ("cut off",)),
    ("JPEG2000", ".jp2", ("16 bits", "cut off")),
    ("PPM", ".ppm", ("16 bits", "cut off")),
    ("TGA", ".tga", ("transparency", "cut off")),
    ("QOI", ".qoi", ("transparency", "cut off")),
    ("PFM", ".pfm", ("floats", "cut off")),
    ("HDR", ".hdr", ("floats", "cut off")),
)
WRITTEN = (".png", ".tif", ".webp", ".jpg", ".bmp", ".jp2", ".ppm")
WRITE_COLUMNS = ("alpha, 8 bits", "cutout, 8 bits", "composite, 8 bits", "cutout, 16 bits", "color profile")


def tables() -> dict[str, str]:
    """By the name between `table:` and `end` on the page."""
    read = [[form, *(_read(form, suffix, column, held) for column in COLUMNS)] for form, suffix, held in READ]
    written = [[suffix, *(_written(suffix, column) for column in WRITE_COLUMNS)] for suffix in WRITTEN]
    return {
        "read": _table(["format", *COLUMNS], read),
        "written": _table(["suffix", *WRITE_COLUMNS], written),
    }


def _read(form: str, suffix: str, column: str, held: tuple[str, ...]) -> str:
    if column == "8 bits" and form in ("PFM", "HDR"):
        return NOT_HELD
    if column != "8 bits" and column not in held:
        return NOT_HELD
    try:
        picture = decode(MAKERS[column](form, suffix))
        image = as_image(picture)
    except InvalidInput:
        return "refused"
    if column in ("8 bits", "16 bits"):
        return "read" if image.pixels.dtype == (np.uint8 if column == "8 bits" else np.uint16) else "as 8 bits"
    if column == "transparency":
        return "multiplies alpha" if image.opacity is not None else "lost"
    if column == "orientation":
        return "upright" if image.size == (WIDTH, HEIGHT) else "ignored"
    if column == "color profile":
        return "kept" if image.icc_profile else "lost"
    if column == "CMYK":
        return "becomes sRGB" if np.abs(image.pixels[:, :, ::-1].astype(int) - _photo()).mean() < 6 else "lost"
    return "taken"


def _written(suffix: str, column: str) -> str:
    channels = 1 if column.startswith("alpha") else 3 if "composite" in column or "profile" in column else 4
    levels = _photo(channels).astype(np.uint16 if "16" in column else np.uint8)
    profile = _profile() if column == "color profile" else None
    try:
        data = encode(levels, suffix, profile)
    except InvalidInput:
        return "refused"
    picture = decode(data)
    if column == "color profile":
        return "kept" if picture.icc_profile else "converted to sRGB"
    stored = picture.pixels if picture.opacity is None else np.dstack([picture.pixels, picture.opacity])
    if stored.ndim == 3 and levels.ndim == 2:
        stored = stored[:, :, 0]
    return "without loss" if np.array_equal(stored, levels) else "with loss"


def _photo(channels: int = 3) -> Any:
    small = np.random.default_rng(0).integers(30, 226, (4, 5, channels), np.uint8)
    return cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)


def _profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _by_pillow(image: Image.Image, form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def _plain(form: str, suffix: str) -> bytes:
    return _by_opencv(suffix, np.float32) if form in ("PFM", "HDR") else _by_pillow(Image.fromarray(_photo()), form)


def _by_opencv(suffix: str, dtype: type) -> bytes:
    levels = _photo().astype(np.uint16) * 257 if dtype is np.uint16 else _photo() / np.float32(255)
    done, data = cv2.imencode(suffix, levels)
    assert done, suffix
    return data.tobytes()


def _transparent(form: str, _suffix: str) -> bytes:
    colors = Image.fromarray(_photo())
    if form == "GIF":
        palette = colors.quantize(200)
        palette.putpixel((0, 0), 7)
        return _by_pillow(palette, form, transparency=7)
    colors.putalpha(Image.fromarray(np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))))
    return _by_pillow(colors, form)


def _turned(form: str, _suffix: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = TURNED
    return _by_pillow(Image.fromarray(_photo()), form, exif=exif)


def _cut_off(form: str, suffix: str) -> bytes:
    data = _plain(form, suffix)
    return data[: len(data) * 2 // 3]


MAKERS: dict[str, Callable[[str, str], bytes]] = {
    "8 bits": _plain,
    "16 bits": lambda _form, suffix: _by_opencv(suffix, np.uint16),
    "floats": lambda _form, suffix: _by_opencv(suffix, np.float32),
    "transparency": _transparent,
    "orientation": _turned,
    "color profile": lambda form, _suffix: _by_pillow(Image.fromarray(_photo()), form, icc_profile=_profile()),
    "CMYK": lambda form, _suffix: _by_pillow(Image.fromarray(_photo()).convert("CMYK"), form),
    "cut off": _cut_off,
}


def _table(heading: list[str], rows: list[list[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def filled(page: str) -> str:
    """The page with its tables written anew."""
    for name, table in tables().items():
        pattern = rf"(<!-- table: {name} -->\n).*?(<!-- end of table -->)"
        page, count = re.subn(pattern, lambda found, text=table: f"{found[1]}{text}\n{found[2]}", page, flags=re.DOTALL)
        assert count == 1, name
    return page


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 where the page is stale")
    args = parser.parse_args()
    before = PAGE.read_text()
    after = filled(before)
    if args.check:
        print("stale" if after != before else "as it is")
        return int(after != before)
    PAGE.write_text(after)
    print(PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
