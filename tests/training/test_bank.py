"""Batches from a bank of drawn layers: a function of seed and number, whoever draws and combines."""

import contextlib
import itertools
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from training import model as model_module
from training.checkpoints import load_checkpoint
from training.configs import lite
from training.data import bank as bank_module
from training.data import ring as ring_module
from training.data.bank import FILE, OnDevice, Pictures, Request, SceneBank, made_on_device, make, normalised, offsets
from training.data.loader import batches
from training.data.painters import Painters
from training.data.placing import SCALES, least_side, place, see
from training.data.preprocess import network_input
from training.data.ring import EMPTY, Ring
from training.data.samples import DataError
from training.model import ModelConfig
from training.parallel import Processes
from training.scenes.families import FAMILIES, likely_families
from training.scenes.painting import POINTS, Painting, edges, paint
from training.settings import Settings
from training.train import main

CROP, LAYERS, FRESH = 32, 5, 0.5
CPU = torch.device("cpu")


def quick(seed, number, side):
    """A painting that takes no time: a soft disc in a color of its own."""
    rng = np.random.default_rng((*seed, number))
    y, x = np.mgrid[:side, :side]
    alpha = np.clip((side / 3 - np.hypot(y - side / 2, x - side / 2)) / 6 + 0.5, 0, 1)
    layer = (255 * alpha[..., None] * [*rng.uniform(0, 1, 3), 1] + 0.5).astype(np.uint8)
    found = edges(layer[..., 3])
    points = found[rng.integers(len(found), size=POINTS)].astype(np.int16)
    return Painting(int(rng.integers(len(FAMILIES))), layer, points, rng.integers(0, 256, (side, side, 4), np.uint8))


@pytest.fixture(autouse=True)
def quick_painting(monkeypatch):
    monkeypatch.setattr(ring_module, "paint", quick)
    monkeypatch.setattr(bank_module.os, "cpu_count", lambda: 2)


@pytest.fixture
def open_ring():
    with contextlib.ExitStack() as stack:
        yield lambda path, seed, slots, side: stack.enter_context(contextlib.closing(Ring(path, seed, slots, side)))


def bank(folder):
    return SceneBank(CROP, LAYERS, FRESH, folder)


def take(folder, count, **arguments):
    found = batches(bank(folder), 4, **{"seed": 3, **arguments})
    try:
        return list(itertools.islice(found, count))
    finally:
        found.close()


def same(first, second):
    return all(
        torch.equal(a, b) for one, other in zip(first, second, strict=True) for a, b in zip(one, other, strict=True)
    )


def test_a_painting():
    family, layer, points, texture = paint((3,), 4, 40)
    assert 0 <= family < len(FAMILIES)
    assert layer.shape == texture.shape == (40, 40, 4)
    assert points.shape == (POINTS, 2)
    assert (layer[..., :3] <= layer[..., 3:]).mean() > 0.99  # premultiplied
    again, other = paint((3,), 4, 40), paint((3,), 5, 40)
    assert all(np.array_equal(a, b) for a, b in zip(again, (family, layer, points, texture), strict=True))
    assert not np.array_equal(other.layer, layer)


def test_batches_depend_on_seed_and_number_only(tmp_path):
    whole = take(tmp_path / "a", 9)
    assert same(take(tmp_path / "a", 5, first=4), whole[4:])  # goes on in the same file
    assert same(take(tmp_path / "a", 3), whole[:3])  # and from the beginning: what was dropped is drawn again
    assert same(take(tmp_path / "b", 9, workers=2), whole)
    assert same(take(tmp_path / "c", 6, first=3, workers=1), whole[3:])
    assert not same(take(tmp_path / "d", 1, seed=4), whole[:1])
    inputs = [one for batch in whole for one in batch.input]
    assert not any(torch.equal(a, b) for a, b in itertools.combinations(inputs, 2))


