"""A second data set, whose scans show a part of the head: measured where they reach, and against true matrices."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial.transform import Rotation

from ganreg import io
from ganreg.errors import InputError
from ganreg.evaluate import external_table, metrics, pairs, truth
from ganreg.evaluate.settings import Design
from ganreg.spatial import transform_file
from ganreg.volumes import bids

STRUCTURES = pd.DataFrame({"index": [1, 2, 3], "name": ["left", "right", "rest of the brain"]})
# the evaluation grid, and one that is coarser, of the transform files
EVALUATION, WORKING = np.diag([2.0, 2, 2, 1]), np.diag([4.0, 4, 4, 1])
NATIVE = np.diag([2.0, 2, 4, 1])
BETWEEN = {"pair": "sub-b_to_sub-a_ct", "fixed": "a", "moving": "b", "modality": "ct", "task": "between"}
WITHIN = {"pair": "sub-a_to_sub-a_ct", "fixed": "a", "moving": "a", "modality": "ct", "task": "within"}
FOLDS = [{"fold": 1, "pairs": [BETWEEN, WITHIN]}]


def shifted(x, y, z):
    matrix = np.eye(4)
    matrix[:3, 3] = x, y, z
    return matrix


def turned(degrees):
    """A rotation about the third axis."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("z", degrees, degrees=True).as_matrix()
    return matrix


def head():
    """Two structures of 6 voxels along x."""
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[4:10, 6:14, 4:16], labels[10:16, 6:14, 4:16] = 1, 2
    return labels


def write_subject(folder, subject, labels, fov=None):
    """A preprocessed subject, its CT 5 mm to the right of where T1w has it."""
    io.save(bids.path(folder, subject, bids.EVALUATION_DSEG), labels, EVALUATION, np.uint8)
    io.save(bids.path(folder, subject, bids.native_mask("T1w")), labels[:, :, ::2] > 0, NATIVE, np.uint8)
    np.savetxt(bids.path(folder, subject, bids.linear("template", "T1w")), shifted(1, 2, 3) @ turned(30))
    np.savetxt(bids.path(folder, subject, bids.linear("T1w", "ct")), shifted(5, 0, 0))
    if fov is not None:
        io.save(bids.path(folder, subject, bids.EVALUATION_FOV), fov, EVALUATION, np.uint8)


def write_shift(path, millimeters):
    """A transform file that moves everything alike."""
    field = np.zeros((12, 12, 12, 3))
    field[:] = np.array(millimeters) * transform_file.RAS_TO_LPS
    transform_file.write_transform_mm(path, field, WORKING)
    return path


@pytest.fixture
def data(tmp_path):
    """Two subjects, the second's structures 4 mm further to the right; the first's CT is where it is said to be."""
    subjects = tmp_path / "preprocess"
    write_subject(subjects, "a", head())
    write_subject(subjects, "b", np.roll(head(), 2, axis=0))
    true = bids.path(tmp_path / "truth", "a", bids.true_rigid("T1w", "ct"))
    true.parent.mkdir(parents=True)
    np.savetxt(true, shifted(5, 0, 0))
    return pairs.Measured("d", subjects, STRUCTURES, "T1w", tmp_path / "truth")


def evaluate(data, tmp_path, millimeters, method="syn_mi", folds=FOLDS):
    """The tables of a method that moves all pairs alike."""
    path = write_shift(tmp_path / "shift.nii.gz", millimeters)
    transforms = {(fold["fold"], 1, pair["pair"]): path for fold in folds for pair in fold["pairs"]}
    return pairs.evaluate_pairs(folds, method, transforms, data)


def dice_of(structures):
    return dict(zip(structures["structure"], structures["dice"], strict=True))


def test_dice_between_subjects_follows_the_transform(data, tmp_path):
    structures, per_pair = evaluate(data, tmp_path, [4, 0, 0])
    assert dice_of(structures) == {"left": 1, "right": 1}
    assert structures["hd95_mm"].tolist() == [0, 0]
    # 4 of 6 columns overlap
    start, _ = evaluate(data, tmp_path, [0, 0, 0])
    assert dice_of(start)["left"] == pytest.approx(4 / 6)
    assert set(start["pair"]) == {BETWEEN["pair"]}
    assert per_pair["ndv_percent"].tolist() == [0, 0]


