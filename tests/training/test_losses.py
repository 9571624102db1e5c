import cv2
import numpy as np
import pytest
import torch

from training.losses import EPSILON, alpha_loss, composition_loss, gradient_loss, laplacian_loss, matting_loss

DETAIL_LOSSES = [gradient_loss, laplacian_loss]


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
    expected_alpha, expected_color = 0.0, 0.0
    for n, _, y, x in unknown.nonzero().tolist():
        error = float((predicted - alpha)[n, 0, y, x])
        expected_alpha += (error**2 + EPSILON**2) ** 0.5
        for c in range(3):
            difference = float(foreground[n, c, y, x] - background[n, c, y, x])
            expected_color += ((error * difference) ** 2 + EPSILON**2) ** 0.5 / 3
    count = int(unknown.sum())
    assert alpha_loss(predicted, alpha, unknown).item() == pytest.approx(expected_alpha / count, rel=1e-12)
    color = composition_loss(predicted, alpha, foreground, background, unknown)
    assert color.item() == pytest.approx(expected_color / count, rel=1e-12)


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


def crop(height=32, width=64, dtype=torch.float64, seed=1):
    """Predicted and true alpha and the unknown region: a blob that does not touch the pyramid's grid."""
    generator = torch.Generator().manual_seed(seed)
    predicted, alpha = (torch.rand(2, 1, height, width, generator=generator, dtype=dtype) for _ in range(2))
    unknown = torch.zeros(2, 1, height, width, dtype=torch.bool)
    unknown[0, 0, 5:12, 3:17] = unknown[1, 0, height - 3 :, width - 9 :] = True
    return predicted.requires_grad_(), alpha, unknown


@pytest.mark.parametrize("loss", DETAIL_LOSSES)
def test_gradients_of_detail_losses(loss):
    predicted, alpha, unknown = crop(32, 32)
    values = predicted[unknown].detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda v: loss(alpha.masked_scatter(unknown, v), alpha, unknown), (values,))


@pytest.mark.parametrize("loss", DETAIL_LOSSES)
@pytest.mark.parametrize("size", [(32, 32), (64, 96), (160, 32)])
def test_detail_losses_see_unknown_pixels_only(loss, size):
    predicted, alpha, unknown = crop(*size, torch.float32)
    value = loss(predicted, alpha, unknown)
    value.backward()
    assert value.item() > 0.01
    assert (predicted.grad[~unknown] == 0).all()
    assert (predicted.grad[unknown] != 0).any()
    wrong_where_known = torch.where(unknown, predicted.detach(), 9.0)
    assert loss(wrong_where_known, alpha, unknown).item() == value.item()


@pytest.mark.parametrize("loss", DETAIL_LOSSES)
def test_detail_losses_without_unknown_pixels_and_without_error(loss):
    predicted, alpha, unknown = crop(dtype=torch.float32)
    for target, region in ((alpha, torch.zeros_like(unknown)), (predicted.detach(), unknown)):
        predicted.grad = None
        value = loss(predicted, target, region)
        value.backward()
        assert value.item() < 40 * EPSILON
        assert torch.isfinite(predicted.grad).all()
    assert loss(predicted, alpha, torch.zeros_like(unknown)).item() == 0


def mean_over(error, weight):
    return (np.sqrt(error**2 + EPSILON**2) * weight).sum() / weight.sum()


def test_gradient_loss_against_opencv():
    predicted, alpha, unknown = crop()
    expected = []
    for error, region in zip(
        ((predicted - alpha).detach() * unknown).numpy()[:, 0], unknown.numpy()[:, 0], strict=True
    ):
        for order in ((1, 0), (0, 1)):
            slope = cv2.Sobel(error, cv2.CV_64F, *order, ksize=3, scale=1 / 8, borderType=cv2.BORDER_REPLICATE)
            expected.append(np.sqrt(slope[region] ** 2 + EPSILON**2))
    assert gradient_loss(predicted, alpha, unknown).item() == pytest.approx(np.concatenate(expected).mean(), rel=1e-12)


def test_laplacian_loss_against_a_pyramid_of_both_pictures():
    predicted, alpha, unknown = crop()
    finished = torch.where(unknown, predicted, alpha).detach()
    taps = np.array([1, 3, 3, 1]) / 8
    pyramids = [picture.numpy()[:, 0].transpose(1, 2, 0) for picture in (finished, alpha)]  # [H, W, N]
    share, expected = unknown.numpy()[:, 0].transpose(1, 2, 0).astype(float), 0.0
    for band in range(5):
        bands = []
        for place, picture in enumerate(pyramids):
            wide = cv2.copyMakeBorder(picture, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
            coarse = cv2.sepFilter2D(wide, -1, taps, taps, anchor=(1, 1))[1:-1:2, 1:-1:2]
            larger = cv2.resize(coarse, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
            bands.append(picture - larger.reshape(picture.shape))
            pyramids[place] = coarse.reshape(picture.shape[0] // 2, picture.shape[1] // 2, -1)
        expected += 2**band * mean_over(bands[0] - bands[1], share)
        half = share[::2] + share[1::2]
        share = (half[:, ::2] + half[:, 1::2]) / 4
    assert laplacian_loss(predicted, alpha, unknown).item() == pytest.approx(expected, rel=1e-9)


def test_a_constant_error_has_no_detail():
    alpha = torch.rand(1, 1, 64, 32, dtype=torch.float64)
    everywhere = torch.ones_like(alpha, dtype=torch.bool)
    for loss in DETAIL_LOSSES:
        assert loss(alpha + 0.3, alpha, everywhere).item() < 40 * EPSILON
        assert loss(alpha * 0.5, alpha, everywhere).item() > 0.01
