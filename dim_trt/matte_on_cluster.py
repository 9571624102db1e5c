"""`python -m dim_trt.matte --ray`: from what the command line says to a run on a cluster."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dim_trt.errors import BackendUnavailable, InvalidInput
from dim_trt.files import file_digest, is_address
from dim_trt.matte_arguments import RENDITIONS, chosen_suffix, results_of
from dim_trt.pictures.composite import CHECKERBOARD
from dim_trt.pictures.files import read_background
from dim_trt.renditions import PictureJob, Rendering, check_outputs
from dim_trt.version import __version__

if TYPE_CHECKING:
    from dim_trt.cluster.engines import AutoSpec
    from dim_trt.cluster.listing import Folders
    from dim_trt.cluster.workers import Work


def work_on_cluster(args: argparse.Namespace, settings: Rendering) -> None:
    try:
        import pyarrow.parquet  # noqa: F401 (which it needs beside Ray)

        from dim_trt.cluster.runtime import connected
    except ModuleNotFoundError as failure:
        raise BackendUnavailable(f"--ray needs {failure.name}: pip install 'dim_trt[cluster]'") from failure
    folders = folders_of(args, settings)
    background = read_background(settings.background, settings.limits) if args.composite else None
    with connected(args.ray, verbose=args.verbose) as ray:
        from dim_trt.cluster.engines import EngineSpec
        from dim_trt.cluster.manifest import NAME
        from dim_trt.cluster.run import matte_folder
        from dim_trt.cluster.workers import Work

        engine = EngineSpec.of(
            ray,
            args.plan,
            device=args.device,
            precision=args.precision or "fp32",
            threads=args.threads or 1,
            memory_limit_mb=args.memory_limit_mb,
            orientations=args.orientations,
            closed_form=args.closed_form,
        )
        work = Work(folders, settings, background, engine, automatic_of(ray, args))
        summary = matte_folder(work, settings_of(work), restart=args.restart)
    given = results_of(args)
    shown = [str(folders.results[name]) if is_address(place) else place for name, place in given.items()]
    print(f"{', '.join(shown)}  {summary}", flush=True)
    summary.raise_failures(f"others, which {shown[0].rstrip('/')}/{NAME} names")


def folders_of(args: argparse.Namespace, settings: Rendering) -> Folders:
    """Raises InvalidInput where a result would replace another one, or what it is made of."""
    from dim_trt.cluster.listing import Folders
    from dim_trt.cluster.places import open_folder

    image, second, argument = args.image[0], args.mask or args.trimap, settings.rule.argument
    for name, place in (("image", image), (argument, second)):
        if isinstance(place, Path) and not place.is_dir():
            raise InvalidInput(f"{name}: {str(place)!r}: expected a folder or an address, as --ray is given")
    given = results_of(args)
    results = {name: open_folder(place) for name, place in given.items()}
    known = open_folder(second) if second else None
    found = Folders(open_folder(image), known, argument, results, chosen_suffix(args))
    written = [folder.identity() for folder in found.results.values()]
    read = {folder.identity() for folder in (found.images, found.known) if folder}
    if len(set(written)) < len(written) or read & set(written):
        raise InvalidInput("output: expected a folder of its own for each kind of result, and none that is read from")
    names = {name: os.path.join(place, f"name{found.suffix}") for name, place in given.items()}  # noqa: PTH118
    check_outputs(PictureJob(image, second, names["alpha"], *(names.get(name) for name in RENDITIONS)), settings)
    return found


def automatic_of(ray: Any, args: argparse.Namespace) -> AutoSpec | None:
    from dim_trt.cluster.engines import AutoSpec

    if not args.auto:
        return None
    return AutoSpec.of(
        ray,
        args.auto,
        size=args.auto_size,
        normalization=args.auto_norm,
        largest=bool(args.auto_largest),
        passes=args.auto_passes or 1,
    )


def settings_of(work: Work) -> dict[str, Any]:
    """What decides the bits of the results: another run goes on with the same alone."""
    folders, settings, engine, auto = work.folders, work.settings, work.engine, work.auto
    background = settings.background
    if not background.startswith("#") and background != CHECKERBOARD:
        background = file_digest(background)
    has_colors = len(folders.results) > 1
    return {
        "image": str(folders.images),
        folders.argument: str(folders.known) if folders.known else None,
        "rule": repr(settings.rule),
        "auto": auto.identity() if auto else None,
        "format": folders.suffix,
        "alpha depth": settings.alpha_depth,
        "color depth": settings.color_depth if has_colors else None,
        "background": background if "composite" in folders.results else None,
        "colors": ("estimated" if settings.estimate_colors else "image") if has_colors else None,
        "color profile": ("srgb" if settings.srgb else "keep") if has_colors else None,
        "plan": engine.identity(),
        "orientations": engine.orientations,
        "closed form": engine.closed_form,
        "version": __version__,
    }
