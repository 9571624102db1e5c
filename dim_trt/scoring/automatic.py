"""Plans without the data set's trimaps: a network's masks take their place, and are scored beside them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dim_trt.engine import Engine
from dim_trt.masks.automatic import Automatic
from dim_trt.masks.opening import source_identity
from dim_trt.scoring.evaluation import Content, Method, TruthFiles, engine_method
from dim_trt.scoring.scores import Scores


def automatic_methods(
    engines: Sequence[tuple[str, Engine]], auto: Automatic, source: str, options: Sequence[object]
) -> list[Method]:
    """Plans, each with its label, without the data set's trimaps; and at the end the source's own mask.

    Args:
        engines: by label; they take BGR.
        auto: where masks come from.
        source, options: what `auto` was made of: a file or a name, and all that changes its masks.
    """
    identity = f"{source_identity(source)} {list(options)}"
    made: list[Method] = []
    for label, engine in engines:
        plain, alpha = engine_method(label, engine), functools.partial(_automatic_alpha, auto, engine)
        made.append(Method(plain.scores, functools.partial(_both, plain.identity, identity), alpha, finds=True))
    mask = Method(Scores("mask", source), lambda _sample: identity, lambda _sample, content: auto.mask(content.img))
    return [*made, replace(mask, finds=True)]


def _automatic_alpha(auto: Automatic, engine: Engine, sample: TruthFiles, content: Content) -> NDArray[np.float32]:
    return auto.alpha(engine.run, content.img, str(sample.image))


def _both(identity: Callable[[TruthFiles], str], more: str, sample: TruthFiles) -> str:
    return f"{identity(sample)} {more}"
