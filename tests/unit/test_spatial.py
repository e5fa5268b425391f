"""Warps, integration, Jacobians: known answers and invariants."""

import numpy as np
import pytest
import torch

from ganreg.spatial import jacobian, warp
from ganreg.spatial.box import brain_box

SHAPE = (14, 12, 10)


def smooth_field(seed, amplitude=1.5, shape=SHAPE):
    """A smooth displacement (1, 3, *shape) in voxels that is zero on the edges."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(1, 3, 4, 4, 4, generator=generator)
    field = torch.nn.functional.interpolate(coarse, size=shape, mode="trilinear", align_corners=True)
    for axis, size in enumerate(shape, start=2):
        window = torch.sin(torch.linspace(0, np.pi, size))
        field = field * window.view([-1 if dim == axis else 1 for dim in range(5)])
    return amplitude * field


def test_zero_displacement_changes_nothing():
    image = torch.randn(1, 2, *SHAPE)
    torch.testing.assert_close(warp.warp(image, torch.zeros(1, 3, *SHAPE)), image, atol=1e-5, rtol=0)


def test_planted_shift_is_sampled_along_the_right_axis():
    image = torch.randn(1, 1, *SHAPE)
    displacement = torch.zeros(1, 3, *SHAPE)
    displacement[:, 1] = 3
    warped = warp.warp(image, displacement)
    torch.testing.assert_close(warped[..., : SHAPE[1] - 3, :], image[..., 3:, :], atol=1e-5, rtol=0)
    assert (warped[..., SHAPE[1] - 3 :, :] == 0).all()


@pytest.mark.parametrize("shape", [SHAPE, (13, 11, 10), (7, 9, 5)])
def test_warping_in_parts_is_warping_at_once_gradients_included(shape):
    torch.manual_seed(0)
    image, displacement = torch.randn(1, 2, *SHAPE), torch.randn(1, 3, *shape)
    results = []
    # a batch of two is sampled as it is
    for copies in (1, 2):
        inputs = [each.clone().requires_grad_() for each in (image, displacement)]
        warped = warp.warp(*(each.expand(copies, -1, -1, -1, -1) for each in inputs), origin=(1, 0, 0))[:1]
        warped.square().sum().backward()
        results.append([warped, *(each.grad for each in inputs)])
    for parts, whole in zip(*results, strict=True):
        torch.testing.assert_close(parts, whole)


def test_composition_equals_warping_twice():
    grid = warp.identity_grid(SHAPE)
    # an image that is linear in space is warped without interpolation error
    image = grid[:, :1] * 2 + grid[:, 1:2] - grid[:, 2:] * 0.5
    first, second = smooth_field(1), smooth_field(2)
    twice = warp.warp(warp.warp(image, first), second)
    once = warp.warp(image, warp.compose(first, second))
    torch.testing.assert_close(once, twice, atol=1e-3, rtol=0)


def test_integration_of_a_linear_velocity_is_the_exponential():
    grid = warp.identity_grid(SHAPE)
    centre = torch.tensor([(side - 1) / 2 for side in SHAPE]).view(1, 3, 1, 1, 1)
    rate = -0.3
    displacement = warp.integrate(rate * (grid - centre), steps=8)
    expected = (np.exp(rate) - 1) * (grid - centre)
    torch.testing.assert_close(displacement, expected, atol=2e-3, rtol=0)


def test_integrating_back_undoes_it():
    velocity = smooth_field(3, amplitude=1.0, shape=(40, 36, 32))
    there, back = warp.integrate(velocity), warp.integrate(-velocity)
    assert there.abs().max() > 0.5
    assert warp.compose(there, back).abs().max() < 0.06 * there.abs().max()


def test_resizing_keeps_what_a_displacement_does():
    small = torch.zeros(1, 3, 5, 5, 5)
    small[:, 0] = 1.0
    large = warp.resize(small, (9, 9, 9))
    # one voxel of the small grid is two of the large one
    torch.testing.assert_close(large[:, 0], torch.full((1, 9, 9, 9), 2.0))
    assert large[:, 1:].abs().max() == 0


def test_resampling_a_displacement_between_grids_in_space():
    coarse, fine = np.diag([4.0, 4.0, 4.0, 1.0]), np.diag([2.0, 2.0, 2.0, 1.0])
    fine[:3, 3] = [2.0, 0.0, -2.0]
    axes = np.stack(np.meshgrid(*[np.arange(n) * 4.0 for n in (6, 6, 6)], indexing="ij"))
    field = torch.tensor(0.1 * axes[None], dtype=torch.float32)
    voxels = warp.resample_displacement(field, coarse, (8, 8, 8), fine)
    # at fine voxel (3, 2, 5) the world point is (8, 4, 8); 0.1 of that in mm is half of it in voxels
    torch.testing.assert_close(voxels[0, :, 3, 2, 5], torch.tensor([0.4, 0.2, 0.4]))


def test_warped_labels_equal_the_arg_max_of_warped_one_hot_maps():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 5, SHAPE, generator=generator, dtype=torch.uint8)
    displacement = smooth_field(4, amplitude=4.0) + 0.3
    one_hot = torch.stack([(labels == index).float() for index in range(5)])[None]
    moved = warp.warp(one_hot, displacement)
    moved[:, 0] += 1 - moved.sum(dim=1)
    torch.testing.assert_close(warp.warp_labels(labels, displacement).long(), moved[0].argmax(dim=0))


@pytest.mark.parametrize("scheme", ["forward", "central"])
def test_jacobian_of_a_scaling_is_its_volume(scheme):
    displacement = 0.1 * warp.identity_grid(SHAPE)
    determinant = jacobian.jacobian_determinant(displacement, scheme)
    torch.testing.assert_close(determinant, torch.full_like(determinant, 1.1**3), atol=1e-4, rtol=0)


def test_forward_differences_see_the_checkerboard_that_central_ones_miss():
    displacement = torch.zeros(1, 3, *SHAPE)
    displacement[:, 0, ::2] = 1.5
    assert (jacobian.jacobian_determinant(displacement, "forward") <= 0).float().mean() > 0.3
    assert (jacobian.jacobian_determinant(displacement, "central")[:, 1:-1] > 0).all()
    assert jacobian.non_diffeomorphic_volume(displacement).sum() > 0


def test_non_diffeomorphic_volume_of_a_mirror_is_everything_and_of_the_identity_nothing():
    grid = warp.identity_grid(SHAPE)
    mirrored = torch.zeros_like(grid)
    mirrored[:, 0] = -2 * grid[:, 0]
    volume = jacobian.non_diffeomorphic_volume(mirrored)
    torch.testing.assert_close(volume, torch.ones_like(volume), atol=1e-4, rtol=0)
    assert jacobian.non_diffeomorphic_volume(torch.zeros_like(grid)).max() == 0


def test_unknown_scheme_is_refused():
    with pytest.raises(ValueError, match="backward"):
        jacobian.jacobian_determinant(torch.zeros(1, 3, *SHAPE), "backward")


@pytest.mark.parametrize(
    ("margins", "step", "expected"),
    [
        (0, 1, [(4, 8), (3, 5), (0, 2)]),
        # as far as the grid goes
        (2, 1, [(2, 10), (1, 7), (0, 4)]),
        ((2, 1, 0), 1, [(2, 10), (2, 6), (0, 2)]),
        (2, 2, [(2, 10), (0, 8), (0, 4)]),
        (9, 2, [(0, 14), (0, 12), (0, 10)]),
    ],
)
def test_the_brains_box_holds_every_brain_of_a_batch_with_its_margin(margins, step, expected):
    mask = torch.zeros(2, 1, *SHAPE)
    mask[0, 0, 4:6, 3, 0] = 1
    mask[1, 0, 7, 4, 1] = 3
    assert [(side.start, side.stop) for side in brain_box(mask, margins, step)] == expected