def test_what_the_moving_scan_does_not_show_does_not_count(data, tmp_path):
    fov = np.ones((20, 20, 20), np.uint8)
    fov[:, :, 10:] = 0
    # above the scan's edge labels are missing: 6 of 12 layers
    write_subject(data.subjects, "b", head() * fov, fov)
    # a fold of the transform above the edge does not count, either
    field = np.zeros((12, 12, 12, 3))
    field[4:6, :, 8:] = np.array([30, 0, 0]) * transform_file.RAS_TO_LPS
    transform_file.write_transform_mm(tmp_path / "fold.nii.gz", field, WORKING)
    fold = [{"fold": 1, "pairs": [BETWEEN]}]
    tables = {}
    for name in ("with", "without"):
        tables[name] = pairs.evaluate_pairs(fold, "syn_mi", {(1, 1, BETWEEN["pair"]): tmp_path / "fold.nii.gz"}, data)
        bids.path(data.subjects, "b", bids.EVALUATION_FOV).unlink(missing_ok=True)
    structures, per_pair = tables["with"]
    assert dice_of(structures) == {"left": 1, "right": 1}
    assert per_pair["folded_forward_percent"].tolist() == [0]
    structures, per_pair = tables["without"]
    assert dice_of(structures)["left"] == pytest.approx(2 * 6 / 18)
    assert per_pair["folded_forward_percent"].item() > 1


def test_a_scan_beyond_the_fixed_brain_is_one_line(data, tmp_path):
    fov = np.zeros((20, 20, 20), np.uint8)
    fov[:, :, 18:] = 1
    write_subject(data.subjects, "b", head(), fov)
    with pytest.raises(InputError, match=r"sub-b_res-evaluation_desc-fov_mask.* expected a scan that reaches into"):
        evaluate(data, tmp_path, [0, 0, 0])


def test_the_target_error_is_the_distance_to_the_truth(data, tmp_path):
    def errors_of(transform, true):
        return truth.rigid_errors(data.subjects, "a", "T1w", "ct", transform, true)

    true = shifted(5, 0, 0)
    assert max(errors_of(write_shift(tmp_path / "0.nii.gz", [0, 0, 0]), true).values()) < 1e-4
    wrong = {"tre_median_mm": 5, "tre_max_mm": 5, "tre_corners_mm": 5}
    assert errors_of(write_shift(tmp_path / "w.nii.gz", [0, 3, 4]), true) == pytest.approx(wrong)
    # without a transform file: as the headers have it
    assert errors_of(None, true) == pytest.approx(wrong)
    corners = np.array([[x, y] for x in (0, 38) for y in (0, 38)])
    places = np.argwhere(head().any(axis=2)) * 2
    for name, points, statistic in (
        ("tre_corners_mm", corners, np.mean),
        ("tre_median_mm", places, np.median),
        ("tre_max_mm", places, np.max),
    ):
        # a quarter of a turn about the origin
        expected = statistic(np.sqrt(2) * np.linalg.norm(points, axis=1))
        assert errors_of(None, turned(90))[name] == pytest.approx(expected)


def test_a_true_matrix_may_be_there_in_either_direction(data):
    forward = truth.true_rigid(data.truth, "a", "T1w", "ct")
    np.testing.assert_allclose(forward, shifted(5, 0, 0))
    np.testing.assert_allclose(truth.true_rigid(data.truth, "a", "ct", "T1w"), shifted(-5, 0, 0))
    assert truth.true_rigid(data.truth, "b", "T1w", "ct") is None


def test_pairs_within_a_subject_have_errors_and_the_start_those_of_the_headers(data, tmp_path):
    structures, per_pair = evaluate(data, tmp_path, [0, 3, 4], "initial")
    keys = ["dataset", "fold", "pair", "fixed", "moving", "modality", "task", "method"]
    assert list(structures.columns) == [*keys, "structure", *metrics.OF_STRUCTURES]
    assert list(per_pair.columns) == [*keys, *metrics.OF_PAIRS, "tre_mm", *external_table.ERRORS]
    assert per_pair[["task", "method"]].values.tolist() == [
        ["between", "initial"], ["within", "headers"], ["within", "initial"],
    ]  # fmt: skip
    assert per_pair["tre_mm"].isna().all()
    assert per_pair.loc[0, external_table.ERRORS].isna().all()
    assert per_pair.loc[1, external_table.ERRORS].tolist() == pytest.approx([5, 5, 5])
    assert per_pair.loc[2, external_table.ERRORS].tolist() == pytest.approx([5, 5, 5])
    regularity = ["folded_forward_percent", "folded_central_percent", "ndv_percent", "sdlogj"]
    assert per_pair.loc[1, regularity].isna().all()
    assert per_pair.loc[2, regularity].tolist() == pytest.approx([0, 0, 0, 0], abs=1e-6)
    # another method has no line of the headers, and without a truth there is none at all
    assert evaluate(data, tmp_path, [0, 0, 0])[1]["method"].tolist() == ["syn_mi", "syn_mi"]
    bids.path(data.truth, "a", bids.true_rigid("T1w", "ct")).unlink()
    _, per_pair = evaluate(data, tmp_path, [0, 0, 0], "initial")
    assert per_pair["method"].tolist() == ["initial", "initial"]
    assert per_pair[external_table.ERRORS].isna().all(axis=None)


