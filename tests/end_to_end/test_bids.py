"""A user's own BIDS folder: real IXI T1w, whole head, T1w to T1w, small and fast."""

import pandas as pd
import pytest
import yaml
from conftest import copy_project, planned, snakemake

SUBJECTS = ["IXI015", "IXI056", "IXI092", "IXI105", "IXI137", "IXI163"]


def overlay(ixi, **more):
    return {
        "dataset": "bids",
        "pathvars": {"results": "results/ixi"},
        "bids": {
            "name": "IXI",
            "root": str(ixi),
            "subjects": SUBJECTS,
            "labels": "derivatives/dlmuse/sub-{subject}/anat/sub-{subject}_dseg.nii.gz",
            "label_table": "resources/labels/dlmuse.tsv",
            **more,
        },
        "task": {"moving": "T1w"},
        "preprocess": {"spacing": 8, "shape": [32, 32, 32]},
        "evaluation": {"spacing": 4},
        "split": {"folds": 2, "validation_subjects": 1},
        "registration": {"methods": ["initial", "syn_mi", "unet_none"], "reference_method": "unet_none"},
        "unet": {"pretraining": 4, "steps": 20, "validate_every": 10},
    }


def run(folder, content, *arguments):
    (folder / "overlay.yaml").write_text(yaml.safe_dump(content))
    return snakemake(folder, "--configfile", "overlay.yaml", "--quiet", "rules", *arguments)


def test_real_subjects_go_all_the_way(ixi, tmp_path):
    folder = copy_project(tmp_path)
    result = run(folder, overlay(ixi))
    assert result.returncode == 0, result.stdout + result.stderr
    table = pd.read_csv(folder / "results" / "ixi" / "tables" / "table1.csv").set_index("method")
    assert list(table["dataset"].unique()) == ["IXI"]
    # after the affine, real brains overlap by more than a half, structure by structure
    assert table.loc["initial", "dice_mean"] > 0.45
    assert "imulated" not in (folder / "results" / "ixi" / "tables" / "table1.md").read_text()
    pairs = pd.read_csv(folder / "results" / "ixi" / "metrics" / "pairs.csv")
    assert pairs["tre_mm"].isna().all()

    # two swapped booleans of one block: an unordered set of values would not have changed
    assert planned(folder, "overlay.yaml") == set()
    swapped = overlay(ixi, stripped=True, labels_cover_brain=False)
    (folder / "swapped.yaml").write_text(yaml.safe_dump(swapped))
    rules = planned(folder, "swapped.yaml")
    assert {"align_subject", "resample_bspline", "train_unet", "report_dice"} <= rules
    assert not rules & {"get_template", "make_folds", "extract_brain", "propagate_labels", "correct_bias"}


def test_heads_without_masks_and_labels_get_both_and_the_tables_say_so(ixi, tmp_path):
    folder = copy_project(tmp_path)
    content = overlay(ixi, labels=None, label_table=None)
    content["preprocess"]["bias_correction"] = {"modalities": ["T1w"], "spacing_mm": 8, "iterations": [10, 10]}
    content["propagation"] = {"spacing": 6, "iterations": [20, 10]}
    methods = ["initial", "syn_mi", "niftyreg_nmi", "unet_none"]
    content["registration"] = {"methods": methods, "reference_method": "niftyreg_nmi"}
    result = run(folder, content)
    assert result.returncode == 0, result.stdout + result.stderr
    results = folder / "results" / "ixi"
    written = [*results.glob("tables/*.csv"), *results.glob("metrics/*.csv")]
    assert len(written) >= 7
    for path in written:
        assert (pd.read_csv(path)["dataset"] == "IXI (silver labels)").all(), path
    table = pd.read_csv(results / "tables" / "table1.csv").set_index("method")
    # SyN made the labels, and the network learned from them
    for method in ("syn_mi", "unet_none"):
        assert table.loc[method, ["diff_reference", "ci_low", "p_holm"]].isna().all()
    assert table.loc["initial", ["diff_reference", "ci_low", "p_holm"]].notna().all()
    assert table.loc["initial", "dice_mean"] > 0.45
    caption = (results / "tables" / "table1.md").read_text().splitlines()[-1]
    assert "Silver labels" in caption
    assert "not ranked on them: syn_mi, unet_none." in caption
    subjects = pd.read_csv(results / "metrics" / "subjects.csv")
    assert sorted(subjects["subject"]) == SUBJECTS
    assert (subjects["template_overlap"] > 0.85).all()

    # the field is found anew, and neither the brain nor the alignment
    content["preprocess"]["bias_correction"]["iterations"] = [20, 10]
    (folder / "overlay.yaml").write_text(yaml.safe_dump(content))
    rules = planned(folder, "overlay.yaml")
    assert {"correct_bias", "normalize_intensity", "propagate_labels"} <= rules
    assert not rules & {"extract_brain", "align_subject"}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"subjects": [*SUBJECTS, "IXI999"]}, "sub-IXI999_T1w.nii.gz: expected a file of sub-IXI999, found none"),
        ({"root": "nowhere"}, "nowhere: expected a BIDS folder, found none"),
        ({"subjects": [], "image": "sub-{subject}/func/{subject}_{modality}.nii"}, "expected subjects with"),
    ],
)
def test_a_wrong_folder_is_one_line(ixi, tmp_path, more, message):
    result = run(copy_project(tmp_path), overlay(ixi, **more), "--dry-run")
    assert result.returncode != 0
    assert [line for line in result.stderr.splitlines() if message in line and line.startswith("error: ")]
    assert "Traceback" not in result.stderr
