import pytest
import torch

from training.losses import EPSILON, alpha_loss, composition_loss, matting_loss


def sample(dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    predicted, alpha = (torch.rand(2, 1, 5, 7, generator=generator, dtype=dtype) for _ in range(2))
    foreground, background = (torch.rand(2, 3, 5, 7, generator=generator, dtype=dtype) for _ in range(2))
    unknown = torch.rand(2, 1, 5, 7, generator=generator) < 0.4
    return predicted.requires_grad_(), alpha, foreground, background, unknown


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
def test_gradients(weight):
    predicted, *truth = sample()
    assert torch.autograd.gradcheck(lambda p: matting_loss(p, *truth, weight=weight), (predicted,))


def test_values_against_the_definition():
    predicted, alpha, foreground, background, unknown = (part.detach() for part in sample())
    expected_alpha, expected_colour = 0.0, 0.0
    for n, _, y, x in unknown.nonzero().tolist():
        error = float((predicted - alpha)[n, 0, y, x])
        expected_alpha += (error**2 + EPSILON**2) ** 0.5
        for c in range(3):
            difference = float(foreground[n, c, y, x] - background[n, c, y, x])
            expected_colour += ((error * difference) ** 2 + EPSILON**2) ** 0.5 / 3
    count = int(unknown.sum())
    assert alpha_loss(predicted, alpha, unknown).item() == pytest.approx(expected_alpha / count, rel=1e-12)
    colour = composition_loss(predicted, alpha, foreground, background, unknown)
    assert colour.item() == pytest.approx(expected_colour / count, rel=1e-12)


def test_known_pixels_do_not_count():
    predicted, *truth = sample()
    matting_loss(predicted, *truth).backward()
    unknown = truth[-1]
    assert (predicted.grad[~unknown] == 0).all()
    assert (predicted.grad[unknown] != 0).all()


def test_no_unknown_pixel_gives_zero_and_zero_gradient():
    predicted, alpha, foreground, background, unknown = sample(torch.float32)
    loss = matting_loss(predicted, alpha, foreground, background, torch.zeros_like(unknown))
    loss.backward()
    assert loss.item() == 0
    assert (predicted.grad == 0).all()


def test_perfect_prediction_has_a_finite_gradient():
    _, alpha, foreground, background, unknown = sample(torch.float32)
    predicted = alpha.clone().requires_grad_()
    loss = matting_loss(predicted, alpha, foreground, background, unknown)
    loss.backward()
    assert loss.item() == pytest.approx(EPSILON, rel=1e-3)
    assert torch.isfinite(predicted.grad).all()
