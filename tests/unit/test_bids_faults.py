"""Which subjects a BIDS folder has, and what is said of those that are left out or whose images are at fault."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganreg.errors import InputError
from ganreg.get import bids
from ganreg.get.settings import Bids

PLAIN = "sub-{subject}/anat/sub-{subject}_{modality}.nii.gz"
NESTED = "sub-{subject}/ses-2/anat/sub-{subject}_ses-2_{modality}.nii.gz"
BOTH = ["T1w", "T2w"]


def described(root, **more):
    return Bids(**{"root": str(root), "image": PLAIN, "labels": None, **more})


def touch(root, *names, pattern=PLAIN):
    """Files of subjects and modalities, as in 01_T1w."""
    for name in names:
        subject, modality = name.split("_", 1)
        path = root / pattern.format(subject=subject, modality=modality)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def test_who_lacks_an_image_is_left_out_and_named_and_so_is_who_is_listed_only(tmp_path):
    touch(tmp_path, "01_T1w", "01_T2w", "02_T1w", "03_T2w", "10_T1w", "10_T2w")
    (tmp_path / "participants.tsv").write_text("participant_id\tage\nsub-01\t40\nsub-04\t50\n")
    assert bids.select_subjects(described(tmp_path), BOTH) == ["01", "10"]
    assert bids.left_out(described(tmp_path), BOTH) == {"T1w": ["03", "04"], "T2w": ["02", "04"]}
    # named subjects are all there, or the run stops
    assert bids.left_out(described(tmp_path, subjects=["01"]), BOTH) == {}
    with pytest.raises(InputError, match=r"sub-02_T2w.nii.gz: expected a file of sub-02, found none"):
        bids.select_subjects(described(tmp_path, subjects=["01", "02"]), BOTH)


def test_a_session_is_named_in_the_pattern_and_otherwise_in_the_line(tmp_path):
    touch(tmp_path, "01_T1w", "01_T2w", "02_T1w", pattern=NESTED)
    assert bids.select_subjects(described(tmp_path, image=NESTED), BOTH) == ["01"]
    assert bids.left_out(described(tmp_path, image=NESTED), BOTH) == {"T2w": ["02"]}
    with pytest.raises(InputError, match=r"found none, but sessions: the pattern has to name one \(sub-01/ses-2/...\)"):
        bids.select_subjects(described(tmp_path), BOTH)


def test_a_folder_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(InputError, match="nowhere: expected a BIDS folder, found none"):
        bids.select_subjects(described(tmp_path / "nowhere"), BOTH)
    with pytest.raises(InputError, match="mine: expected the root of a BIDS folder, found null"):
        bids.select_subjects(Bids(name="mine"), BOTH)


@pytest.mark.parametrize("name", bids.GETTABLE)
def test_an_unfinished_download_is_one_line(name, tmp_path):
    touch(tmp_path / "data" / name, "01_T1w", "01_T2w")
    message = f"data/{name}: expected participants.tsv, the last file of a complete download, found none"
    for root in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match=message):
            bids.select_subjects(described(root / "data" / name), BOTH)
    (tmp_path / "data" / name / "participants.tsv").write_text("participant_id\nsub-01\n")
    assert bids.select_subjects(described(tmp_path / "data" / name), BOTH) == ["01"]


def test_each_subject_has_the_modalities_whose_files_lie_there_and_the_reference_is_a_must(tmp_path):
    touch(tmp_path, "01_T1w", "01_ct", "01_T2w", "02_T1w", "03_ct")
    candidates = ["T2w", "ct", "pet"]
    found = bids.modalities_of(described(tmp_path), ["01", "02"], candidates)
    assert found == {"01": ["T2w", "ct"], "02": []}
    assert bids.modalities_of(described(tmp_path), ["02"], ["T1w", "ct"]) == {"02": ["T1w"]}
    with pytest.raises(InputError, match=r"sub-03_T1w.nii.gz: expected a file of sub-03, found none"):
        bids.modalities_of(described(tmp_path), ["03"], candidates)


NAMES = st.sets(st.text("0aAzZ9", min_size=1, max_size=4), max_size=3)
FOLDERS = ["", "raw/", "ses-1/anat/", "a.b+c/"]


@given(NAMES, NAMES, st.sampled_from(FOLDERS), st.sampled_from(["T1w", "rec-x_T2w"]))
@settings(max_examples=25, deadline=None)
def test_a_pattern_finds_exactly_the_subjects_that_are_there(subjects, others, folder, modality):
    pattern = "sub-{subject}/" + folder + "sub-{subject}_{modality}.nii.gz"
    with tempfile.TemporaryDirectory() as root:
        for subject in subjects:
            touch(Path(root), f"{subject}_{modality}", pattern=pattern)
        for other in others:
            touch(Path(root), f"{other}_ct", pattern=pattern)
            # of another subject than the folder's, and of none
            for double in (f"sub-{{subject}}/{folder}sub-{{subject}}x", f"sub-{{subject}}-2/{folder}sub-{{subject}}-2"):
                touch(Path(root), f"{other}_{modality}", pattern=double + "_{modality}.nii.gz")
        assert bids.find_subjects(Path(root), pattern, modality) == sorted(subjects)


def two_places(data):
    image = nib.Nifti1Image(data, None)
    image.set_qform(np.eye(4), 1)
    image.set_sform(np.diag([2.0, 2, 2, 1]), 1)
    return image


GOOD = np.random.default_rng(0).random((9, 9, 9)).astype(np.float32)
FAULTS = {
    "empty": (None, "expected a NIfTI volume, found a file that cannot be read"),
    "4-D": (
        nib.Nifti1Image(np.stack([GOOD, GOOD], axis=3), np.eye(4)),
        "expected a 3-D volume, found shape (9, 9, 9, 2)",
    ),
    "NaN": (nib.Nifti1Image(np.where(GOOD > 0.5, np.nan, GOOD), np.eye(4)), "expected finite values, found"),
    "two places": (two_places(GOOD), "expected one place for each voxel, found qform and sform 8.0 mm apart"),
    "constant": (nib.Nifti1Image(GOOD * 0, np.eye(4)), "expected an image, found the constant 0 everywhere"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_subject_with_a_faulty_image_ends_in_one_line(fault, root, tmp_path):
    image, message = FAULTS[fault]
    nib.save(nib.Nifti1Image(GOOD, np.eye(4)), tmp_path / "T1w.nii.gz")
    (tmp_path / "T2w.nii.gz").touch()
    if image:
        nib.save(image, tmp_path / "T2w.nii.gz")
    files = {"reference": "T1w.nii.gz", "brain": "dseg.nii.gz", "template": "template.nii.gz", "others": "T2w.nii.gz"}
    paths = [part for name, file in {**files, "output": "sub-01"}.items() for part in (f"--{name}", tmp_path / file)]
    options = {"reference": "T1w", "others": ["T2w"], "mask_source": "labels", "check_same_head": True}
    command = [sys.executable, root / "workflow" / "scripts" / "align_subject.py", *paths, "--subject", "01"]
    command += ["--options", json.dumps(options)]
    environment = {**os.environ, "PYTHONPATH": str(root / "workflow")}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"error: {tmp_path / 'T2w.nii.gz'}: {message}")
    assert {path.name for path in tmp_path.iterdir()} == {"T1w.nii.gz", "T2w.nii.gz"}
