"""The smoke preset to the end: the output contract, and that a second run does nothing."""

import hashlib
import itertools
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import SMOKE, snakemake
from rerun import FIGURES

from ganreg import io

STRUCTURES = ["dataset", "fold", "pair", "fixed", "moving", "method", "structure", "dice", "hd95_mm"]
PAIRS = ["dataset", "fold", "pair", "fixed", "moving", "method", "folded_forward_percent", "folded_central_percent"]
PAIRS += ["ndv_percent", "sdlogj", "tre_mm"]
COST = ["dataset", "fold", "pair", "fixed", "moving", "method", "seconds", "threads", "peak_mib"]
TABLE1 = [
    "dataset",
    "method",
    "task",
    "labels_in_training",
    "n_subjects",
    "folds_hash",
    "dice_mean",
    "dice_sd_subjects",
]
TABLE1 += [
    "dice_sd_structures",
    "diff_reference",
    "ci_low",
    "ci_high",
    "p_holm",
    "effect_size",
    "hd95_mm",
    "ndv_percent",
]
TABLE1 += ["folded_percent", "paper_dice", "paper_sd"]


@pytest.fixture(scope="module")
def results(finished):
    return finished / "results" / "smoke"


@pytest.fixture(scope="module")
def methods(root):
    return yaml.safe_load((root / SMOKE).read_text())["registration"]["methods"]


def test_tables_have_the_contracts_columns_and_a_row_for_each_method(results, methods):
    long = pd.read_csv(results / "metrics" / "structures.csv")
    assert list(long.columns) == STRUCTURES
    assert len(long) == len(methods) * 6 * 35
    pairs = pd.read_csv(results / "metrics" / "pairs.csv")
    assert list(pairs.columns) == PAIRS
    assert pairs["tre_mm"].notna().all()
    cost = pd.read_csv(results / "metrics" / "cost.csv")
    assert list(cost.columns) == COST
    assert (cost["seconds"] > 0).all()
    assert (cost["peak_mib"] > 10).all()
    table1 = pd.read_csv(results / "tables" / "table1.csv")
    assert list(table1.columns) == TABLE1
    assert list(table1["method"]) == methods
    table2 = pd.read_csv(results / "tables" / "table2.csv")
    assert list(table2.columns) == ["dataset", "method", "fold_1", "fold_2", "mean", "sd", "paper_mean"]


def test_a_simulated_cohort_is_called_so(results):
    assert pd.read_csv(results / "tables" / "table1.csv")["dataset"].unique() == ["embedded (simulated, seed 1)"]
    assert "imulated" in (results / "tables" / "table1.md").read_text().splitlines()[-1]


def test_every_table_carries_the_hash_of_the_folds(results):
    folds = io.read_json(results / "split" / "folds.json")
    assert set(pd.read_csv(results / "tables" / "table1.csv")["folds_hash"]) == {folds["hash"]}


def test_models_say_what_they_opened_and_it_was_no_test_subject(results):
    folds = io.read_json(results / "split" / "folds.json")["folds"]
    for fold in folds:
        manifest = io.read_json(results / "models" / f"fold{fold['fold']}" / "unet_none.json")
        subjects = {path.split("sub-")[1][:2] for path in manifest["opened"]}
        assert subjects <= {*fold["train"], *fold["validation"]}
        assert subjects >= set(fold["train"])
        root = results.parents[1]
        for path, digest in manifest["opened"].items():
            assert hashlib.sha256((root / path).read_bytes()).hexdigest() == digest


