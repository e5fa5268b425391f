"""Patients of another data set: simulated as said, divided into folds, measured right."""

import json
import os
import subprocess
import sys

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import ndimage

from ganreg import io
from ganreg.errors import InputError
from ganreg.evaluate import patients as evaluated
from ganreg.evaluate import patients_table
from ganreg.get import patients
from ganreg.preprocess import align
from ganreg.register import batch
from ganreg.spatial import itk, points, transform_file
from ganreg.split import folds

# ------------------------------------------------------------------------------------------------------- simulation


@pytest.fixture(scope="module")
def atlas():
    """A brain of human size at 2 mm: an ellipsoid with tissues."""
    shape = (76, 92, 76)
    axes = np.stack(np.meshgrid(*[np.arange(n) - (n - 1) / 2 for n in shape], indexing="ij"))
    mask = ((axes / np.array([32, 40, 32]).reshape(3, 1, 1, 1)) ** 2).sum(axis=0) < 1
    texture = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal(shape), 2)
    image = np.where(mask, np.clip(65 + 22 * texture / texture.std(), 1, 100), 0).astype(np.float32)
    dseg = np.where(mask, 1 + (axes[0] > 0) + 2 * (axes[1] > 0), 0).astype(np.int32)
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = [-75, -91, -75]
    return {"T1w": image, "T2w": np.where(mask, 130 - image, 0).astype(np.float32), "mask": mask, "dseg": dseg}, affine


def simulate(atlas, request, rotation_deg, translation_mm):
    config = yaml.safe_load((request.config.rootpath / "config.yaml").read_text())
    offset = {"rotation_deg": rotation_deg, "translation_mm": translation_mm}
    return patients.simulate_patient(*atlas, 1, {"cohort": config["cohort"], "seed": 5, "offset": offset})


@pytest.fixture(scope="module")
def patient(atlas, request):
    return simulate(atlas, request, 10, 20)


def test_volumes_have_the_geometry_of_rire(patient):
    assert {image.shape for image in patient.images.values()} == {(256, 256, 26)}
    np.testing.assert_allclose(np.linalg.norm(patient.affine[:3, :3], axis=0), [1.25, 1.25, 4])
    # the lowest slices of the volume still show brain: its lower part is out of sight
    assert patient.mask[:, :, 0].any()
    assert not patient.mask[:, :, -2:].any()


def test_a_volume_shows_the_head_where_its_offset_says(atlas, request, patient):
    still = simulate(atlas, request, 0, 0)
    # the bone around it, too: inside the brain CT shows little
    inside = ndimage.binary_dilation(patient.mask, iterations=6)
    places = points.apply(patient.affine, np.argwhere(inside).T)
    for modality in ("T2w", "ct", "pet"):
        offset = patient.offsets[modality]
        assert np.linalg.norm(points.apply(offset, places) - places, axis=0).max() > 2
        voxels = points.apply(np.linalg.inv(patient.affine) @ offset, places)
        seen = (voxels[2] > 0) & (voxels[2] < 25)
        moved = ndimage.map_coordinates(patient.images[modality].astype(float), voxels[:, seen], order=1)
        expected = still.images[modality][inside][seen]
        straight = patient.images[modality][inside][seen]
        found, unmoved = np.corrcoef(moved, expected)[0, 1], np.corrcoef(straight, expected)[0, 1]
        assert found > 0.75
        assert 1 - found < 0.4 * (1 - unmoved)


def test_ct_shows_bone_around_the_brain_and_air_outside(patient):
    bone = patient.images["ct"] > 500
    assert bone.sum() > 10000
    assert not (patient.images["ct"][0] > -900).any()
    assert patient.images["T1w"][patient.mask].mean() > 5 * patient.images["T1w"][0].mean()


def test_the_rigid_alignment_recovers_what_was_planted(patient):
    images = {name: nib.Nifti1Image(data.astype(np.float32), patient.affine) for name, data in patient.images.items()}
    places = points.apply(patient.affine, np.argwhere(patient.mask).T)
    for modality in ("T2w", "ct", "pet"):
        found = itk.affine_matrix(align.align_rigid(images["T1w"], images[modality], modality))
        error = np.linalg.norm(points.apply(found, places) - points.apply(patient.offsets[modality], places), axis=0)
        assert np.median(error) < 2, modality


# ------------------------------------------------------------------------------------------------------------ folds


