"""Overlap, surface distance and regularity with known answers."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics import compute_hausdorff_distance
from scipy import ndimage

from ganreg.evaluate import metrics
from ganreg.volumes import overlap


def cube(offset=0):
    labels = np.zeros((20, 20, 20), dtype=np.int32)
    labels[5 + offset : 13 + offset, 5:13, 5:13] = 1
    return labels


def test_dice_of_a_shifted_cube():
    np.testing.assert_allclose(overlap.dice(cube(), cube(2), 1), [6 / 8])


def test_a_structure_lost_counts_zero_and_one_in_neither_is_nan():
    first = cube()
    first[0, 0, 0] = 2
    result = overlap.dice(first, cube(), 3)
    assert result[0] == 1
    assert result[1] == 0
    assert np.isnan(result[2])


def test_surface_distance_is_in_millimetres_along_the_shifted_axis():
    # all of the leading face, and most of the rest, lies 2 voxels of 3 mm off along x
    result = metrics.hd95(cube(), cube(2), [1, 2], [3.0, 1.0, 1.0])
    assert result[0] == 6.0
    assert np.isnan(result[1])


def test_surface_distance_agrees_with_an_independent_implementation():
    rng = np.random.default_rng(1)
    first, second = (ndimage.gaussian_filter(rng.standard_normal((24, 20, 22)), 2) for _ in range(2))
    first, second = (np.digitize(field, [-0.1, 0.0, 0.1]) for field in (first, second))
    spacing = [2.0, 1.0, 1.5]
    ours = metrics.hd95(first, second, [1, 2, 3], spacing)
    theirs = [
        compute_hausdorff_distance(
            torch.from_numpy(first == label)[None, None],
            torch.from_numpy(second == label)[None, None],
            include_background=True,
            percentile=95,
            spacing=spacing,
        ).item()
        for label in (1, 2, 3)
    ]
    np.testing.assert_allclose(ours, theirs, rtol=1e-3)


def test_the_identity_is_regular_and_a_fold_is_counted():
    mask = torch.ones(20, 20, 20, dtype=torch.bool)
    field = torch.zeros(1, 3, 20, 20, 20)
    assert metrics.of_pair(field, mask) == {
        "folded_forward_percent": 0,
        "folded_central_percent": 0,
        "ndv_percent": 0,
        "sdlogj": 0,
    }
    field[:, 0, 10] = 2.5
    folded = metrics.of_pair(field, mask)
    # voxels of plane 10 look ahead to plane 11, 1.5 behind them: one plane in twenty
    assert folded["folded_forward_percent"] == 5.0
    assert folded["ndv_percent"] > 0
    assert folded["sdlogj"] > 0


def test_regularity_sees_no_further_than_the_brains_edge():
    field = torch.zeros(1, 3, 24, 20, 20)
    field[:, 1] = 0.9 * torch.sin(torch.arange(20.0))[None, None, :, None]
    field[:, 0, 4] = 2.5
    mask = torch.zeros(24, 20, 20, dtype=torch.bool)
    mask[8:16, 5:15, 5:15] = True
    brain = metrics.of_pair(field, mask)
    field[:, 0, 4] = 0
    assert metrics.of_pair(field, mask) == brain
    # the fold right before the brain does count
    field[:, 0, 8] = 2.5
    assert metrics.of_pair(field, mask)["folded_forward_percent"] > brain["folded_forward_percent"]


def test_a_fold_of_known_size_is_known_to_all_measures():
    mask = torch.ones(20, 20, 20, dtype=torch.bool)
    # space is mirrored from plane 10 on: determinants are -1 behind it
    field = torch.zeros(1, 3, 20, 20, 20)
    field[:, 0, 10:] = -2 * torch.arange(10.0)[:, None, None]
    found = metrics.of_pair(field, mask)
    # at plane 10 forward differences look into the mirrored half, central ones see (1 - 1) / 2 = 0
    assert found["folded_forward_percent"] == 50
    assert found["folded_central_percent"] == 50
    # 9 of 20 layers of cells, 19 x 19 each
    assert found["ndv_percent"] == pytest.approx(100 * 9 * 19 * 19 / 20**3, rel=1e-4)
    logarithms = np.repeat([0, np.log(1e-9)], 4000)
    assert found["sdlogj"] == pytest.approx(logarithms.std(ddof=1), rel=1e-4)


def test_forward_differences_see_folds_of_a_voxel_that_central_ones_miss():
    field = torch.zeros(1, 3, 20, 20, 20)
    field[:, 0, ::2] = 1.5
    found = metrics.of_pair(field, torch.ones(20, 20, 20, dtype=torch.bool))
    # every second plane, and the last one, which repeats the difference of the one before
    assert found["folded_forward_percent"] == pytest.approx(55)
    # the first and the last plane, where both one-sided differences are the same
    assert found["folded_central_percent"] == pytest.approx(10)


def test_measures_of_structures_are_in_the_order_of_the_indices():
    first, second = cube(), cube(2)
    first[0, 0, 0] = 3
    lost, moved = metrics.of_structures(first, second, [3, 1], [3.0, 1.0, 1.0])
    assert moved == {"dice": 0.75, "hd95_mm": 6}
    assert lost["dice"] == 0
    assert np.isnan(lost["hd95_mm"])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_overlap_is_symmetric_and_whole_with_oneself(seed, count):
    first, second = np.random.default_rng(seed).integers(0, count + 1, (2, 4, 5, 3))
    forward, backward = overlap.dice(first, second, count), overlap.dice(second, first, count)
    np.testing.assert_array_equal(forward, backward)
    expected = [2 * ((first == k) & (second == k)).sum() / max(((first == k).sum() + (second == k).sum()), 1)
                for k in range(1, count + 1)]  # fmt: skip
    np.testing.assert_allclose(np.nan_to_num(forward), expected)
    own = overlap.dice(first, first, count)
    assert set(own[~np.isnan(own)]) <= {1.0}
    spacing = [1.0, 2.0, 3.0]
    distances = metrics.hd95(first, second, range(1, count + 1), spacing)
    np.testing.assert_array_equal(distances, metrics.hd95(second, first, range(1, count + 1), spacing))
