"""Which subjects a BIDS folder has, and what is said of those that are left out or whose images are at fault."""

import os
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest

from ganreg.errors import InputError
from ganreg.get import bids

PLAIN = "sub-{subject}/anat/sub-{subject}_{modality}.nii.gz"
NESTED = "sub-{subject}/ses-2/anat/sub-{subject}_ses-2_{modality}.nii.gz"
BOTH = ["T1w", "T2w"]


def options(root, **more):
    return {"root": str(root), "subjects": [], "image": PLAIN, "labels": None, "mask": None, **more}


def touch(root, *names, pattern=PLAIN):
    """Files of subjects and modalities, as in 01_T1w."""
    for name in names:
        subject, modality = name.split("_")
        path = root / pattern.format(subject=subject, modality=modality)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def test_who_lacks_an_image_is_left_out_and_named_and_so_is_who_is_listed_only(tmp_path):
    touch(tmp_path, "01_T1w", "01_T2w", "02_T1w", "03_T2w", "10_T1w", "10_T2w")
    (tmp_path / "participants.tsv").write_text("participant_id\tage\nsub-01\t40\nsub-04\t50\n")
    assert bids.select_subjects(options(tmp_path), BOTH) == ["01", "10"]
    assert bids.left_out(options(tmp_path), BOTH) == {"T1w": ["03", "04"], "T2w": ["02", "04"]}
    # named subjects are all there, or the run stops
    assert bids.left_out(options(tmp_path, subjects=["01"]), BOTH) == {}
    with pytest.raises(InputError, match=r"sub-02_T2w.nii.gz: expected a file of sub-02, found none"):
        bids.select_subjects(options(tmp_path, subjects=["01", "02"]), BOTH)


def test_a_session_is_named_in_the_pattern_and_otherwise_in_the_line(tmp_path):
    touch(tmp_path, "01_T1w", "01_T2w", "02_T1w", pattern=NESTED)
    assert bids.select_subjects(options(tmp_path, image=NESTED), BOTH) == ["01"]
    assert bids.left_out(options(tmp_path, image=NESTED), BOTH) == {"T2w": ["02"]}
    with pytest.raises(InputError, match=r"found none, but sessions: name one in bids.image \(sub-01/ses-2/...\)"):
        bids.select_subjects(options(tmp_path), BOTH)


@pytest.mark.parametrize("name", bids.GETTABLE)
def test_an_unfinished_folder_of_make_data_names_its_command(name, tmp_path):
    touch(tmp_path / "data" / name, "01_T1w", "01_T2w")
    with pytest.raises(InputError, match=rf"data/{name}: expected participants.tsv, .*`make data DATA={name}` writes"):
        bids.select_subjects(options(tmp_path / "data" / name), BOTH)
    with pytest.raises(InputError, match=f"make data DATA={name}"):
        bids.select_subjects(options(tmp_path / "nowhere" / "data" / name), BOTH)
    (tmp_path / "data" / name / "participants.tsv").write_text("participant_id\nsub-01\n")
    assert bids.select_subjects(options(tmp_path / "data" / name), BOTH) == ["01"]


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
    names = ["reference", "brain", "template", "output-mask", "output-affine", "others", "output-rigid"]
    files = ["T1w.nii.gz", "dseg.nii.gz", "template.nii.gz", "mask.nii.gz", "affine.txt", "T2w.nii.gz", "rigid.txt"]
    paths = [part for name, file in zip(names, files, strict=True) for part in (f"--{name}", tmp_path / file)]
    command = [sys.executable, root / "workflow" / "scripts" / "align_subject.py", *paths]
    environment = {**os.environ, "PYTHONPATH": str(root / "workflow")}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"error: {tmp_path / 'T2w.nii.gz'}: {message}")
    assert {path.name for path in tmp_path.iterdir()} == {"T1w.nii.gz", "T2w.nii.gz"}
