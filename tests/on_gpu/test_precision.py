"""Plans of each precision, with plugins and without: alpha is PyTorch's, as far as the precision goes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dim_trt import Engine, _core
from dim_trt.arrays import unknown_pixels
from dim_trt.precisions import PRECISIONS
from dim_trt.scoring.metrics import sad
from tests.support.compare import assert_within
from tests.support.gpu import CONFIGS, ONE_SIZE, SHIPPED, SIZES, TOLERANCES, Plans, Tolerance, clear_picture
from training.scenes.drawing import draw_scene
from training.scenes.textures import Size

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(600)]
UNPOOL = ("plugin", "native")
SCENES = (("hair", Size(239, 317)), ("smoke", Size(320, 256)), ("leaves", Size(161, 401)), ("glass", Size(255, 255)))


@pytest.mark.parametrize("tolerance", [TOLERANCES[0]], ids=lambda t: t.precision)
@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("unpool", UNPOOL)
@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.filterwarnings("ignore:trimap. no pixel is known")  # a single pixel has to be unknown
def test_fp32_is_pytorch(plans: Plans, name: str, unpool: str, height: int, width: int, tolerance: Tolerance) -> None:
    assert tolerance.max_abs is not None
    img, trimap = clear_picture(name, height, width)
    alpha = Engine(plans.plan(name, tolerance.precision, unpool), color="rgb").run(img, trimap)
    assert alpha.shape == (height, width)
    assert alpha.dtype == np.float32
    assert (alpha[trimap == 0] == 0).all()
    assert (alpha[trimap == 255] == 1).all()
    unknown = unknown_pixels(trimap)
    assert_within(alpha[unknown], plans.expected(name, img, trimap)[unknown], tolerance.max_abs)


@pytest.mark.parametrize("tolerance", TOLERANCES, ids=lambda t: t.precision)
@pytest.mark.parametrize("unpool", UNPOOL)
def test_trained_weights_keep_their_quality(plans: Plans, unpool: str, tolerance: Tolerance) -> None:
    """On drawn scenes with the truth: the change of alpha, and of its error."""
    engine = Engine(plans.plan(SHIPPED, tolerance.precision, unpool), color="rgb")
    reference = Engine(plans.reference(), device="cpu", color="rgb")
    changes, errors = [], []
    for number, (family, size) in enumerate(SCENES):
        scene = draw_scene(np.random.default_rng((7, number)), size, family)
        ours, theirs = (one.run(scene.image, scene.trimap) for one in (engine, reference))
        assert np.isfinite(ours).all()
        changes.append(np.abs(ours - theirs)[unknown_pixels(scene.trimap)])
        errors.append([sad(alpha, scene.alpha, scene.trimap) for alpha in (ours, theirs)])
    change, (ours_sad, theirs_sad) = np.concatenate(changes), np.sum(errors, axis=0)
    assert change.mean(dtype=np.float64) <= tolerance.mean_abs
    assert abs(ours_sad / theirs_sad - 1) <= tolerance.sad_change
    if tolerance.max_abs is not None:
        assert change.max() <= tolerance.max_abs


@pytest.mark.parametrize("name", CONFIGS)
def test_plugin_and_native_unpooling_agree(plans: Plans, name: str) -> None:
    img, trimap = clear_picture(name, *ONE_SIZE)
    plugin, native = (Engine(plans.plan(name, "fp32", unpool), color="rgb").run(img, trimap) for unpool in UNPOOL)
    assert_within(plugin, native, 2e-4)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_most_convolutions_have_the_precision_asked_for(plans: Plans, precision: str) -> None:
    header = json.loads(_core.read_plan_header(str(plans.plan(SHIPPED, precision))))
    counts = header["tensorrt"]["convolutions"]
    if not counts:
        pytest.skip("this TensorRT does not say in which precision its convolutions compute")
    assert counts.get(precision, 0) * 2 >= sum(counts.values()), counts
