"""DICOM series, written here by SimpleITK, become NIfTI where their tags put them; what makes no volume is named."""

import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from conftest import affine_of
from scipy.spatial.transform import Rotation

from ganreg import io
from ganreg.errors import InputError
from ganreg.get import dicom
from ganreg.get.settings import Dicom
from ganreg.spatial import itk

SPACING = (1.5, 1.25, 4.0)
STRAIGHT = np.eye(3)
OBLIQUE = Rotation.from_euler("xyz", [20, -10, 15], degrees=True).as_matrix()
SERIES = {"T1w": "t1", "T2w": "t2"}


def scan(rotation=STRAIGHT, seed=0):
    """A volume of 8 x 10 voxels and 6 slices."""
    image = sitk.GetImageFromArray((np.random.default_rng(seed).random((6, 10, 8)) * 1000).astype(np.int16))
    image.SetSpacing(SPACING)
    image.SetDirection(rotation.ravel().tolist())
    image.SetOrigin((-10.0, 20.0, 5.0))
    return image


def write_series(folder, image, description, uid, slices=None, **changed):
    """Write slices of a volume, each as a file; `changed`: slice's position as a function of it, orientation tag."""
    folder.mkdir(parents=True, exist_ok=True)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    axes = np.array(image.GetDirection()).reshape(3, 3)
    for number, index in enumerate(range(image.GetDepth()) if slices is None else slices, start=1):
        each = image[:, :, index]
        position = np.array(image.TransformIndexToPhysicalPoint((0, 0, index)))
        position = changed.get("position", lambda position, index: position)(position, index)
        orientation = changed.get("orientation", lambda axes, index: axes)(axes, index)
        tags = {
            "0008|0060": "MR",
            "0008|0020": "20200101",
            "0008|0030": "120000",
            "0008|103e": description,
            "0020|000d": "1.2.3",
            "0020|000e": f"1.2.3.{uid}",
            "0008|0018": f"1.2.3.{uid}.{number}",
            "0020|0013": str(number),
            "0020|0032": "\\".join(f"{value:.8f}" for value in position),
            "0020|0037": "\\".join(f"{value:.8f}" for value in orientation[:, :2].T.ravel()),
            "0018|0050": str(SPACING[2]),
        }
        for key, value in tags.items():
            each.SetMetaData(key, value)
        writer.SetFileName(str(folder / f"{uid}-{number:03d}.dcm"))
        writer.Execute(each)


def write_subject(folder, rotation=STRAIGHT, **changed):
    write_series(folder / "a", scan(rotation, 1), "Ax T1 SE", 1, **changed)
    write_series(folder / "b", scan(rotation, 2), "Ax T2 TSE", 2)
    (folder / "notes.txt").write_text("no DICOM")


