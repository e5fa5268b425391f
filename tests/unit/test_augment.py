"""Classic augmentation: each transform's known answers, and copies that are a function of seed and number."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from ganreg.errors import InputError
from ganreg.preprocess import augment
from ganreg.preprocess.settings import Augmentation
from ganreg.volumes.normalize import SHIFT, zscore

AUGMENTATION = Augmentation(
    seed=3,
    scale=0.1,
    rotation_deg=20,
    elastic_spacing_mm=8,
    elastic_sd_mm=1,
    downsampling=1.5,
    bias=0.1,
    log_gamma=0.1,
    probability=0.9,
)
SPACING = (1.0, 1.0, 1.0)
MIRRORS = np.array([0, 1, 3, 2], dtype=np.uint8)


def asymmetric_subject():
    """A brain, 1, with a bright structure on its left, 2, and a dark one on its right, 3."""
    x, y, z = np.indices((32, 32, 32)) - 16
    dseg = (x**2 + y**2 + z**2 < 13**2).astype(np.uint8)
    dseg[(x + 6) ** 2 + y**2 + z**2 < 5**2] = 2
    dseg[(x - 6) ** 2 + y**2 + z**2 < 5**2] = 3
    image = ndimage.gaussian_filter(np.array([0.0, 4.0, 7.0, 2.0], dtype=np.float32)[dseg], 0.7)
    return torch.from_numpy(image)[None, None], torch.from_numpy(dseg)[None, None]


def changed(**values):
    return augment.ClassicAugmentation(AUGMENTATION.model_copy(update=values), MIRRORS)


def test_copies_move_image_and_labels_together_and_are_a_function_of_seed_and_number():
    image, dseg = asymmetric_subject()
    classic = augment.ClassicAugmentation(AUGMENTATION, np.arange(4, dtype=np.uint8))
    copies = []
    for number in range(4):
        # nothing comes from torch's own generator
        torch.manual_seed(number)
        copies.append(classic([(image, dseg)], SPACING, number)[0])
    for data, moved in copies:
        assert (moved != dseg).any()
        assert moved.dtype == torch.uint8
        assert moved.unique().tolist() == [0, 1, 2, 3]
        assert (data[moved == 0] == 0).all()
        # structures keep their own gray values, whatever moved
        assert data[moved == 2].mean() > data[moved == 1].mean() + 1
        assert data[moved == 3].mean() < data[moved == 1].mean() - 0.5
        assert data[moved > 0].mean() == pytest.approx(SHIFT, abs=1e-5)
        assert data[moved > 0].std() == pytest.approx(1, abs=1e-3)
    before = torch.get_rng_state()
    (again,) = classic([(image, dseg)], SPACING, 2)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(*both) for both in zip(copies[2], again, strict=True))
    assert (copies[0][1] != copies[1][1]).any()
    (other,) = changed(seed=4)([(image, dseg)], SPACING, 2)
    assert (copies[2][1] != other[1]).any()


def test_nothing_changes_at_probability_0():
    image, dseg = asymmetric_subject()
    expected = zscore(image[0, 0].numpy(), dseg[0, 0].numpy() > 0, "image")
    for number in range(3):
        ((data, moved),) = changed(probability=0)([(image, dseg)], SPACING, number)
        assert torch.equal(moved, dseg)
        np.testing.assert_allclose(data[0, 0], expected, atol=1e-5)


def test_the_subjects_of_a_pair_move_alike():
    image, dseg = asymmetric_subject()
    for number in range(4):
        (_, first), (_, second) = changed()([(image, dseg), (9 - image, dseg)], SPACING, number)
        assert (first != dseg).any()
        assert torch.equal(first, second)


def test_modalities_move_alike_and_change_each_by_itself():
    image, dseg = asymmetric_subject()
    ((data, moved),) = changed(probability=1)([(torch.cat([image, image], dim=1), dseg)], SPACING, 0)
    first, second = data[0, :, moved[0, 0] > 0]
    assert (first - second).abs().max() > 0.01
    assert np.corrcoef(first, second)[0, 1] > 0.9


def test_a_brain_that_is_lost_is_one_line():
    image, dseg = asymmetric_subject()
    with pytest.raises(InputError, match="augmented copy 5: expected a brain mask that holds voxels"):
        changed()([(image, 0 * dseg)], SPACING, 5)
    with pytest.raises(InputError, match="augmented copy 5: expected contrast inside the brain"):
        changed(probability=0)([(torch.ones_like(image), dseg)], SPACING, 5)


def test_a_flip_swaps_structures_with_their_mirror_labels():
    image, dseg = asymmetric_subject()
    mirrors = torch.from_numpy(MIRRORS)
    data, flipped = augment.flip(image, dseg, mirrors)
    # what was left is right, and is called so: the bright structure is 3 now, where x is small as before
    assert data[flipped == 3].mean() > data[flipped == 2].mean() + 1
    assert (flipped[0, 0] == 2).nonzero()[:, 0].float().mean() < 15
    twice = augment.flip(data, flipped, mirrors)
    assert torch.equal(twice[0], image)
    assert torch.equal(twice[1], dseg)


def test_gamma_raises_magnitudes_to_the_exponent():
    images = torch.tensor([[[-4.0, 0, 1, 9]], [[-2.0, 0, 1, 3]]])[:, :, :, None, None]
    found = augment.gamma(images, torch.tensor([0.5, 2.0]).view(2, 1, 1, 1, 1))
    assert found.flatten().tolist() == pytest.approx([-2, 0, 1, 3, -4, 0, 1, 9])


def test_the_bias_field_is_the_exponential_of_its_polynomial():
    shape, places = (5, 4, 3), [np.linspace(-1, 1, size) for size in (5, 4, 3)]
    x, y, z = np.meshgrid(*places, indexing="ij")
    # the constant; z; z^3; y z; x; x y z; x^3
    for number, term in ((0, 1 + 0 * x), (1, z), (3, z**3), (5, y * z), (10, x), (14, x * y * z), (19, x**3)):
        coefficients = np.zeros(20)
        coefficients[number] = 0.3
        np.testing.assert_allclose(augment.bias_field(coefficients, shape), np.exp(0.3 * term), rtol=1e-5)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_thick_slices_blur_one_axis_alone(axis):
    shape = [12 if each == axis else 3 for each in range(3)]
    ramp, others = (places.float()[None, None] for places in (
        torch.tensor(np.indices(shape)[axis]), torch.tensor(np.indices(shape).sum(0) - np.indices(shape)[axis])
    ))  # fmt: skip
    assert torch.equal(augment.resampled(ramp, axis, 1.0), ramp)
    assert torch.equal(augment.resampled(others, axis, 1.9), others)
    # slices at 0.5, 2.5, ... are the voxels above, and between them it is linear
    expected = np.interp(range(12), np.arange(0.5, 12, 2), np.arange(1, 12, 2))
    found = augment.resampled(ramp, axis, 2.0).movedim(2 + axis, -1)
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), rtol=1e-6)