def test_synthetic_subjects_lie_like_preprocessed_ones_and_come_from_training_subjects_alone(results):
    folds = io.read_json(results / "split" / "folds.json")["folds"]
    for fold, kind in itertools.product(folds, ("pgan", "pgan_z", "dagan", "warped", "random_contrast")):
        folder = results / "synthesize" / f"fold{fold['fold']}" / kind
        subject = sorted(folder.glob("sub-*"))[0].name
        stem = folder / subject / "anat" / subject
        like = io.load(results / "preprocess" / "sub-01" / "anat" / "sub-01_desc-preproc_T1w.nii")
        dseg = io.load_labels(f"{stem}_dseg.nii")
        np.testing.assert_allclose(dseg.affine, like.affine, atol=1e-4)
        inside = np.asarray(dseg.dataobj) > 0
        for modality in ("T1w", "T2w"):
            data = np.asarray(io.load(f"{stem}_desc-preproc_{modality}.nii").dataobj)
            assert data.shape == like.shape
            assert (data[~inside] == 0).all()
            assert data[inside].mean() == pytest.approx(4, abs=0.01)
            assert data[inside].std() == pytest.approx(1, abs=0.01)
        opened = io.read_json(folder.with_name(f"{kind.removesuffix('_z')}.json"))["opened"]
        folders = {part for path in opened for part in Path(path).parts[:-1] if part.startswith("sub-")}
        seen = {part.removeprefix("sub-") for part in folders}
        # validation subjects choose the weights of the segmentation network
        assert seen <= {*fold["train"], *fold["validation"]}
        assert seen


def test_the_arms_table_says_what_the_gan_adds(results):
    arms = pd.read_csv(results / "tables" / "arms.csv")
    assert ("unet_proposed", "unet_random_contrast") in set(zip(arms["method"], arms["against"], strict=True))
    table1 = pd.read_csv(results / "tables" / "table1.csv").set_index("method")["dice_mean"]
    for row in arms.itertuples():
        assert row.gain == pytest.approx(table1[row.method] - table1[row.against], abs=1e-5)


def test_untouched_pairs_among_the_degraded_are_the_registered_ones_of_the_first_fold_exactly(results):
    for method in ("syn_mi", "unet_none"):
        names = {"fixed": str, "moving": str}
        plain = pd.read_csv(results / "metrics" / "methods" / f"{method}_structures.csv", dtype=names)
        plain = plain[plain["fold"] == 1].reset_index(drop=True)
        degraded = pd.read_csv(results / "robustness" / "metrics" / "methods" / f"{method}_structures.csv", dtype=names)
        assert len(degraded) == 3 * len(plain)
        pd.testing.assert_frame_equal(degraded[degraded["pair"].isin(plain["pair"])].reset_index(drop=True), plain)
    table = pd.read_csv(results / "tables" / "robustness.csv")
    first_fold = pd.read_csv(results / "tables" / "table2.csv").set_index("method")["fold_1"]
    assert list(table["level"]) == [0, 1, 0, 15] * 2
    for row in table[table["level"] == 0].itertuples():
        assert row.dice_mean == pytest.approx(first_fold[row.method], abs=1e-5)
    # noise is new to both methods, and a turned start is further away
    assert (table.loc[table["degradation"] == "rotation_deg", "change"].to_numpy()[1::2] < 0).all()


def test_the_identity_is_what_the_start_does(results):
    pairs = pd.read_csv(results / "metrics" / "pairs.csv").set_index("method").loc["initial"]
    assert (pairs[["folded_forward_percent", "ndv_percent", "sdlogj"]] == 0).all(axis=None)
    # subjects of the cohort differ by a few millimeters after the affine
    assert pairs["tre_mm"].between(1, 12).all()


def test_uncertainty_is_measured_on_every_pair_and_maps_lie_on_the_fixed_grid(results):
    pairs = pd.read_csv(results / "metrics" / "uncertainty.csv")
    assert len(pairs) == 6
    assert pairs.notna().all(axis=None)
    for pair in pairs.itertuples():
        stem = results / "uncertainty" / f"fold{pair.fold}" / "unet_proposed" / pair.pair
        like = io.load(results / f"preprocess/sub-{pair.fixed:02d}/anat/sub-{pair.fixed:02d}_desc-preproc_T1w.nii")
        for name in ("variance", "residual", "appearance_variance"):
            volume = io.load(f"{stem}_{name}.nii.gz")
            np.testing.assert_allclose(volume.affine, like.affine, atol=1e-4)
            assert np.asarray(volume.dataobj).max() > 0
    table = pd.read_csv(results / "tables" / "uncertainty.csv")
    assert table["rmse_mm"].iloc[0] == pytest.approx(pairs["rmse_mm"].mean(), rel=1e-4)


