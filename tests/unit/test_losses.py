"""Loss terms: what they must ignore and what they must answer to."""

import numpy as np
import pytest
import torch
import torch.nn.functional as functional

from ganreg.register import losses, similarity
from ganreg.register.filters import sharpened
from ganreg.segment.losses import soft_dice_loss
from ganreg.spatial import warp


def test_sharpening_adds_what_neighbors_average_away_and_leaves_the_background():
    image = torch.zeros(1, 1, 7, 7, 7)
    image[..., 1:-1, 1:-1, 1:-1] = 2
    image[..., 3, 3, 3] = 4.7
    sharp = sharpened(image, 3)
    assert (sharp[image == 0] == 0).all()
    # of 27 voxels one is 2.7 above the others: the mean is 2.1
    assert float(sharp[..., 3, 3, 3]) == pytest.approx(4.7 + 3 * 2.6)
    assert float(sharp[..., 3, 3, 2]) == pytest.approx(2 - 3 * 0.1)
    assert sharpened(image, 0) is image


def test_settings_know_every_term():
    assert [*similarity.TERMS] == [*similarity.NAMES]


@pytest.mark.parametrize("name", similarity.TERMS)
def test_similarity_prefers_the_aligned_image_and_has_a_finite_gradient(name):
    generator = torch.Generator().manual_seed(1)
    fixed = torch.nn.functional.avg_pool3d(torch.randn(1, 1, 24, 24, 24, generator=generator), 3, 1, 1) * 3 + 4
    shifted = fixed.roll(2, dims=2).requires_grad_()
    mask = torch.ones_like(fixed)
    loss = similarity.TERMS[name](fixed, mask)
    assert loss(fixed) < loss(shifted)
    loss(shifted).backward()
    assert shifted.grad.isfinite().all()
    assert shifted.grad.abs().max() > 0


def test_mutual_information_of_known_histograms():
    # two gray values, half of the voxels each, an eighth of them in the other half of the warped image
    fixed = torch.tensor([2.0] * 8 + [6.0] * 8).view(1, 1, 16, 1, 1)
    mask = torch.ones_like(fixed)
    same = similarity.negative_mutual_information(fixed, mask)
    assert float(same(fixed)) == pytest.approx(-np.log(2), abs=1e-3)
    # whatever contrast
    assert float(same(8 - fixed)) == pytest.approx(-np.log(2), abs=1e-3)
    assert float(same(torch.full_like(fixed, 3.0))) == pytest.approx(0, abs=1e-3)
    mixed = torch.tensor([2.0] * 7 + [6.0] + [6.0] * 7 + [2.0]).view(1, 1, 16, 1, 1)
    expected = np.log(2) + 7 / 8 * np.log(7 / 8) + 1 / 8 * np.log(1 / 8)
    assert float(same(mixed)) == pytest.approx(-expected, abs=1e-3)
    # outside the mask nothing counts
    elsewhere = torch.cat([fixed, torch.rand(1, 1, 16, 1, 1)], dim=3)
    inside = torch.cat([mask, torch.zeros_like(mask)], dim=3)
    found = similarity.negative_mutual_information(elsewhere, inside)(torch.cat([mixed, mixed], dim=3))
    assert float(found) == pytest.approx(-expected, abs=1e-3)


def test_mutual_information_is_that_of_a_histogram_that_shares_warped_voxels_between_two_bins():
    rng = np.random.default_rng(0)
    fixed, warped = rng.uniform(0, 8, (2, 500))
    joint = np.zeros((32, 32))
    for first, second in zip(fixed / 8 * 31, warped / 8 * 31, strict=True):
        joint[round(first), int(second)] += (1 - second % 1) / 500
        joint[round(first), int(second) + 1] += second % 1 / 500
    independent = joint.sum(axis=0) * joint.sum(axis=1, keepdims=True)
    expected = np.sum(joint[joint > 0] * np.log(joint[joint > 0] / independent[joint > 0]))
    fixed, warped = (torch.tensor(each, dtype=torch.float32).view(1, 1, 500, 1, 1) for each in (fixed, warped))
    found = similarity.negative_mutual_information(fixed, torch.ones_like(fixed))(warped)
    assert float(found) == pytest.approx(-expected, abs=1e-4)


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


def test_dice_loss_of_warped_labels_is_that_of_one_hot_volumes_warped_one_by_one():
    generator = torch.Generator().manual_seed(2)
    blocks = torch.randint(0, 7, (1, 1, 5, 5, 5), generator=generator).float()
    moving = functional.interpolate(blocks, scale_factor=3.0).byte()
    origin, structures = (2, 1, 3), torch.tensor([6, 2, 3, 5])
    fixed = moving.roll(1, dims=3)[..., 2:13, 1:15, 3:12]
    # up to half the grid: some places lie outside it
    displacement = (torch.randn(1, 3, *fixed.shape[2:], generator=generator) * 3).requires_grad_()

    def one_hot(labels):
        return (labels == structures.view(1, -1, 1, 1, 1)).float()

    expected = soft_dice_loss(warp.warp(one_hot(moving), displacement, origin=origin), one_hot(fixed))
    found = losses.warped_dice_loss(moving, fixed, displacement, origin, structures)
    torch.testing.assert_close(found, expected)
    gradients = [torch.autograd.grad(loss, displacement)[0] for loss in (found, expected)]
    torch.testing.assert_close(*gradients)


def test_soft_dice_loss_of_no_structure_at_all_is_nothing_rather_than_nan():
    nothing = torch.zeros(1, 3, 4, 4, 4, requires_grad=True)
    loss = soft_dice_loss(nothing, nothing.detach())
    assert loss == 0
    loss.backward()
