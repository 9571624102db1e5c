"""Matting as a step of somebody's own pipeline of Ray Data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dim_trt.cluster.engines import AutoSpec, EngineSpec
from dim_trt.cluster.runtime import import_ray
from dim_trt.errors import Error, InvalidInput
from dim_trt.files import StrPath
from dim_trt.pictures import as_image, decode, to_8_bits
from dim_trt.trimaps import GivenTrimap, TrimapRule

if TYPE_CHECKING:
    import ray.data

U8 = NDArray[np.uint8]
NOTHING = np.empty((0, 0), np.float32)


def matte_dataset(
    ds: ray.data.Dataset,
    *,
    plan: StrPath = "lite",
    image: str = "image",
    trimap: str | None = "trimap",
    auto: str | None = None,
    rule: TrimapRule | None = None,
    color: str = "rgb",
    device: str = "auto",
    threads: int = 1,
    memory_limit_mb: int | None = None,
    orientations: int = 1,
    closed_form: bool = False,
    batch_size: int = 8,
    concurrency: int | None = None,
) -> ray.data.Dataset:
    """The dataset with a column "alpha" beside the others, and "error" with why there is none.

        ds = ray.data.read_images("s3://…", mode="RGB")
        ds = dim_trt.cluster.matte_dataset(ds, trimap=None, auto="rembg:u2netp")

    Nothing is computed until the dataset is used, and no bad picture ends it.

    Args:
        ds: with a column of pictures: [height, width, 3] uint8, or bytes of files that `pictures.decode` reads.
        plan: path of a plan on this machine, which travels to the workers; "lite" is the shipped model.
        image: the column's name.
        trimap: name of the column of trimaps, [height, width] uint8 or bytes of files; None with `auto`.
        auto: in its place: a network that finds the objects, see `masks.open_source`.
        rule: what is in that column: `trimaps.GivenTrimap()`, or `trimaps.MaskRule()` for masks; None: trimaps.
        color: channel order of the arrays, "rgb" as `ray.data.read_images` gives them, or "bgr".
        device: "auto" is what the plan was built for; "cpu", or "cuda" with one GPU a worker.
        threads: CPUs of a worker, and threads of its engine.
        memory_limit_mb: of each engine, see `Engine`.
        orientations: 1, 2 or 8, see `Engine`.
        closed_form: see `Engine`.
        batch_size: rows that a worker takes at once; they are in its memory together.
        concurrency: how many workers there are; None: as many as the cluster has room for.

    Returns:
        A dataset with the columns of `ds` and "alpha", [height, width] float32 in 0..1 of each picture as it is shown
        (upright), or [0, 0] where "error" is a sentence; else "error" is None.

    Raises:
        InvalidInput: an argument is not one of the above.
        PlanError: the plan is missing or damaged.
        BackendUnavailable: Ray is not installed.
    """
    ray = import_ray()
    if (trimap is None) == (auto is None):
        raise InvalidInput("trimap, auto: expected one of them, a column's name or a network")
    if color not in ("rgb", "bgr"):
        raise InvalidInput(f"color: expected 'bgr' or 'rgb', got {color!r}")
    engine = EngineSpec.of(
        ray,
        plan,
        device=device,
        threads=threads,
        memory_limit_mb=memory_limit_mb,
        orientations=orientations,
        closed_form=closed_form,
    )
    columns = Columns(image, trimap, color, rule or GivenTrimap())
    return ds.map_batches(
        MattingStep,
        fn_constructor_args=(engine, AutoSpec.of(ray, auto) if auto else None, columns),
        batch_size=batch_size,
        batch_format="numpy",
        compute=ray.data.ActorPoolStrategy(min_size=concurrency or 1, max_size=concurrency),
        **engine.resources,
    )


@dataclass(frozen=True)
class Columns:
    image: str
    trimap: str | None
    color: str
    rule: TrimapRule


class MattingStep:
    """One engine; called with batches of Ray Data."""

    def __init__(self, engine: EngineSpec, auto: AutoSpec | None, columns: Columns):
        self._columns = columns
        self._engine, self._auto = engine.open(), auto.open() if auto else None

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        missing = [name for name in (self._columns.image, self._columns.trimap) if name and name not in batch]
        if missing:
            raise InvalidInput(f"ds: expected a column {missing[0]!r}, got {', '.join(map(repr, batch))}")
        trimaps = batch[self._columns.trimap] if self._columns.trimap else [None] * len(batch[self._columns.image])
        alphas: list[NDArray[np.float32]] = []
        errors: list[str | None] = []
        for image, trimap in zip(batch[self._columns.image], trimaps, strict=True):
            try:
                alphas.append(self._alpha(image, trimap))
                errors.append(None)
            except (Error, MemoryError) as failure:
                alphas.append(NOTHING)
                errors.append(str(failure) or "not enough memory for a picture of this size")
        return {**batch, "alpha": ragged(alphas), "error": np.array(errors, object)}

    def _alpha(self, image: Any, trimap: Any) -> NDArray[np.float32]:
        img = self._img(image)
        if self._auto:
            return self._auto.alpha(self._engine.run, img)
        levels = decode(trimap).stored() if isinstance(trimap, bytes) else trimap
        return self._engine.run(img, self._columns.rule.trimap(levels))

    def _img(self, image: Any) -> U8:
        """BGR, as engines and sources of masks are given it here."""
        if isinstance(image, bytes):
            return to_8_bits(as_image(decode(image)).pixels)
        if self._columns.color == "rgb" and isinstance(image, np.ndarray) and image.ndim == 3:
            return np.ascontiguousarray(image[:, :, ::-1])
        img: U8 = image  # the engine says what is wrong with it
        return img


def ragged(arrays: list[NDArray[np.float32]]) -> NDArray[Any]:
    """One array of arrays, whose sizes may differ."""
    column = np.empty(len(arrays), object)
    for index, array in enumerate(arrays):
        column[index] = array
    return column
