"""Loss terms: what they must ignore and what they must see."""

import numpy as np
import pytest
import torch
import torch.nn.functional as functional

from ganreg.register import losses
from ganreg.segment.losses import soft_dice_loss
from ganreg.spatial import warp


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


def test_sharpening_adds_what_neighbours_average_away_and_leaves_the_background():
    image = torch.zeros(1, 1, 7, 7, 7)
    image[..., 1:-1, 1:-1, 1:-1] = 2
    image[..., 3, 3, 3] = 4.7
    sharp = losses.sharpened(image, 3)
    assert (sharp[image == 0] == 0).all()
    # of 27 voxels one is 2.7 above the others: the mean is 2.1
    assert float(sharp[..., 3, 3, 3]) == pytest.approx(4.7 + 3 * 2.6)
    assert float(sharp[..., 3, 3, 2]) == pytest.approx(2 - 3 * 0.1)
    assert losses.sharpened(image, 0) is image


@pytest.mark.parametrize("name", ["mind", "mi", "ncc", "mse"])
def test_similarity_prefers_the_aligned_image_and_has_a_finite_gradient(name):
    generator = torch.Generator().manual_seed(1)
    fixed = torch.nn.functional.avg_pool3d(torch.randn(1, 1, 24, 24, 24, generator=generator), 3, 1, 1) * 3 + 4
    shifted = fixed.roll(2, dims=2).requires_grad_()
    mask = torch.ones_like(fixed)
    loss = losses.similarity_to(name, fixed, mask)
    assert loss(fixed) < loss(shifted)
    loss(shifted).backward()
    assert shifted.grad.isfinite().all()
    assert shifted.grad.abs().max() > 0


def test_mutual_information_of_known_histograms():
    # two grey values, half of the voxels each, an eighth of them in the other half of the warped image
    fixed = torch.tensor([2.0] * 8 + [6.0] * 8).view(1, 1, 16, 1, 1)
    mask = torch.ones_like(fixed)
    same = losses.similarity_to("mi", fixed, mask)
    assert float(same(fixed)) == pytest.approx(-np.log(2), abs=1e-3)
    # whatever contrast
    assert float(same(8 - fixed)) == pytest.approx(-np.log(2), abs=1e-3)
    assert float(same(torch.full_like(fixed, 3.0))) == pytest.approx(0, abs=1e-3)
    mixed = torch.tensor([2.0] * 7 + [6.0] + [6.0] * 7 + [2.0]).view(1, 1, 16, 1, 1)
    expected = np.log(2) + 7 / 8 * np.log(7 / 8) + 1 / 8 * np.log(1 / 8)
    assert float(same(mixed)) == pytest.approx(-expected, abs=1e-3)
    # outside the mask nothing counts
    elsewhere = torch.cat([fixed, torch.rand(1, 1, 16, 1, 1)], dim=3)
    seen = torch.cat([mask, torch.zeros_like(mask)], dim=3)
    found = losses.similarity_to("mi", elsewhere, seen)(torch.cat([mixed, mixed], dim=3))
    assert float(found) == pytest.approx(-expected, abs=1e-3)


def self_similarity(image):
    """MIND word by word: for each pair of neighbours at distance sqrt(2), the mean over a patch around them."""
    padded = functional.pad(image, (2,) * 6, mode="replicate")
    around = [side for way in torch.eye(3, dtype=int).tolist() for side in (way, [-step for step in way])]
    shifted = [
        padded[(..., *(slice(1 + step, side - 1 + step) for step, side in zip(way, padded.shape[2:], strict=True)))]
        for way in around
    ]
    # two to a side of one axis lie opposite each other
    pairs = [(a, b) for a in range(6) for b in range(a + 1, 6) if a // 2 != b // 2]
    squares = torch.cat([(shifted[a] - shifted[b]) ** 2 for a, b in pairs], dim=1)
    distance = functional.avg_pool3d(squares, 3, stride=1)
    distance = distance - distance.amin(dim=1, keepdim=True)
    return torch.exp(-distance / distance.mean(dim=1, keepdim=True).clamp(min=losses.FLAT))


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(2)
    smooth = torch.randn(2, 2, 4, 5, 3, generator=generator, dtype=torch.float64)
    volumes = functional.interpolate(smooth, size=(9, 11, 8), mode="trilinear")
    # a flat corner, as the background is
    volumes[:, :, :4, :4, :4] = 0
    return volumes[:, :1], volumes[:, 1:], (torch.rand(2, 1, 9, 11, 8, generator=generator) > 0.3).double()


def test_mind_is_what_its_definition_says_in_some_order_of_the_pairs(pair):
    found, expected = losses.mind(pair[0]), self_similarity(pair[0])
    torch.testing.assert_close(found.sort(dim=1).values, expected.sort(dim=1).values)


def test_minds_loss_and_gradient_are_those_of_automatic_differentiation(pair):
    fixed, moving, mask = pair
    results = []
    for squares in (
        lambda image: losses.similarity_to("mind", fixed, mask)(image),
        lambda image: ((self_similarity(image) - self_similarity(fixed)) ** 2 * mask).sum() / (12 * mask.sum()),
    ):
        image = moving.clone().requires_grad_()
        loss = squares(image)
        # a factor, as a sum of terms has
        (3 * loss).backward()
        results.append((loss.detach(), image.grad))
    torch.testing.assert_close(results[0], results[1])


def test_descriptors_come_with_minds_loss_and_carry_no_gradient(pair):
    fixed, moving, mask = pair
    _, descriptors = losses.mind_distance(moving.clone().requires_grad_(), losses.mind(fixed), mask)
    assert not descriptors.requires_grad
    torch.testing.assert_close(descriptors, losses.mind(moving), rtol=0, atol=0)


def test_an_empty_image_has_no_gradient_rather_than_nan():
    empty = torch.zeros(1, 1, 8, 8, 8, requires_grad=True)
    losses.similarity_to("mind", torch.rand(1, 1, 8, 8, 8), torch.ones(1, 1, 8, 8, 8))(empty).backward()
    assert (empty.grad == 0).all()


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
