"""Degradations: the size asked for, where it is asked for, and labels that follow the image."""

import numpy as np
import pytest
from scipy import ndimage

from ganreg.simulate import degrade
from ganreg.simulate.settings import Degradation

SHAPE = (32, 36, 28)
DEGRADATION = Degradation(noise_sd=[0.5, 1], bias_sd=[0.2], rotation_deg=[10], seed=1)


@pytest.fixture
def brain():
    """A preprocessed image: an ellipsoid of mean 4 and standard deviation 1, 0 outside."""
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, size) for size in SHAPE), indexing="ij"))
    inside = (grid**2).sum(axis=0) < 0.6
    texture = ndimage.gaussian_filter(rng.standard_normal(SHAPE), 2)
    texture = (texture - texture[inside].mean()) / texture[inside].std()
    return np.where(inside, texture + 4, 0).astype(np.float32)


def centered(spacing, shape):
    """Affine of a grid whose center is at the world's point (10, -20, 30)."""
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = np.array([10, -20, 30]) - spacing * (np.array(shape) - 1) / 2
    return affine


@pytest.mark.parametrize("deviation", [0.25, 1.5])
def test_noise_has_the_deviation_asked_for_inside_the_brain_and_none_outside(brain, deviation):
    added = degrade.add_noise(np.random.default_rng(1), brain, deviation) - brain
    assert added[brain != 0].std() == pytest.approx(deviation, rel=0.03)
    assert added[brain != 0].mean() == pytest.approx(0, abs=0.05 * deviation)
    assert (added[brain == 0] == 0).all()


def test_the_logarithm_of_the_bias_field_has_the_deviation_asked_for_and_is_slow(brain):
    biased = degrade.apply_bias(np.random.default_rng(1), brain, 0.3, spacing=4)
    assert (biased[brain == 0] == 0).all()
    field = np.zeros(SHAPE)
    field[brain != 0] = np.log(biased[brain != 0] / brain[brain != 0])
    assert field[brain != 0].std() == pytest.approx(0.3, rel=1e-3)
    assert field[brain != 0].mean() == pytest.approx(0, abs=1e-3)
    both = (brain[1:] != 0) & (brain[:-1] != 0)
    # with a smoothness of 10 voxels, a step is a tenth of the deviation and less
    assert np.abs(np.diff(field, axis=0)[both]).max() < 0.15


def test_level_0_of_noise_and_bias_changes_nothing(brain):
    rng = np.random.default_rng(1)
    np.testing.assert_array_equal(degrade.add_noise(rng, brain, 0), brain)
    np.testing.assert_array_equal(degrade.apply_bias(rng, brain, 0, 4), brain)


def test_a_quarter_turn_moves_every_voxel_to_where_it_belongs():
    shape = (9, 9, 5)
    image = np.zeros(shape, dtype=np.float32)
    image[1:-1, 1:-1, 1:-1] = np.random.default_rng(0).uniform(1, 2, (7, 7, 3))
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    field = degrade.rotation_field(turn, np.array([10, -20, 30]), shape, centered(3, shape))
    # x goes to y: what lay along the first axis lies along the second
    np.testing.assert_allclose(degrade.rotate_image(image, field), np.rot90(image, 1, axes=(0, 1)), atol=1e-3)


def test_labels_on_a_finer_grid_turn_with_the_image(brain):
    fine_shape = tuple(2 * size for size in SHAPE)
    half = brain != 0
    half[: SHAPE[0] // 2] = False
    # two grids over the same box: the finer one's voxels halve the coarser one's
    labels = np.kron(half, np.ones((2, 2, 2))).astype(np.uint8)
    affine, fine = centered(4, SHAPE), centered(2, fine_shape)
    rng = np.random.default_rng(3)
    image, turned = degrade.degrade("rotation_deg", 20, rng, half.astype(np.float32), affine, labels, fine)
    coarse = turned.reshape(SHAPE[0], 2, SHAPE[1], 2, SHAPE[2], 2).mean(axis=(1, 3, 5)) > 0.5

    def overlap(first, second):
        return 2 * (first & second).sum() / (first.sum() + second.sum())

    assert overlap(coarse, image > 0.5) > 0.97
    assert overlap(coarse, half) < 0.93


@pytest.mark.parametrize("degrees", [5, 20])
def test_a_rotation_has_the_angle_asked_for(degrees):
    matrix = degrade.draw_rotation(np.random.default_rng(2), degrees)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.rad2deg(np.arccos((np.trace(matrix) - 1) / 2)) == pytest.approx(degrees)


def test_each_pair_comes_untouched_and_once_a_level_onto_the_untouched_fixed_subject():
    pair = {"pair": "sub-02_to_sub-01", "moving": "02", "fixed": "01"}
    (fold,) = degrade.degraded_folds([{"fold": 1, "test": ["01", "02"], "pairs": [pair]}], DEGRADATION)
    assert fold["pairs"][0] == {**pair, "degradation": "none", "level": 0}
    assert [(each["moving"], each["degradation"], each["level"]) for each in fold["pairs"][1:]] == [
        ("02noise1", "noise_sd", 0.5),
        ("02noise2", "noise_sd", 1),
        ("02bias1", "bias_sd", 0.2),
        ("02rotation1", "rotation_deg", 10),
    ]
    assert {each["fixed"] for each in fold["pairs"]} == {"01"}
    assert fold["pairs"][1]["pair"] == "sub-02noise1_to_sub-01"


def test_a_higher_level_is_more_of_the_same_and_a_copy_does_not_depend_on_the_others(brain):
    labels, affine = (brain != 0).astype(np.uint8), centered(4, SHAPE)
    subject = ("02", brain, affine, labels, affine)
    copies = {name: (image, moved) for name, image, moved in degrade.degraded_copies(*subject, DEGRADATION)}
    assert list(copies) == ["02noise1", "02noise2", "02bias1", "02rotation1"]
    low, high = (copies[f"02noise{number}"][0] - brain for number in (1, 2))
    np.testing.assert_allclose(high, 2 * low, atol=1e-5)
    alone = Degradation(noise_sd=[1], bias_sd=[], rotation_deg=[], seed=1)
    ((name, image, moved),) = degrade.degraded_copies(*subject, alone)
    assert name == "02noise1"
    np.testing.assert_array_equal(image, copies["02noise2"][0])
    np.testing.assert_array_equal(moved, labels)
    assert (copies["02rotation1"][1] != labels).any()
