"""Measures of uncertainty, with known answers."""

import numpy as np
import pandas as pd
import pytest
import torch

from ganreg import io
from ganreg.errors import InputError
from ganreg.evaluate import uncertainty, uncertainty_table
from ganreg.register import sampled
from ganreg.spatial import transform_file
from ganreg.volumes import bids

SHAPE = (16, 16, 16)
PAIRS = [{"pair": "sub-02_to_sub-01", "fixed": "01", "moving": "02"}]
FOLDS = [{"fold": 1, "pairs": PAIRS}]


def oblique_affine():
    """Voxels of 2 x 3 x 2.5 mm, turned about the third axis."""
    affine = np.diag([2.0, 3.0, 2.5, 1.0])
    affine[:2, :2] = np.array([[np.cos(0.2), -np.sin(0.2)], [np.sin(0.2), np.cos(0.2)]]) @ affine[:2, :2]
    affine[:3, 3] = [-30, 12, 7]
    return affine


AFFINE = oblique_affine()


def test_rank_correlation_sees_order_alone():
    values = np.array([0.1, 0.5, 0.2, 3.0])
    assert uncertainty.spearman(values, np.exp(values)) == pytest.approx(1)
    assert uncertainty.spearman(values, -(values**3)) == pytest.approx(-1)
    # ranks 1 2 3 4 and 2 1 4 3: 1 - 6 * 4 / (4 * 15)
    assert uncertainty.spearman(np.arange(4), np.array([1, 0, 3, 2])) == pytest.approx(0.6)
    assert np.isnan(uncertainty.spearman(values, np.ones(4)))


def test_the_calibration_error_is_the_distance_from_the_diagonal():
    predicted = np.repeat(np.arange(1.0, 11.0), 7)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(predicted))
    for error, expected in ((predicted, 0), (predicted + 1.5, 1.5), (2 * predicted, 5.5)):
        curve = uncertainty.reliability(predicted[order], error[order])
        np.testing.assert_allclose(curve["sd_mm"], np.arange(1, 11))
        assert list(curve["voxels"]) == [7] * 10
        assert uncertainty_table.calibration_error(curve) == pytest.approx(expected)
    # errors drawn with the standard deviation that is predicted, in three dimensions
    predicted = rng.uniform(1, 3, 100_000)
    error = np.linalg.norm(rng.standard_normal((3, 100_000)) * predicted / np.sqrt(3), axis=0)
    assert uncertainty_table.calibration_error(uncertainty.reliability(predicted, error)) < 0.02
    assert np.isnan(uncertainty_table.calibration_error(uncertainty.reliability(np.zeros(0), np.zeros(0))))


def test_inverse_consistency_of_a_translation_and_its_inverse_is_zero():
    mask = np.zeros(SHAPE, dtype=bool)
    mask[4:12, 4:12, 4:12] = True
    nothing = torch.zeros(1, 3, *SHAPE)
    shift = nothing.clone()
    shift[:, 1] = 1.25
    assert uncertainty.inverse_consistency(nothing, nothing, AFFINE, mask) == (0, 0)
    assert uncertainty.inverse_consistency(shift, -shift, AFFINE, mask) == pytest.approx((0, 0), abs=1e-4)
    # the second axis is of 3 mm
    assert uncertainty.inverse_consistency(shift, nothing, AFFINE, mask) == pytest.approx((3.75, 3.75), abs=1e-4)
    # back and forth through a field that is not constant: its place is looked up where the first one leads
    forward, backward = nothing.clone(), nothing.clone()
    forward[:, 0] = 2
    backward[:, 0, 9:] = -2
    mask[:] = False
    mask[7, 8, 8] = True
    assert uncertainty.inverse_consistency(forward, backward, AFFINE, mask) == pytest.approx((0, 0), abs=1e-4)
    mask[:] = False
    mask[6, 8, 8] = True
    assert uncertainty.inverse_consistency(forward, backward, AFFINE, mask) == pytest.approx((4, 4), abs=1e-4)


