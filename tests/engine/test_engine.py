"""The engine's answer is PyTorch's answer; arrays of every kind; many threads; damaged plans."""

import functools
import gc
import threading
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

import dim_trt
from dim_trt import _core
from tests.support.compare import assert_as_accurate, assert_within, max_error
from tests.support.exports import exported_network
from tests.support.networks import alpha_of, input_tensor, random_network, random_picture
from tests.support.plans import core_engine
from tests.support.seeds import SeedCase, seed_of
from training.model import CONFIGS, ModelConfig

# One table: what a backend at a precision may differ from its float32 reference (max abs on unknown pixels).
TOLERANCES = [("cpu", "fp32", 1e-4)]

SMALL = ModelConfig(width=1 / 8)
MODELS = {
    "full": CONFIGS["full"],
    "lite": CONFIGS["lite"],
    "conv6 3x3": replace(SMALL, conv6="3x3x512"),
    "conv6 7x7": replace(SMALL, conv6="7x7x4096"),
    "skip": replace(SMALL, skip=True),
    "no refiner": replace(SMALL, refine=False),
    "clip": replace(SMALL, output="clip"),
    "batch norm": replace(SMALL, norm="batch"),
    "odd channels": replace(SMALL, width=0.11),
}
# (model, height, width): sizes with odd sides, thin ones, a multiple of 32, a large one
CASES = [
    ("full", 33, 57),
    ("full", 1, 1),
    ("full", 97, 131),
    ("full", 96, 64),
    ("full", 7, 301),
    ("full", 359, 29),
    ("lite", 33, 57),
    ("lite", 1, 1),
    ("lite", 161, 243),
    ("lite", 96, 64),
    ("lite", 7, 301),
    ("lite", 389, 421),
    ("conv6 3x3", 61, 97),
    ("conv6 7x7", 61, 97),
    ("skip", 61, 97),
    ("no refiner", 61, 97),
    ("clip", 61, 97),
    ("batch norm", 61, 97),
    ("odd channels", 61, 97),
]
FLAT = ["lite", "no refiner"]  # models that see a picture in a few flat parts
MIN_TIE_MARGIN = 3e-7


def flat_picture(seed):
    rng = np.random.default_rng(seed)
    img = np.kron(rng.integers(0, 256, (3, 4, 3), dtype=np.uint8), np.ones((83, 67, 1), np.uint8))[:231, :251]
    trimap = np.full(img.shape[:2], 128, np.uint8)
    trimap[:, :9] = 0
    return img, trimap


def seed_case(key, name, picture):
    random = functools.lru_cache(maxsize=1)(random_network)
    return SeedCase(key, MIN_TIE_MARGIN, lambda seed: (random(MODELS[name], 0), [input_tensor(*picture(seed))]))


SEED_CASES = [
    *(
        seed_case(
            f"engine {name} {height}x{width}", name, functools.partial(random_picture, height=height, width=width)
        )
        for name, height, width in CASES
    ),
    *(seed_case(f"engine {name} flat", name, flat_picture) for name in FLAT),
]


class Network:
    """A random network, exported and built."""

    def __init__(self, config: ModelConfig, folder: Path):
        made = exported_network(folder, config)
        self.model, self.onnx, self.plan = made.model, made.onnx, made.plan
        self.engine = dim_trt.Engine(self.plan, color="rgb")

    def onnxruntime(self, img, trimap):
        session = onnxruntime.InferenceSession(self.onnx, providers=["CPUExecutionProvider"])
        alpha = session.run(None, {"input": input_tensor(img, trimap).numpy()})[0]
        return alpha[0, 0, : trimap.shape[0], : trimap.shape[1]]


@pytest.fixture(scope="module")
def network(session_folder):
    made: dict[str, Network] = {}

    def get(name: str) -> Network:
        if name not in made:
            made.clear()  # one at a time: the full model is large
            made[name] = Network(MODELS[name], session_folder)
        return made[name]

    return get


def unknown(trimap):
    return (trimap != 0) & (trimap != 255)


def assert_known_exact(alpha, trimap):
    assert (alpha[trimap == 0] == 0).all()
    assert (alpha[trimap == 255] == 1).all()