def test_what_a_batch_is(tmp_path):
    for batch in take(tmp_path, 4):
        assert batch.input.shape == (4, 4, CROP, CROP)
        assert batch.alpha.shape == batch.unknown.shape == (4, 1, CROP, CROP)
        assert batch.foreground.shape == batch.background.shape == (4, 3, CROP, CROP)
        assert batch.unknown.dtype == torch.bool
        assert batch.unknown.flatten(1).any(1).all()
        assert (batch.alpha[~batch.unknown] % 1 == 0).all()
        assert torch.equal(batch.input[:, 3:][~batch.unknown], batch.alpha[~batch.unknown])
        assert not any(part.requires_grad for part in batch)


def test_normalised_is_the_networks_input():
    rng = np.random.default_rng(0)
    image, trimap = rng.integers(0, 256, (32, 64, 3), np.uint8), rng.choice(np.uint8([0, 128, 255]), (32, 64))
    planes = normalised(
        torch.from_numpy(image.transpose(2, 0, 1).astype(np.float32))[None], torch.from_numpy(trimap)[None, None]
    )
    np.testing.assert_allclose(planes[0].numpy(), network_input(image, trimap), rtol=1e-5, atol=1e-6)


def test_the_window_moves_on(tmp_path, open_ring):
    source = bank(tmp_path)
    assert [source.first(number, 4) for number in range(4)] == [0, 2, 4, 6]
    take(tmp_path, 3)
    ring = open_ring(tmp_path / FILE, (3, 0), *sizes(tmp_path))
    assert ring.holds_all(4, 4 + LAYERS)


