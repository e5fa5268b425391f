"""The costs that the registration network reads: the right displacement is the cheapest, in either modality."""

import pytest
import torch
import torch.nn.functional as functional

from ganreg.register import matching, mind
from ganreg.register.filters import box_mean


def test_the_displacements_are_none_and_the_neighborhoods():
    tried = matching.displacements([1, 3])
    assert tried[0] == (0, 0, 0)
    assert len(tried) == len(set(tried)) == 53
    assert {abs(step) for displacement in tried for step in displacement} == {0, 1, 3}


@pytest.mark.parametrize("planted", [(0, 0, 0), (1, 0, -1), (-1, 1, 1), (2, 0, -2)])
@pytest.mark.parametrize("contrast", [lambda image: image, lambda image: 1 - image**2])
def test_a_planted_shift_is_the_cheapest_displacement_whatever_the_contrast(planted, contrast):
    torch.manual_seed(0)
    fixed = functional.interpolate(torch.rand(1, 1, 9, 10, 11), size=(24, 26, 28), mode="trilinear")
    # fixed(x) = moving(x + planted)
    moving = contrast(fixed.roll(planted, dims=(2, 3, 4)))
    costs = matching.cost_volume(mind.descriptors(fixed), mind.descriptors(moving), [1, 2])
    assert costs.shape == (1, 53, 12, 13, 14)
    # what was rolled around the edge matches nothing
    cheapest = costs[..., 2:-2, 2:-2, 2:-2].argmin(dim=1)
    right = matching.displacements([1, 2]).index(planted)
    assert (cheapest == right).float().mean() > 0.95


def test_costs_of_flat_images_are_finite_and_prefer_nothing():
    flat = torch.zeros(1, 1, 8, 8, 8)
    costs = matching.cost_volume(mind.descriptors(flat), mind.descriptors(flat + 1), [1])
    assert (costs == 0).all()


def test_costs_are_the_mean_squared_differences_of_descriptors_whatever_the_slabs():
    torch.manual_seed(0)
    # sizes that no slab divides, two pairs at once
    fixed, moving = (torch.rand(2, 12, 22, 14, 18) for _ in range(2))
    padded = functional.pad(moving, (2,) * 6, mode="replicate")
    expected = []
    for x, y, z in matching.displacements([2]):
        met = padded[:, :, 2 + x : 24 + x, 2 + y : 16 + y, 2 + z : 20 + z]
        expected.append((fixed - met).square().mean(dim=1)[..., ::2, ::2, ::2])
    expected = box_mean(torch.stack(expected, dim=1))
    expected = matching.SCALE * (expected - expected.mean(dim=1, keepdim=True))
    torch.testing.assert_close(matching.cost_volume(fixed, moving, [2]), expected, atol=1e-5, rtol=1e-5)