@pytest.fixture
def planted(tmp_path):
    """A pair: identity as transform, a shift as that of the exchanged images, the squared true error as variance."""
    rng = np.random.default_rng(0)
    error = rng.uniform(1, 3, SHAPE).astype(np.float32)
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[4:12, 4:12, 4:12] = 1
    pair = PAIRS[0]["pair"]
    io.save(bids.path(tmp_path, "01", bids.MASK), mask, AFFINE, np.uint8)
    volumes = {"variance": error**2, "residual": 5 - error, "appearance_variance": np.zeros(SHAPE)}
    # ranks inside the mask, exchanged between the lower and the upper half
    ranks = np.argsort(np.argsort(error[mask > 0]))
    volumes["appearance_variance"][mask > 0] = (ranks + len(ranks) // 2) % len(ranks)
    for name, volume in volumes.items():
        io.save(sampled.file_of(tmp_path, pair, name), volume, AFFINE)
    shift = np.zeros((3, *SHAPE))
    shift[2] = 2
    transform_file.write_transform(tmp_path / f"{pair}.nii.gz", 0 * shift, AFFINE)
    transform_file.write_transform(sampled.file_of(tmp_path, pair, sampled.BACKWARD), shift, AFFINE)

    def truth(fixed, moving, points):
        # along the world's x, by as much as the voxel's error
        return points + np.outer([1, 0, 0], error[mask > 0])

    return tmp_path, truth, error[mask > 0]


def test_a_planted_error_is_measured_inside_the_mask(planted):
    folder, truth, error = planted
    lines, curve = uncertainty.evaluate_uncertainty(FOLDS, "unet_none", "d", [(folder, folder)], folder, truth)
    line, root = lines.iloc[0], np.sqrt((error**2).mean())
    assert line[["pair", "fixed", "moving", "method"]].tolist() == ["sub-02_to_sub-01", "01", "02", "unet_none"]
    assert line["sd_mm"] == pytest.approx(root, rel=1e-5)
    assert line["rmse_mm"] == pytest.approx(root, rel=1e-5)
    assert line["spearman"] == pytest.approx(1, abs=1e-4)
    assert line["spearman_residual"] == pytest.approx(-1, abs=1e-4)
    # every rank is off by half of all: 1 - 6 * N * (N / 2)^2 / (N * (N^2 - 1))
    assert line["spearman_appearance_variance"] == pytest.approx(1 - 1.5 * 512**2 / (512**2 - 1), abs=1e-4)
    assert line["inverse_consistency_mm"] == pytest.approx(5)
    assert curve["voxels"].sum() == 8**3
    table = uncertainty_table.summary(lines, curve)
    assert table.loc[0, "calibration_error_mm"] == pytest.approx(0, abs=1e-4)


def test_without_a_truth_there_is_nothing_to_compare_with(planted):
    folder, _, error = planted
    lines, curve = uncertainty.evaluate_uncertainty(FOLDS, "unet_none", "d", [(folder, folder)], folder)
    table = uncertainty_table.summary(lines, curve)
    assert curve.empty
    assert table[["rmse_mm", "spearman", "calibration_error_mm"]].isna().all(axis=None)
    assert table.loc[0, "sd_mm"] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-5)
    assert table.loc[0, "inverse_consistency_p95_mm"] == pytest.approx(5)


def test_a_map_of_another_grid_is_one_line(planted):
    folder, truth, _ = planted
    io.save(sampled.file_of(folder, PAIRS[0]["pair"], "residual"), np.zeros((8, 8, 8)), AFFINE)
    with pytest.raises(InputError, match=r"residual\.nii\.gz: expected the shape of .*brain_mask\.nii"):
        uncertainty.evaluate_uncertainty(FOLDS, "unet_none", "d", [(folder, folder)], folder, truth)


def test_the_table_takes_medians_of_rank_correlations_and_means_of_the_rest():
    columns = {"sd_mm": [1, 2, 6], "rmse_mm": [3, 4, 8], "spearman": [0.1, 0.2, 0.9]}
    columns |= {f"spearman_{name}": [0.0, 0.5, 0.1] for name in sampled.MAPS[1:]}
    columns |= {"inverse_consistency_mm": [1, 1, 4], "inverse_consistency_p95_mm": [2, 2, 5]}
    lines = pd.DataFrame({"dataset": "d", "method": "m", **columns})
    curve = pd.DataFrame({"voxels": [1, 3], "sd_mm": [1.0, 2.0], "rmse_mm": [3.0, 6.0]})
    line = uncertainty_table.summary(lines, curve).iloc[0]
    assert line["n_pairs"] == 3
    assert line[["sd_mm", "rmse_mm", "inverse_consistency_mm"]].tolist() == [3, 5, 2]
    assert line[["spearman", "spearman_residual"]].tolist() == [0.2, 0.1]
    assert line["calibration_error_mm"] == 3.5
