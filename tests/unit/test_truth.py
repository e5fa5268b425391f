"""The true error of test pairs of the simulated cohort, and the columns of their tables."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.spatial.transform import Rotation

from ganreg import io
from ganreg.errors import InputError
from ganreg.evaluate import metrics, pairs, truth
from ganreg.spatial import points, transform_file
from ganreg.volumes import bids

GRID = np.diag([2.0, 2, 2, 1])
SHAPE = (16, 16, 16)
STRUCTURES = pd.DataFrame({"index": [1, 2], "name": ["left", "rest of the brain"]})
PAIR = {"pair": "sub-02_to_sub-01", "fixed": "01", "moving": "02"}
# of each subject: the affine alignment, and where the true fields move everything, mm
ANGLES, TO_TEMPLATE, FROM_TEMPLATE = {"01": 20, "02": -35}, [1.0, 2.0, -3.0], [0.5, -4.0, 2.0]


def alignment(subject):
    """Template to T1w: a rotation and a shift."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("x", ANGLES[subject], degrees=True).as_matrix()
    matrix[:3, 3] = [int(subject), 0, -1]
    return matrix


@pytest.fixture
def folders(tmp_path):
    """Two preprocessed subjects, and the truth about them."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[4:12, 4:12, 4:12] = 1
    for subject in ANGLES:
        io.save(bids.path(tmp_path / "preprocess", subject, bids.EVALUATION_DSEG), labels, GRID, np.uint8)
        np.savetxt(bids.path(tmp_path / "preprocess", subject, bids.linear("template", "T1w")), alignment(subject))
        for name, millimeters in ((bids.TO_TEMPLATE, TO_TEMPLATE), (bids.FROM_TEMPLATE, FROM_TEMPLATE)):
            field = np.broadcast_to(np.array(millimeters) * transform_file.RAS_TO_LPS, (*SHAPE, 3))
            transform_file.write_transform_mm(bids.path(tmp_path / "truth", subject, name), field, GRID)
    return tmp_path / "preprocess", tmp_path / "truth"


def true_places(places):
    """The chain by hand: preprocessed fixed -> T1w -> template of truth -> T1w of the other -> preprocessed moving."""
    in_template = points.apply(alignment("01"), places) + np.array(TO_TEMPLATE)[:, None]
    return points.apply(np.linalg.inv(alignment("02")), in_template + np.array(FROM_TEMPLATE)[:, None])


def test_the_true_place_is_found_through_the_template(folders):
    places = np.random.default_rng(0).uniform(0, 30, (3, 20))
    found = truth.TrueField(*folders)("01", "02", places)
    np.testing.assert_allclose(found, true_places(places), atol=1e-5)


def test_the_true_error_is_the_distance_to_the_true_place(folders):
    mask = np.zeros(SHAPE, dtype=bool)
    mask[5:8, 6:9, 4:11] = True
    voxels = np.argwhere(mask).T
    exact = np.zeros((3, *SHAPE), np.float32)
    exact[:, mask] = true_places(2.0 * voxels) / 2 - voxels
    # and one voxel of 2 mm off
    off = exact + np.array([0, 1, 0], np.float32).reshape(3, 1, 1, 1)
    for displacement, expected in ((exact, 0), (off, 2)):
        found = truth.true_errors(torch.from_numpy(displacement[None]), mask, GRID, truth.TrueField(*folders), PAIR)
        assert found.shape == (mask.sum(),)
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_tables_of_test_pairs_have_their_columns_and_the_mean_true_error(folders, tmp_path):
    transform_file.write_transform(tmp_path / "fold3/syn_mi" / f"{PAIR['pair']}.nii.gz", np.zeros((3, *SHAPE)), GRID)
    transforms = pairs.transforms_in([tmp_path / "fold3" / "syn_mi"])
    folds = [{"fold": 3, "pairs": [PAIR]}]
    keys = ["dataset", "fold", "pair", "fixed", "moving", "method"]
    places = 2.0 * np.indices((8, 8, 8)).reshape(3, -1) + 8
    expected = np.linalg.norm(true_places(places) - places, axis=0).mean()
    for folder, error in ((folders[1], expected), (None, np.nan)):
        data = pairs.Measured("d", folders[0], STRUCTURES, "T1w", folder)
        structures, per_pair = pairs.evaluate_pairs(folds, "syn_mi", transforms, data)
        assert list(structures.columns) == [*keys, "structure", *metrics.OF_STRUCTURES]
        assert structures.iloc[0].tolist() == ["d", 3, PAIR["pair"], "01", "02", "syn_mi", "left", 1, 0]
        assert list(per_pair.columns) == [
            *keys, *metrics.OF_PAIRS, "tre_mm",
        ]  # fmt: skip
        assert per_pair["tre_mm"].item() == pytest.approx(error, rel=1e-4, nan_ok=True)
    with pytest.raises(InputError, match="syn_mi: expected a transform of sub-02_to_sub-01 in fold 3, found none"):
        pairs.evaluate_pairs(folds, "syn_mi", {}, data)


def test_every_training_seed_is_measured(folders, tmp_path):
    for name in ("fold3", "fold3s2"):
        field = np.full((3, *SHAPE), float(name == "fold3s2"))
        transform_file.write_transform(tmp_path / name / "unet_none" / f"{PAIR['pair']}.nii.gz", field, GRID)
    transforms = pairs.transforms_in([tmp_path / name / "unet_none" for name in ("fold3", "fold3s2")])
    data, folds = pairs.Measured("d", folders[0], STRUCTURES, "T1w", folders[1]), [{"fold": 3, "pairs": [PAIR]}]
    structures, per_pair = pairs.evaluate_pairs(folds, "unet_none", transforms, data)
    for table in (structures, per_pair):
        assert table[["fold", "method", "seed"]].values.tolist() == [[3, "unet_none", 1], [3, "unet_none", 2]]
    # the second one moves everything by a voxel
    assert per_pair["tre_mm"].nunique() == 2
    del transforms[3, 2, PAIR["pair"]]
    transforms[3, 2, "another"] = tmp_path
    with pytest.raises(InputError, match="expected a transform of sub-02_to_sub-01 in fold 3, seed 2, found none"):
        pairs.evaluate_pairs(folds, "unet_none", transforms, data)


def test_another_grid_of_the_moving_labels_is_one_line(folders, tmp_path):
    io.save(bids.path(folders[0], "02", bids.EVALUATION_DSEG), np.ones((8, 8, 8)), GRID, np.uint8)
    data = pairs.Measured("d", folders[0], STRUCTURES, "T1w")
    with pytest.raises(InputError, match=r"sub-02_res-evaluation_dseg\.nii\.gz: expected the shape of .*sub-01"):
        pairs.evaluate_pairs([{"fold": 1, "pairs": [PAIR]}], "m", {(1, 1, PAIR["pair"]): tmp_path / "x"}, data)