def test_every_figure_comes_with_its_data(results):
    figures = sorted((results / "figures").glob("*.png"))
    assert len(figures) == len(FIGURES - {"plot_tables"})
    for path in figures:
        assert path.with_suffix(".svg").is_file()
        assert len(pd.read_csv(path.with_suffix(".csv"))) > 0


def test_no_unfinished_file_is_left(results):
    leftovers = [path for path in results.rglob(".*") if path.name != ".snakemake_timestamp"]
    assert leftovers == []


def test_a_second_run_does_nothing(finished):
    result = snakemake(finished, "--configfile", SMOKE)
    assert result.returncode == 0
    assert "Nothing to be done" in result.stdout + result.stderr


def test_a_training_run_that_got_a_test_subject_is_refused(finished, tmp_path):
    # a copy: Snakemake takes the outputs of a failed job away
    folder = Path(shutil.copytree(finished, tmp_path / "copy"))
    fold = io.read_json(folder / "results" / "smoke" / "split" / "folds.json")["folds"][0]
    other, stand_in = fold["test"][0], fold["train"][0]
    anat = "results/smoke/preprocess/sub-{0}/anat/sub-{0}_desc-preproc_T1w.nii"
    shutil.copyfile(folder / anat.format(other), folder / anat.format(stand_in))
    # by this file Snakemake tells how old a folder is
    (folder / "results" / "smoke" / "preprocess" / f"sub-{stand_in}" / ".snakemake_timestamp").touch()
    target = "results/smoke/metrics/methods/unet_none_pairs.csv"
    result = snakemake(folder, "--configfile", SMOKE, "--show-failed-logs", "--", target)
    assert result.returncode != 0
    assert f"found sub-{other}: {anat.format(stand_in)}" in result.stdout + result.stderr


def test_a_second_data_set_goes_the_same_road(results):
    table = pd.read_csv(results / "tables" / "external.csv")
    assert set(table["dataset"]) == {"RIRE-like (simulated, seed 101)"}
    errors = table.pivot(index="method", columns="modality", values="tre_median_mm")
    assert list(errors.columns) == ["T2w", "ct", "pet"]
    assert errors.notna().all(axis=None)
    # offsets of up to 20 mm are what the rigid alignment takes away
    assert (errors.loc["initial"] < errors.loc["headers"] / 5).all()
    between = table[table["method"] != "headers"].dropna(subset="dice_mean")
    assert set(between["modality"]) == {"T2w", "ct"}
    assert set(between["method"]) == {"initial", "syn_mi", "unet_none", "unet_proposed"}
    assert between["n_subjects"].eq(4).all()
    structures = pd.read_csv(results / "external" / "metrics" / "methods" / "syn_mi_structures.csv")
    assert {*STRUCTURES} <= {*structures.columns}


def test_partial_volumes_lie_where_their_scans_reach(results):
    folder = results / "external" / "preprocess"
    cut = 0
    for path in sorted(folder.glob("sub-*/anat/*_desc-preproc_*.nii")):
        subject, _, modality = path.name.removesuffix(".nii").split("_")
        image = np.asarray(nib.load(path).dataobj)
        view = np.asarray(nib.load(path.with_name(f"{subject}_mod-{modality}_desc-fov_mask.nii.gz")).dataobj) > 0
        assert view.any()
        assert not image[~view].any()
        # where the T1w scan ends inside the brain, nothing of another one counts either
        first = np.asarray(nib.load(path.with_name(f"{subject}_mod-T1w_desc-fov_mask.nii.gz")).dataobj) > 0
        assert not (view & ~first).any()
        cut += (first & ~view).any()
    assert cut