def test_patients_are_divided_and_paired_within_their_fold():
    names = {f"p{number}": ["T2w", "ct", "pet"] for number in range(7)}
    names["p3"] = ["T2w", "pet"]
    content = folds.patient_folds(names, 3, seed=1)["folds"]
    assert sorted(patient for fold in content for patient in fold["test"]) == sorted(names)
    for fold in content:
        within = [(pair["fixed"], pair["modality"]) for pair in fold["pairs"] if pair["task"] == "within"]
        assert within == [(patient, modality) for patient in fold["test"] for modality in names[patient]]
        between = [pair for pair in fold["pairs"] if pair["task"] == "between"]
        assert all(pair["fixed"] != pair["moving"] and pair["fixed"] in fold["test"] for pair in between)
        assert sorted(pair["moving"] for pair in between if pair["modality"] == "T2w") == fold["test"]
        assert "p3" not in {pair["moving"] for pair in between if pair["modality"] == "ct"}
        assert "pet" not in {pair["modality"] for pair in between}
        assert len({pair["pair"] for pair in fold["pairs"]}) == len(fold["pairs"])


def test_too_few_patients_are_refused():
    with pytest.raises(InputError, match="patients: expected at least 4 for 2 folds, found 3"):
        folds.patient_folds({"a": [], "b": [], "c": []}, 2, seed=1)


# ----------------------------------------------------------------------------------------------------- registration


def test_both_images_are_cut_to_where_both_scans_reach(tmp_path):
    views = {"fixed": np.ones((4, 4, 6), np.uint8), "moving": np.ones((4, 4, 6), np.uint8)}
    views["fixed"][:, :, :2], views["moving"][:, :, 5:] = 0, 0
    for name, view in views.items():
        io.save(tmp_path / f"{name}.nii.gz", np.arange(1, 97, dtype=np.float32).reshape(view.shape), GRID)
        io.save(tmp_path / f"{name}_view.nii.gz", view, GRID, np.uint8)
    found = {}

    def register(fixed, moving, output):
        found.update({path.name: np.asarray(io.load_image(path).dataobj).copy() for path in (fixed, moving)})
        return output

    paths = [tmp_path / f"{name}.nii.gz" for name in ("fixed", "moving", "fixed_view", "moving_view")]
    assert batch.in_common_view(register)(*paths, "output") == "output"
    for name in views:
        image = found[f"{name}.nii.gz"]
        assert image[:, :, 2:5].all()
        assert not image[:, :, [0, 1, 5]].any()
    io.save(tmp_path / "moving_view.nii.gz", 1 - views["fixed"], GRID, np.uint8)
    with pytest.raises(
        InputError, match=r"fixed_view.nii.gz: expected a place that .*moving_view.nii.gz has, too, found"
    ):
        batch.in_common_view(register)(*paths, "output")


# ------------------------------------------------------------------------------------------------------- evaluation

STRUCTURES = pd.DataFrame({"index": [1, 2, 3], "name": ["left", "right", "rest of the brain"]})
GRID = np.diag([4.0, 4, 4, 1])


def write_patient(folder, name, labels, to_t1w, rigid):
    stem = folder / f"sub-{name}" / "anat" / f"sub-{name}_"
    io.save(f"{stem}space-T1w_dseg.nii.gz", labels, np.diag([2.0, 2, 4, 1]), np.uint8)
    np.savetxt(f"{stem}from-template_to-T1w_xfm.txt", to_t1w)
    np.savetxt(f"{stem}from-T1w_to-ct_xfm.txt", rigid)


def shifted(x, y, z):
    matrix = np.eye(4)
    matrix[:3, 3] = x, y, z
    return matrix


@pytest.fixture
def pair_of_patients(tmp_path):
    """Two patients, the second's structures 4 mm further to the right after the affine alignment."""
    labels = np.zeros((20, 20, 10), np.uint8)
    labels[4:10, 6:14, 2:8], labels[10:16, 6:14, 2:8] = 1, 2
    write_patient(tmp_path, "a", labels, shifted(1, 2, 3), shifted(5, 0, 0))
    write_patient(tmp_path, "b", np.roll(labels, 2, axis=0), shifted(1, 2, 3), shifted(5, 0, 0))
    return tmp_path


def write_shift(path, millimetres):
    field = np.zeros((12, 12, 12, 3))
    field[..., :] = np.array(millimetres) * transform_file.RAS_TO_LPS
    transform_file.write_transform_mm(path, field, GRID)
    return path


def dice_of(rows):
    return {row["structure"]: row["dice"] for row in rows}


def test_dice_between_patients_follows_the_transform(pair_of_patients, tmp_path):
    subjects, pair = evaluated.Preprocessed(pair_of_patients), {"fixed": "a", "moving": "b"}
    right = evaluated.between(pair, subjects, write_shift(tmp_path / "r.nii.gz", [4, 0, 0]), STRUCTURES)
    assert dice_of(right) == {"left": 1, "right": 1}
    start = evaluated.between(pair, subjects, write_shift(tmp_path / "0.nii.gz", [0, 0, 0]), STRUCTURES)
    # 4 of 6 columns overlap
    assert dice_of(start)["left"] == pytest.approx(4 / 6)