@pytest.fixture(autouse=True)
def converter(monkeypatch):
    """dcm2niix as the workflow has it: programs beside the interpreter come first."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def described(root, **more):
    return Dicom(**{"root": str(root), "series": SERIES, **more})


def test_without_the_converter_there_is_one_line(tmp_path, monkeypatch):
    write_subject(tmp_path / "in" / "01")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="dicom: expected the program dcm2niix, found none on the PATH"):
        dicom.get(tmp_path / "out" / "participants.tsv", described(tmp_path / "in"))
    assert not (tmp_path / "out").exists()


def values_by_place(image):
    """Voxel values in the order of their places in space (RAS, mm)."""
    indices = np.indices(image.shape).reshape(3, -1)
    places = image.affine[:3, :3] @ indices + image.affine[:3, 3:]
    order = np.lexsort(places.round(2))
    return places[:, order], np.asarray(image.dataobj).ravel()[order]


@pytest.mark.parametrize("rotation", [STRAIGHT, OBLIQUE], ids=["straight", "oblique"])
@pytest.mark.parametrize("slices", [range(6), range(5, -1, -1), [3, 0, 5, 1, 4, 2]], ids=["up", "down", "shuffled"])
def test_every_voxel_lies_where_the_tags_put_it(rotation, slices, tmp_path):
    write_subject(tmp_path / "in" / "sub-01", rotation, slices=slices)
    dicom.get(tmp_path / "out" / "participants.tsv", described(tmp_path / "in"))
    assert pd.read_csv(tmp_path / "out" / "participants.tsv", sep="\t")["participant_id"].tolist() == ["sub-01"]
    for suffix, seed in (("T1w", 1), ("T2w", 2)):
        original, stem = scan(rotation, seed), tmp_path / "out/sub-01/anat/sub-01"
        original_path = tmp_path / f"{suffix}.nii.gz"
        io.save(original_path, itk.from_sitk(original), affine_of(original), np.int16)
        found, expected = (values_by_place(io.load(path)) for path in (f"{stem}_{suffix}.nii.gz", original_path))
        np.testing.assert_allclose(found[0], expected[0], atol=1e-3)
        np.testing.assert_array_equal(found[1], expected[1])


def sheared(position, index):
    return position + [0, 0.5 * index, 0]


def one_turned(axes, index):
    return OBLIQUE @ axes if index == 3 else axes


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"slices": [0, 1, 2, 4, 5]}, "a slice every 4.00 mm, found 8.00 mm from slice 3 to 4: slices are missing"),
        ({"slices": [0, 1, 2, 2, 3]}, "expected one volume, found several slices at one place"),
        ({"slices": [2]}, "expected a volume, found one slice"),
        ({"position": sheared}, "expected slices along their normal, found them sheared by 2.5 mm"),
        ({"orientation": one_turned}, "expected slices of one size and orientation, found another in 1-004.dcm"),
    ],
)
def test_slices_that_make_no_volume_are_one_line(changed, message, tmp_path):
    write_subject(tmp_path / "in" / "01", **changed)
    with pytest.raises(
        InputError, match=rf"in/01: 'Ax T1 SE': expected .*{re.escape(message.removeprefix('expected '))}"
    ):
        dicom.get(tmp_path / "out" / "participants.tsv", described(tmp_path / "in"))
    assert not (tmp_path / "out" / "participants.tsv").exists()


def test_a_damaged_file_is_named_and_its_slice_is_missing(tmp_path, capsys):
    write_subject(tmp_path / "in" / "01")
    path = tmp_path / "in" / "01" / "a" / "1-003.dcm"
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(InputError, match="slices are missing"):
        dicom.get(tmp_path / "out" / "participants.tsv", described(tmp_path / "in"))
    assert f"{path}: passed over, DICOM without an image that can be read" in capsys.readouterr().out


def test_a_converter_that_puts_voxels_elsewhere_is_not_believed(tmp_path, monkeypatch):
    write_subject(tmp_path / "in" / "01")
    affine = affine_of(scan()) + np.diag([0, 0, 0.1, 0])
    io.save(tmp_path / "out.nii.gz", itk.from_sitk(scan()), affine, np.int16)
    program = tmp_path / "bin" / "dcm2niix"
    program.parent.mkdir()
    # the last argument is the series' folder, beside which the result is expected
    copy = f'for last; do :; done; cp "{tmp_path / "out.nii.gz"}" "$(dirname "$last")"'
    program.write_text(f"#!/bin/sh\n{copy}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    with pytest.raises(
        InputError, match=r"'Ax T1 SE': expected voxels where the DICOM tags put them, .* 0\.50 mm away"
    ):
        dicom.get(tmp_path / "out" / "participants.tsv", described(tmp_path / "in"))


@pytest.mark.parametrize(
    ("series", "message"),
    [
        ({"T1w": "flair"}, r"in/01: expected one series like 'flair', found none among 2: 'Ax T1 SE', 'Ax T2 TSE'"),
        ({"T1w": "^ax"}, r"in/01: expected one series like '\^ax', found 2: 'Ax T1 SE', 'Ax T2 TSE'"),
    ],
)
def test_no_series_and_two_series_are_one_line(series, message, tmp_path):
    write_subject(tmp_path / "in" / "01")
    with pytest.raises(InputError, match=message):
        dicom.get(tmp_path / "out" / "participants.tsv", described(tmp_path / "in", series=series))


def test_all_faults_are_named_and_the_others_can_be_chosen(tmp_path, capsys):
    for name in ("sub-01", "sub-02", "sub-03"):
        write_subject(tmp_path / "in" / name)
    shutil.rmtree(tmp_path / "in" / "sub-02" / "b")
    shutil.rmtree(tmp_path / "in" / "sub-03")
    (tmp_path / "in" / "sub-03").mkdir()
    output = tmp_path / "out" / "participants.tsv"
    with pytest.raises(
        InputError, match=r"in/sub-02: expected one series like 't2', found none among 1: .*2 more above"
    ):
        dicom.get(output, described(tmp_path / "in"))
    said = capsys.readouterr().out
    assert said.count("in/sub-03: expected one series like") == 2
    assert "found none among 0: no DICOM" in said
    dicom.get(output, described(tmp_path / "in", subjects=["01"], series={"T1w": "t1", "T2w": None}))
    # what the first run wrote is gone: of other subjects, and of the modality that is not wanted any more
    assert sorted(path.name for path in output.parent.glob("sub-*/anat/*")) == ["sub-01_T1w.nii.gz"]


@pytest.mark.parametrize(
    ("names", "more", "message"),
    [
        (
            ["01"],
            {"root": "nowhere"},
            r"expected a folder with a folder for each subject, found nowhere",
        ),
        (["01"], {"subjects": ["02"]}, r"expected a folder of subject 02, found none"),
        (["a_1", "a-1"], {}, "a_1: expected a name of its own in letters and digits, found 'a1'"),
        ([], {}, "expected a folder for each subject, found none"),
    ],
)
def test_folders_that_are_no_subjects_are_one_line(names, more, message, tmp_path):
    (tmp_path / "in").mkdir()
    for name in names:
        (tmp_path / "in" / name).mkdir()
    with pytest.raises(InputError, match=message):
        dicom.get(tmp_path / "out" / "participants.tsv", described(**{"root": tmp_path / "in", **more}))