def sizes(folder):
    """Slots and side of the file that is there."""
    source = bank(folder)
    ahead = max(LAYERS // 8, int(bank_module.AHEAD_BATCHES * 4 * FRESH) + 1)
    return LAYERS + ahead, source.side


def test_a_resumed_run_has_its_layers_at_once(tmp_path, monkeypatch, open_ring):
    whole = take(tmp_path, 6)
    drawn = []
    monkeypatch.setattr(ring_module, "paint", lambda *given: drawn.append(given[1]) or quick(*given))
    assert same(take(tmp_path, 2, first=4), whole[4:])
    assert drawn == []
    slots = sizes(tmp_path)[0]
    ring = open_ring(tmp_path / FILE, (3, 0), *sizes(tmp_path))
    ring.layers[9 % slots] = 0
    ring.numbers[9 % slots] = EMPTY  # as one that was being written when the run was killed
    ring.close()
    assert same(take(tmp_path, 2, first=4), whole[4:])
    assert drawn == [9]


def test_other_code_other_layers(tmp_path, monkeypatch, open_ring):
    take(tmp_path, 1)
    monkeypatch.setattr(ring_module, "version", lambda: "newer")
    ring = open_ring(tmp_path / FILE, (3, 0), *sizes(tmp_path))
    assert (ring.numbers == EMPTY).all()


def test_a_slot_is_overwritten_only_when_nobody_needs_it(tmp_path, open_ring):
    ring = open_ring(tmp_path / "ring", (0,), slots=4, side=48)
    ring.oldest[0] = 3
    assert [ring.free(number) for number in (5, 6, 7)] == [True, True, False]


def test_a_ring_that_cannot_be(tmp_path, open_ring):
    path = tmp_path / "ring"
    first = open_ring(path, (0,), slots=2, side=48)
    with pytest.raises(DataError, match="ring: another run uses it; give each run a folder of its own"):
        Ring(path, (0,), slots=2, side=48)
    first.close()
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(DataError, match="notes: in the way of drawn layers, and none of ours"):
        Ring(tmp_path / "notes", (0,), slots=2, side=48)
    assert (tmp_path / "notes").read_text() == "mine"
    with pytest.raises(DataError, match=r"cannot keep drawn layers there .*; they take 0 MB"):
        Ring(tmp_path / "notes" / "ring", (0,), slots=2, side=48)


def test_full_disk(tmp_path):
    resource = pytest.importorskip("resource")
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(DataError, match=r"ring: cannot keep drawn layers there \(File too large\)"):
            Ring(tmp_path / "ring", (0,), slots=9, side=48)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert not (tmp_path / "ring").exists()


def test_a_painter_that_ends_stops_the_run(tmp_path, open_ring):
    ring = open_ring(tmp_path / "ring", (0,), slots=4, side=48)
    painters = Painters(ring, 1)
    painters.start(0, 3, cores=1)
    os.kill(painters.processes[0].pid, signal.SIGKILL)
    with pytest.raises(DataError, match=r"a process that draws layers ended \(exit code -9\)"):
        painters.wait(0, 9)
    painters.stop()


def test_painters_end_with_who_started_them(tmp_path, open_ring):
    ring = open_ring(tmp_path / "ring", (0,), slots=4, side=48)
    child = os.fork()
    if child == 0:
        painters = Painters(ring, 1)
        painters.start(0, 3, cores=1)
        ring.oldest[0] = painters.processes[0].pid  # tells who it is
        os._exit(0)
    os.waitpid(child, 0)
    painter, end = int(ring.oldest[0]), time.monotonic() + 20
    while Path(f"/proc/{painter}/exe").exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not Path(f"/proc/{painter}/exe").exists()


def test_hard_examples_choose_layers(tmp_path, open_ring):
    ring = open_ring(tmp_path / "ring", (1,), slots=60, side=least_side(CROP))
    for number in range(60):
        ring.paint(number)
    pictures = Pictures(*map(torch.from_numpy, (ring.layers, ring.textures)), ring.families, ring.points)
    usual, wanted = likely_families(), likely_families().copy()
    wanted[3] *= 50
    share = [
        (make(pictures, Request(0, 64, (1,), 0, 60, likely / likely.sum()), CROP).kind == 3).float().mean().item()
        for likely in (usual, wanted)
    ]
    assert share[1] > 0.5 > share[0]


def test_processes_have_banks_of_their_own(tmp_path):
    first, second = (take(tmp_path, 1, processes=Processes(rank, 2))[0] for rank in range(2))
    assert len(first.alpha) == len(second.alpha) == 2
    assert not torch.equal(first.input, second.input)
    assert {path.name for path in tmp_path.iterdir()} == {FILE, f"1-{FILE}"}


def test_exact_crops_are_the_pictures_pixels():
    rng, side = np.random.default_rng(0), least_side(CROP)
    pictures = torch.from_numpy(rng.integers(0, 256, (3, side, side, 4), np.uint8))
    points = rng.integers(side, size=(90, 2)).astype(np.int16)
    places = place(rng, 90, side, CROP, points, rng.uniform(-8, 8, (90, 2)))
    index = rng.integers(3, size=90)
    crops = (see(pictures, index, places, CROP) * 255).round().to(torch.uint8)
    orientations = set()
    for n in np.flatnonzero(places.exact):
        top, left = (int(v) for v in places.centre[n] - (CROP - 1) / 2)
        window = pictures[index[n], top : top + CROP, left : left + CROP].permute(2, 0, 1)
        views = [torch.rot90(view, turns, (1, 2)) for view in (window, window.flip(2)) for turns in range(4)]
        fits = [k for k, view in enumerate(views) if torch.equal(view, crops[n])]
        assert len(fits) == 1
        orientations.add(fits[0])
    assert len(orientations) == 8


def test_crops_show_their_point_and_nothing_beyond():
    rng, side, count = np.random.default_rng(1), 2 * CROP + 32, 500
    points = rng.integers(side, size=(count, 2)).astype(np.int16)
    picture = torch.zeros((count, side, side, 4), dtype=torch.uint8)
    for n, (row, column) in enumerate(points):
        picture[n, max(0, row - 1) : row + 2, max(0, column - 1) : column + 2] = 255
    radii = np.exp(rng.uniform(0, 3.6, (2, count))).astype(np.float32)
    places = place(rng, count, side, CROP, points, offsets(rng, radii, CROP))
    assert (see(picture, np.arange(count), places, CROP).flatten(1).amax(1) > 0.2).all()
    reach = np.abs(places.matrix).sum(2) * (CROP - 1) / 2
    assert (places.centre - reach > -1e-6).all()
    assert (places.centre + reach < side - 1 + 1e-6).all()
    scales = np.sqrt(np.abs(np.linalg.det(places.matrix)))
    assert 0.4 < places.exact.mean() < 0.6
    assert scales.min() > SCALES[0] - 1e-6
    assert scales.max() < SCALES[1] + 1e-6


def test_resampling_is_bilinear():
    side = least_side(CROP)
    y, x = np.mgrid[:side, :side]
    picture = torch.from_numpy(np.stack([y, x, y + x, 0 * x], -1).astype(np.uint8))[None]  # linear: exact in between
    rng = np.random.default_rng(2)
    places = place(rng, 8, side, CROP, np.full((8, 2), side // 2, np.int16), np.zeros((8, 2)))
    at = (np.mgrid[:CROP, :CROP] - (CROP - 1) / 2).transpose(1, 2, 0)
    row, column = np.einsum("nij,yxj->inyx", places.matrix, at) + places.centre.T[:, :, None, None]
    seen = see(picture, np.zeros(8, np.int64), places, CROP).numpy() * 255
    np.testing.assert_allclose(seen[:, 0], row, atol=1e-3)
    np.testing.assert_allclose(seen[:, 1], column, atol=1e-3)


def test_made_on_a_device_is_the_same(tmp_path, open_ring):
    """What a GPU does, on the CPU: the ring's copy, and one batch ahead."""
    whole = take(tmp_path / "a", 5)
    source, ring = bank(tmp_path), open_ring(tmp_path / "ring", (3, 0), *sizes(tmp_path))
    asked = []

    def requests():
        for number in range(6):
            start = source.first(number, 4)
            ring.oldest[0] = start
            for painted in range(start, start + LAYERS):
                ring.paint(painted)
            asked.append(number)
            yield Request(number, 4, (3, 0), start, LAYERS, source.weights)

    made = made_on_device(ring, CROP, requests(), CPU)
    first = next(made)
    assert asked == [0, 1]
    assert same([first, *made], whole)


def test_only_new_layers_go_to_the_device(tmp_path, open_ring):
    ring = open_ring(tmp_path / "ring", (0,), slots=4, side=48)
    for number in range(4):
        ring.paint(number)
    held = OnDevice(ring, CPU)
    held.load(0, 3)
    assert torch.equal(held.pictures.layers[:3], torch.from_numpy(ring.layers[:3]))
    ring.layers[1] = 9  # not a new number: not copied again
    ring.oldest[0] = 1
    ring.paint(4)
    held.load(1, 5)
    assert not torch.equal(held.pictures.layers[1], torch.from_numpy(ring.layers[1]))
    assert torch.equal(held.pictures.layers[0], torch.from_numpy(ring.layers[0]))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_run_resumes_to_the_bit(tmp_path, monkeypatch, workers):
    monkeypatch.setitem(model_module.CONFIGS, "tiny", ModelConfig(width=0.0625, norm="batch", skip=True))
    settings = Settings("tiny", crop_size=32, batch=2, learning_rate=1e-3, warmup_steps=3, bank=LAYERS)
    monkeypatch.setattr(lite, "SETTINGS", settings)
    options = [
        "--config",
        "lite",
        "--steps",
        "6",
        "--threads",
        "1",
        "--hard",
        "--workers",
        str(workers),
        "--device",
        "cpu",
    ]
    main([*options, "--out", str(tmp_path / "whole")])
    main([*options, "--out", str(tmp_path / "parts"), "--stop-at", "3"])
    main([*options, "--out", str(tmp_path / "parts"), "--resume"])
    whole, parts = (load_checkpoint(tmp_path / name / "last.pt")["model"] for name in ("whole", "parts"))
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())
    assert (tmp_path / "whole" / FILE).exists()
    main([*options[:-2], "--out", str(tmp_path / "fresh"), "--bank", "0"])
    assert not (tmp_path / "fresh" / FILE).exists()