def test_what_the_moving_volume_does_not_show_does_not_count(pair_of_patients, tmp_path):
    labels = np.zeros((20, 20, 10), np.uint8)
    labels[4:10, 6:14, 2:8] = 1
    labels[10:16, 6:14, 2:8] = 2
    # the same head, scanned 12 mm higher: one slice of its structures is missing
    raised = np.roll(labels, -3, axis=2)
    raised[:, :, 7:] = 0
    write_patient(pair_of_patients, "c", raised, shifted(1, 2, 3 - 12), shifted(0, 0, 0))
    subjects, pair = evaluated.Preprocessed(pair_of_patients), {"fixed": "a", "moving": "c"}
    still = evaluated.between(pair, subjects, write_shift(tmp_path / "0.nii.gz", [0, 0, 0]), STRUCTURES)
    assert dice_of(still) == {"left": 1, "right": 1}


def test_the_target_error_is_the_distance_to_the_truth(pair_of_patients, tmp_path):
    subjects, pair = evaluated.Preprocessed(pair_of_patients), {"fixed": "a", "modality": "ct"}
    truth = shifted(5, 0, 0)
    right = evaluated.within(pair, subjects, write_shift(tmp_path / "0.nii.gz", [0, 0, 0]), truth)
    assert max(right.values()) < 1e-4
    wrong = evaluated.within(pair, subjects, write_shift(tmp_path / "w.nii.gz", [0, 3, 4]), truth)
    assert wrong == pytest.approx({"tre_median_mm": 5, "tre_max_mm": 5, "tre_corners_mm": 5})
    headers = evaluated.within(pair, subjects, None, truth)
    assert headers == pytest.approx({"tre_median_mm": 5, "tre_max_mm": 5, "tre_corners_mm": 5})
    turned = np.eye(4)
    turned[:2, :2] = [[0, -1], [1, 0]]
    corners = np.array([[x, y] for x in (0, 38) for y in (0, 38)])
    expected = 2 * np.linalg.norm(corners @ [[0, 1], [-1, 0]] - corners, axis=1).mean() / 2
    assert evaluated.within(pair, subjects, None, turned)["tre_corners_mm"] == pytest.approx(expected)


def test_the_summary_takes_means_over_patients_and_the_worst_error():
    keys = {"dataset": "d", "fold": 1, "modality": "ct", "method": "initial"}
    dice = pd.DataFrame(
        [
            {**keys, "pair": "x", "fixed": "a", "structure": "left", "dice": 0.2},
            {**keys, "pair": "x", "fixed": "a", "structure": "right", "dice": 0.4},
            {**keys, "pair": "y", "fixed": "b", "structure": "left", "dice": 0.7},
            {**keys, "pair": "y", "fixed": "b", "structure": "right", "dice": np.nan},
        ]
    )
    errors = pd.DataFrame(
        [{**keys, "fixed": name, "tre_median_mm": tre, "tre_max_mm": 2 * tre, "tre_corners_mm": 3 * tre}
         for name, tre in (("a", 1.0), ("b", 2.0), ("c", 6.0))]
    )  # fmt: skip
    table = patients_table.summary(dice, errors, ["headers", "initial"], {"bootstrap": 100, "seed": 1})
    assert len(table) == 1
    row = table.iloc[0]
    assert row["dice_mean"] == pytest.approx(0.5)
    assert row[["ci_low", "ci_high"]].tolist() == pytest.approx([0.3, 0.7])
    assert row[["n_patients", "n_truth"]].tolist() == [2, 3]
    assert row[["tre_median_mm", "tre_max_mm", "tre_corners_mm"]].tolist() == [2, 12, 6]


@pytest.mark.parametrize("truths", [0, 2])
def test_patients_are_drawn_with_and_without_a_truth(truths, root, tmp_path):
    rng = np.random.default_rng(0)
    volume = tmp_path / "sub-a" / "anat" / "sub-a_desc-preproc_{}.nii.gz"
    names = ["T1w", "ct"]
    paths = [str(volume).format(name) for name in names]
    for path in paths:
        io.save(path, rng.random((16, 16, 8)), GRID)
    columns = [*evaluated.KEYS, *patients_table.ERRORS]
    rows = [["d", 1, "x", "a", "a", "ct", method, 1, 2, 3] for method in ("headers", "initial")[:truths]]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "errors.csv", index=False)
    plot = {"dpi": 60, "font_size": 8, "palette": "colorblind", "slice": 0.5}
    command = [sys.executable, root / "workflow" / "scripts" / "plot_patients.py", "--errors", tmp_path / "errors.csv"]
    command += ["--options", json.dumps({"plot": plot, "patients": [["a", names]]}), "--images", *paths]
    command += ["--subjects", tmp_path, "--output", tmp_path / "figure.png"]
    environment = {**os.environ, "PYTHONPATH": str(root / "workflow")}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 0, result.stderr
    svg = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert ("registration" in svg) == bool(truths)
