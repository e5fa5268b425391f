"""Loss terms: what they must ignore and what they must see."""

import pytest
import torch

from ganreg.register import losses
from ganreg.segment.losses import soft_dice_loss


@pytest.fixture
def image():
    return torch.nn.functional.avg_pool3d(torch.randn(1, 1, 18, 18, 18, generator=torch.Generator().manual_seed(0)), 3)


def test_mind_ignores_gain_offset_and_inversion(image):
    torch.testing.assert_close(losses.mind(image), losses.mind(5 - 3 * image), atol=1e-4, rtol=0)


def test_mind_is_between_0_and_1_with_twelve_channels(image):
    descriptor = losses.mind(image)
    assert descriptor.shape == (1, 12, 6, 6, 6)
    assert descriptor.min() >= 0
    assert descriptor.max() == 1


@pytest.mark.parametrize("name", ["mind", "mi", "ncc", "mse"])
def test_similarity_prefers_the_aligned_image_and_has_a_finite_gradient(name):
    generator = torch.Generator().manual_seed(1)
    fixed = torch.nn.functional.avg_pool3d(torch.randn(1, 1, 24, 24, 24, generator=generator), 3, 1, 1) * 3 + 4
    shifted = fixed.roll(2, dims=2).requires_grad_()
    mask = torch.ones_like(fixed)
    loss = losses.similarity_loss(name)
    assert loss(fixed, fixed, mask) < loss(shifted, fixed, mask)
    loss(shifted, fixed, mask).backward()
    assert shifted.grad.isfinite().all()
    assert shifted.grad.abs().max() > 0


def test_mind_is_finite_on_an_empty_image():
    empty = torch.zeros(1, 1, 8, 8, 8, requires_grad=True)
    losses.mind(empty).sum().backward()
    assert empty.grad.isfinite().all()


def ramp(slope):
    axis = torch.arange(8.0) * slope
    return axis.view(1, 1, 8, 1, 1).expand(1, 3, 8, 8, 8)


def test_diffusion_of_a_ramp_is_its_slope_squared_along_one_of_three_axes():
    torch.testing.assert_close(losses.diffusion(ramp(0.5)), torch.tensor(0.25 / 3))


def test_diffusion_sees_a_checkerboard():
    board = torch.arange(8).float() % 2
    assert losses.diffusion(board.view(1, 1, 8, 1, 1).expand(1, 3, 8, 8, 8)) > 0.3


def test_bending_energy_ignores_a_ramp_and_sees_a_parabola():
    assert losses.bending_energy(ramp(0.5)) == 0
    parabola = (torch.arange(8.0) ** 2).view(1, 1, 8, 1, 1).expand(1, 3, 8, 8, 8)
    torch.testing.assert_close(losses.bending_energy(parabola), torch.tensor(4 / 9))


def test_soft_dice_loss_is_0_for_equal_maps_and_1_for_disjoint_ones():
    first = torch.zeros(1, 2, 4, 4, 4)
    first[:, 0, :2] = 1
    assert soft_dice_loss(first, first) == 0
    second = torch.zeros_like(first)
    second[:, 0, 2:] = 1
    # the structure absent from both does not count
    assert soft_dice_loss(first, second) == 1


def test_soft_dice_loss_of_no_structure_at_all_is_nothing_rather_than_nan():
    nothing = torch.zeros(1, 3, 4, 4, 4, requires_grad=True)
    loss = soft_dice_loss(nothing, nothing.detach())
    assert loss == 0
    loss.backward()