@pytest.mark.parametrize(("backend", "precision", "tolerance"), TOLERANCES)
@pytest.mark.parametrize(("name", "height", "width"), CASES, ids=lambda v: str(v))
def test_engine_and_onnxruntime_match_pytorch(network, name, height, width, backend, precision, tolerance):
    net = network(name)
    assert (net.engine.info["backend"], net.engine.info["precision"]) == (backend, precision)
    img, trimap = random_picture(seed_of(f"engine {name} {height}x{width}"), height, width)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "trimap: no pixel is known")  # a single pixel has to be unknown
        alpha = net.engine.run(img, trimap)
    assert alpha.shape == (height, width)
    assert alpha.dtype == np.float32
    assert_known_exact(alpha, trimap)
    u = unknown(trimap)
    expected = alpha_of(net.model, img, trimap)
    assert u.sum() == 1 or expected[u].std() > 0.05, "the network says the same everywhere"
    assert_within(alpha[u], expected[u], tolerance, "engine")
    assert_within(net.onnxruntime(img, trimap)[u], expected[u], tolerance, "ONNX Runtime")
    reference = alpha_of(net.model, img, trimap, torch.float64)
    if u.sum() > 1:  # a mean of one error says nothing
        assert_as_accurate(alpha[u], expected[u], reference[u], "engine against float64")


def test_logits_of_the_test_networks_are_of_order_one(network):
    img, trimap = random_picture(3, 65, 97)
    logits = torch.logit(torch.from_numpy(alpha_of(network("lite").model, img, trimap))[unknown(trimap)])
    assert 0.3 < float(logits.std()) < 3


def single(height, width, y, x):
    trimap = np.zeros((height, width), np.uint8)
    trimap[y, x] = 128
    return trimap


def ring(height, width):
    trimap = np.full((height, width), 77, np.uint8)
    trimap[1:-1, 1:-1] = 255
    return trimap


def diagonal(height, width):
    trimap = np.tri(height, width, dtype=np.uint8) * 255
    trimap[np.arange(height), np.arange(height) % width] = 9
    return trimap


@pytest.mark.parametrize("model", ["skip", "no refiner"])
@pytest.mark.parametrize(
    "trimap",
    [single(61, 151, 0, 0), single(61, 151, 60, 150), single(61, 151, 30, 77), ring(61, 151), diagonal(61, 151)],
    ids=["upper left", "lower right", "middle", "ring", "diagonal"],
)
def test_computing_only_what_unknown_pixels_need_changes_nothing(network, model, trimap):
    net = network(model)
    rng = np.random.default_rng(0)
    img = rng.integers(0, 256, (*trimap.shape, 3), dtype=np.uint8)
    warm = np.full(trimap.shape, 128, np.uint8)
    warm[0, 0] = 0
    fresh = net.engine.run(img, trimap)
    net.engine.run(img[::-1], warm)  # leaves other numbers everywhere in the workspace
    np.testing.assert_array_equal(net.engine.run(img, trimap), fresh)
    assert_within(fresh, alpha_of(net.model, img, trimap), 1e-4)
    assert_known_exact(fresh, trimap)


@pytest.mark.parametrize("model", ["skip", "no refiner", "conv6 3x3", "batch norm"])
@pytest.mark.parametrize(("height", "width"), [(161, 35), (131, 203), (33, 57)])
def test_strips_change_nothing(network, model, height, width):
    plan = str(network(model).plan)
    whole, strips = (core_engine(plan, threads=2, strip_bytes=bytes_) for bytes_ in (1 << 40, 1))
    img, trimap = random_picture(13, height, width)
    for picture in (img, img[::-1]):  # twice: the second run meets the first one's numbers
        np.testing.assert_array_equal(strips.run(picture, trimap), whole.run(picture, trimap))


@pytest.mark.parametrize("model", FLAT)
def test_flat_pictures_pool_as_pytorch_pools_them(network, model):
    """Where nothing changes all values of a pooling window are equal, and the first must win as in PyTorch."""
    net = network(model)
    img, trimap = flat_picture(seed_of(f"engine {model} flat"))
    assert_within(net.engine.run(img, trimap), alpha_of(net.model, img, trimap), 1e-4)