def test_a_set_without_pairs_of_subjects_has_a_table_of_columns_alone(data, tmp_path):
    structures, per_pair = evaluate(data, tmp_path, [0, 0, 0], folds=[{"fold": 1, "pairs": [WITHIN]}])
    assert structures.empty
    assert {"task", "structure", "dice"} <= {*structures.columns}
    table = external_table.summary(structures, per_pair, Design(folds=2, trained=["unet_none"]))
    assert table.loc[0, ["n_subjects", "n_truth"]].tolist() == [0, 1]


def test_folders_of_transforms_say_their_fold(tmp_path):
    for name in (
        "folders/fold1/syn_mi/batch1/p1",
        "folders/fold12n3/unet_none/p2",
        "folders/fold12n3s3/unet_none/p2",
        "folders/fold2s2/unet_none/p3",
    ):
        io.write_text(tmp_path / f"{name}.nii.gz", "")
    folders = [tmp_path / "folders" / name for name in ("fold1/syn_mi/batch1", "fold2s2/unet_none")]
    folders += [tmp_path / "folders" / name for name in ("fold12n3/unet_none", "fold12n3s3/unet_none")]
    assert {key: path.name for key, path in pairs.transforms_in(folders).items()} == {
        (1, 1, "p1"): "p1.nii.gz", (12, 1, "p2"): "p2.nii.gz", (12, 3, "p2"): "p2.nii.gz",
        (2, 2, "p3"): "p3.nii.gz",
    }  # fmt: skip
    with pytest.raises(InputError, match="expected a folder below one such as fold1"):
        pairs.transforms_in([tmp_path / "folders"])


def test_the_summary_takes_means_over_subjects_and_the_worst_error():
    keys = {"dataset": "d", "fold": 1, "modality": "ct", "method": "initial"}
    dice = pd.DataFrame(
        [{**keys, "fold": fold, "pair": pair, "fixed": fixed, "structure": structure, "dice": value}
         for fold, pair, fixed, structure, value in (
             (1, "x", "a", "left", 0.2), (1, "x", "a", "right", 0.4),
             (2, "y", "b", "left", 0.7), (2, "y", "b", "right", np.nan))]
    )  # fmt: skip
    errors = pd.DataFrame(
        [{**keys, "fixed": name, "tre_median_mm": tre, "tre_max_mm": 2 * tre, "tre_corners_mm": 3 * tre}
         for name, tre in (("a", 1.0), ("b", 2.0), ("c", 6.0), ("d", np.nan))]
    )  # fmt: skip
    headers = errors.assign(method="headers", tre_median_mm=errors["tre_median_mm"] + 1)
    table = external_table.summary(dice, pd.concat([headers, errors]), Design(folds=2, trained=["unet_none"]))
    assert table["method"].tolist() == ["headers", "initial"]
    assert np.isnan(table.loc[0, "dice_mean"])
    assert table.loc[0, ["n_subjects", "n_truth", "tre_median_mm"]].tolist() == [0, 3, 3]
    row = table.iloc[1]
    assert row["dice_mean"] == pytest.approx(0.5)
    # two folds, .3 and .7: Student's t with one degree of freedom
    half = stats.t.ppf(0.975, 1) * 0.2
    assert row[["ci_low", "ci_high"]].tolist() == pytest.approx([0.5 - half, 0.5 + half])
    assert row[["n_subjects", "n_truth"]].tolist() == [2, 3]
    assert row[["tre_median_mm", "tre_max_mm", "tre_corners_mm"]].tolist() == [2, 12, 6]
