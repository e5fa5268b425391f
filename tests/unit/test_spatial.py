"""Warps, integration, Jacobians: known answers and invariants."""

import nibabel as nib
import numpy as np
import pytest
import torch
from conftest import affine_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from ganreg import io
from ganreg.spatial import deform, itk, jacobian, points, transform_file, warp
from ganreg.spatial.box import brain_box
from ganreg.spatial.settings import Deformation

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
    center = torch.tensor([(size - 1) / 2 for size in SHAPE]).view(1, 3, 1, 1, 1)
    rate = -0.3
    displacement = warp.integrate(rate * (grid - center), steps=8)
    expected = (np.exp(rate) - 1) * (grid - center)
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
    assert [(each.start, each.stop) for each in brain_box(mask, margins, step)] == expected


@st.composite
def affines(draw):
    """Affine (4, 4) of a grid, mm: oblique, anisotropic, anywhere, left- or right-handed."""
    angles = draw(st.lists(st.floats(-180, 180), min_size=3, max_size=3))
    spacing = draw(st.lists(st.floats(0.5, 5), min_size=3, max_size=3))
    signs = draw(st.lists(st.sampled_from([-1, 1]), min_size=3, max_size=3))
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ np.diag(np.multiply(spacing, signs))
    affine[:3, 3] = draw(st.lists(st.floats(-100, 100), min_size=3, max_size=3))
    return affine


QUICK = settings(max_examples=25, deadline=None)


@QUICK
@given(affines(), st.integers(0, 99))
def test_a_transform_file_is_read_as_it_was_written(affine, seed):
    voxels = smooth_field(seed, shape=(6, 5, 4))
    with io.scratch() as folder:
        transform_file.write_transform(folder / "field.nii.gz", voxels[0].numpy(), affine)
        found = points.displacement_on(folder / "field.nii.gz", (6, 5, 4), affine)
        stored = np.asarray(nib.load(folder / "field.nii.gz").dataobj)
        millimeters, grid = transform_file.read_transform(folder / "field.nii.gz")
        start = points.apply(affine, np.indices((6, 5, 4)).reshape(3, -1).astype(float))
        moved = points.Displacement(folder / "field.nii.gz")(start)
    torch.testing.assert_close(found, voxels, atol=1e-3, rtol=0)
    np.testing.assert_allclose(grid, affine, rtol=1e-5, atol=1e-4)
    expected = np.einsum("ij,jxyz->ixyz", affine[:3, :3], voxels[0].numpy())
    np.testing.assert_allclose(np.moveaxis(millimeters, 3, 0), expected, rtol=1e-4, atol=1e-4)
    # on disk with the signs of ITK
    np.testing.assert_array_equal(stored[:, :, :, 0], millimeters * [-1, -1, 1])
    np.testing.assert_allclose(moved - start, expected.reshape(3, -1), atol=5e-3)


@QUICK
@given(affines(), st.integers(0, 99))
def test_world_and_voxels_are_each_others_inverse(affine, seed):
    voxels = np.random.default_rng(seed).uniform(-20, 20, (3, 50))
    world = points.apply(affine, voxels)
    np.testing.assert_allclose(points.apply(np.linalg.inv(affine), world), voxels, atol=1e-6)
    image = itk.to_sitk(np.zeros((2, 3, 4), np.float32), affine)
    np.testing.assert_allclose(affine_of(image), affine, atol=1e-9)
    assert itk.from_sitk(image).shape == (2, 3, 4)
    np.testing.assert_allclose(itk.affine_matrix(itk.to_transform(affine)), affine, atol=1e-9)
    np.testing.assert_allclose([*image.TransformContinuousIndexToPhysicalPoint(voxels[:, 0].tolist())],
                               world[:, 0] * [-1, -1, 1], atol=1e-6)  # fmt: skip


@QUICK
@given(st.integers(0, 99))
def test_a_displacement_composed_with_its_inverse_moves_nothing(seed):
    # linear interpolation has no error where a displacement is linear in space
    matrix = np.eye(4)
    matrix[:3] += np.random.default_rng(seed).uniform(-0.15, 0.15, (3, 4))
    grid = warp.identity_grid(SHAPE)[0].numpy().reshape(3, -1).astype(np.float64)
    places = [points.apply(each, grid) for each in (matrix, np.linalg.inv(matrix))]
    forward, backward = (torch.from_numpy((moved - grid).astype(np.float32)).view(1, 3, *SHAPE) for moved in places)
    for first, second, moved in ((backward, forward, places[0]), (forward, backward, places[1])):
        inside = ((moved >= 0) & (moved <= np.array(SHAPE)[:, None] - 1)).all(axis=0).reshape(SHAPE)
        assert inside.mean() > 0.3
        found = warp.compose(first, second)[0][:, torch.from_numpy(inside)]
        torch.testing.assert_close(found, torch.zeros_like(found), atol=1e-4, rtol=0)


def test_a_random_displacement_without_limits_is_none_and_with_a_shift_alone_a_shift():
    still = {"rotation_deg": 0, "scale": 0, "translation_mm": 0, "elastic_sd_mm": 0}
    rng = np.random.default_rng(0)
    none = deform.random_displacement(rng, SHAPE, [2, 3, 4], Deformation(**still))
    assert none.abs().max() == 0
    shift = deform.random_displacement(rng, SHAPE, [2, 3, 4], Deformation(**still | {"translation_mm": 6}))
    torch.testing.assert_close(shift, shift[..., :1, :1, :1].expand(shift.shape))
    millimeters = shift[0, :, 0, 0, 0] * torch.tensor([2.0, 3.0, 4.0])
    assert (millimeters.abs() <= 6).all()
    assert (millimeters != 0).all()


def test_a_random_scaling_is_about_the_center_and_within_its_limits():
    settings = Deformation(rotation_deg=0, scale=0.1, translation_mm=0, elastic_sd_mm=0)
    field = deform.random_displacement(np.random.default_rng(0), (13, 11, 9), [2, 2, 2], settings)
    assert field[0, :, 6, 5, 4].abs().max() == 0
    slopes = [field.diff(dim=axis + 2)[0, axis] for axis in range(3)]
    for slope in slopes:
        torch.testing.assert_close(slope, torch.full_like(slope, slope.mean().item()), atol=1e-5, rtol=0)
        assert 0 < slope.mean().abs() <= 0.1


def test_the_spread_at_the_nodes_is_the_one_that_was_asked_for():
    settings = Deformation(rotation_deg=0, scale=0, translation_mm=0, elastic_spacing_mm=4, elastic_sd_mm=3)
    # a node at every second voxel of 2 mm
    field = deform.random_displacement(np.random.default_rng(0), (41, 41, 41), [2, 2, 2], settings)
    at_nodes = 2 * field[..., ::2, ::2, ::2]
    assert at_nodes.std().item() == pytest.approx(3, rel=0.02)


def test_labels_and_images_are_deformed_alike():
    labels = np.zeros(SHAPE, np.uint8)
    labels[4:9, 3:8, 2:7] = 3
    shift = torch.zeros(1, 3, *SHAPE)
    shift[:, 0] = 2
    moved = deform.deform_labels(labels, shift)
    np.testing.assert_array_equal(moved, np.roll(labels, -2, axis=0))
    image = deform.deform_image(labels.astype(np.float32), shift)
    np.testing.assert_allclose(image, moved, atol=1e-4)