# ------------------------------------------------------------------------------------------------------------- arrays


@pytest.fixture(scope="module")
def lite(network):
    return network("skip").plan


def test_any_memory_order_gives_the_same_alpha(lite):
    engine = dim_trt.Engine(lite)
    img, trimap = random_picture(5, 41, 67)
    expected = engine.run(img, trimap)
    wide = np.zeros((82, 134, 4), np.uint8)
    wide[::2, ::2, :3] = img
    readonly = img.copy()
    readonly.setflags(write=False)
    for view in (np.asfortranarray(img), wide[::2, ::2, :3], img[::-1].copy()[::-1], readonly):
        np.testing.assert_array_equal(engine.run(view, np.asfortranarray(trimap)), expected)


def test_color_order_is_what_the_engine_was_told(lite):
    img, trimap = random_picture(6, 33, 45)
    bgr = dim_trt.Engine(lite, color="bgr").run(img, trimap)
    rgb = dim_trt.Engine(lite, color="rgb").run(np.ascontiguousarray(img[:, :, ::-1]), trimap)
    np.testing.assert_array_equal(bgr, rgb)
    assert max_error(bgr, dim_trt.Engine(lite, color="rgb").run(img, trimap)) > 1e-4


def test_out_is_filled_and_returned(lite):
    engine = dim_trt.Engine(lite)
    img, trimap = random_picture(7, 35, 53)
    expected = engine.run(img, trimap)
    out = np.full((35, 53), np.nan, np.float32)
    assert engine.run(img, trimap, out=out) is out
    np.testing.assert_array_equal(out, expected)
    around = np.full((37, 110), 7, np.float32)
    engine.run(img, trimap, out=around[1:36, 2:108:2])
    np.testing.assert_array_equal(around[1:36, 2:108:2], expected)
    around[1:36, 2:108:2] = 7
    assert (around == 7).all(), "wrote beside out"


def test_all_known_needs_no_network_and_all_unknown_warns_once(lite):
    engine = dim_trt.Engine(lite)
    img, _ = random_picture(8, 29, 31)
    trimap = (np.indices((29, 31)).sum(0) % 2 * 255).astype(np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(engine.run(img, trimap), trimap / np.float32(255))
    with pytest.warns(UserWarning, match="trimap: no pixel is known"):
        alpha = engine.run(img, np.full((29, 31), 128, np.uint8))
    assert ((alpha > 0) & (alpha < 1)).all()


IMG = np.zeros((5, 7, 3), np.uint8)
TRIMAP = np.full((5, 7), 128, np.uint8)


@pytest.mark.parametrize(
    ("img", "trimap", "message"),
    [
        (IMG.astype(np.float32), TRIMAP, r"img: expected dtype uint8, got float32"),
        (np.full_like(IMG, np.nan, np.float64), TRIMAP, r"img: expected dtype uint8, got float64"),
        (IMG.astype(np.int8), TRIMAP, r"img: expected dtype uint8, got int8"),
        (IMG[:, :, 0], TRIMAP, r"img: expected shape \(height, width, 3\), got \(5, 7\)"),
        (np.zeros((5, 7, 4), np.uint8), TRIMAP, r"img: expected shape \(height, width, 3\), got \(5, 7, 4\)"),
        (np.zeros((0, 7, 3), np.uint8), TRIMAP, r"img: expected height and width of at least 1"),
        ([[1, 2, 3]], TRIMAP, r"img: expected a numpy array, got list"),
        (None, TRIMAP, r"img: expected a numpy array, got None, which cv2.imread returns .* check the path"),
        (IMG, TRIMAP.astype(np.float32), r"trimap: expected dtype uint8, got float32"),
        (IMG, TRIMAP.astype(bool), r"trimap: expected dtype uint8, got bool"),
        (IMG, IMG, r"trimap: expected shape \(height, width\), got \(5, 7, 3\)"),
        (IMG, TRIMAP[:, :0], r"trimap: expected height and width of at least 1"),
        (IMG, TRIMAP.T, r"trimap: expected the image's size, 7x5 px, got 5x7 px"),
        (IMG, None, r"trimap: expected a numpy array, got None, which cv2.imread returns .* check the path"),
    ],
)
def test_wrong_arrays_are_named(lite, img, trimap, message):
    with pytest.raises(dim_trt.InvalidInput, match=message):
        dim_trt.Engine(lite).run(img, trimap)


def test_wrong_out_is_named_and_untouched(lite):
    engine = dim_trt.Engine(lite)
    readonly = np.zeros((5, 7), np.float32)
    readonly.setflags(write=False)
    shared = np.zeros(5 * 7 * 4, np.uint8)
    cases = [
        (np.zeros((5, 7)), "out: expected dtype float32, got float64"),
        (np.zeros((7, 5), np.float32), r"out: expected shape \(5, 7\) as img, got \(7, 5\)"),
        (readonly, "out: expected a writeable array"),
        (np.frombuffer(bytearray(141), np.float32, 35, offset=1).reshape(5, 7), "out: expected an aligned array"),
        (shared.view(np.float32).reshape(5, 7), "out: expected memory of its own"),
        ([0.0], "out: expected a numpy array, got list"),
    ]
    for out, message in cases:
        with pytest.raises(dim_trt.InvalidInput, match=message):
            engine.run(IMG, shared[:35].reshape(5, 7), out=out)
    assert not readonly.any()


def test_profile_names_every_step(lite):
    steps = dim_trt.Engine(lite).profile(*random_picture(12, 35, 47))
    names = [name for name, _ in steps]
    assert names[:2] == ["regions", "preprocess"]
    assert names[-1] == "postprocess"
    assert [f"deconv{k}" for k in range(6, 0, -1)] == [name for name in names if name.startswith("deconv")]
    assert all(ms >= 0 for _, ms in steps)


# ------------------------------------------------------------------------------------------------- threads and memory


def test_one_engine_serves_many_threads(lite):
    engine = dim_trt.Engine(lite, threads=2)
    pictures = [random_picture(seed, 40 + 9 * seed, 90 - 7 * seed) for seed in range(6)]
    expected = [engine.run(*picture) for picture in pictures]
    mismatches: list[int] = []

    def work(offset: int) -> None:
        for i in range(12):
            which = (i + offset) % len(pictures)
            if not np.array_equal(engine.run(*pictures[which]), expected[which]):
                mismatches.append(which)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not mismatches


def test_the_number_of_threads_changes_nothing(lite):
    img, trimap = random_picture(9, 77, 55)
    one = dim_trt.Engine(lite, threads=1)
    assert one.info["threads"] == 1
    np.testing.assert_array_equal(dim_trt.Engine(lite, threads=3).run(img, trimap), one.run(img, trimap))


def resident_kib() -> int:
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


@pytest.mark.measures
def test_memory_stays_flat(lite):
    engine = dim_trt.Engine(lite, threads=1)
    img, trimap = random_picture(10, 65, 97)
    for _ in range(20):
        engine.run(img, trimap)
    gc.collect()
    before = resident_kib()
    for _ in range(400):
        engine.run(img, trimap)
    assert resident_kib() - before < 2048


@pytest.mark.parametrize("isa", _core.cpu_capabilities()["available_isas"])
def test_every_instruction_set_runs_the_network(lite, isa, monkeypatch):
    img, trimap = random_picture(11, 37, 59)
    expected = dim_trt.Engine(lite).run(img, trimap)
    monkeypatch.setenv("DIM_TRT_ISA", isa)
    engine = dim_trt.Engine(lite)
    assert engine.info["isa"] == isa
    assert_within(engine.run(img, trimap), expected, 1e-5)


def test_an_instruction_set_that_is_not_there_is_refused(lite, monkeypatch):
    monkeypatch.setenv("DIM_TRT_ISA", "avx1024")
    with pytest.raises(dim_trt.BackendUnavailable, match=r"avx1024.*scalar, baseline"):
        dim_trt.Engine(lite)
