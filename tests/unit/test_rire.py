"""RIRE as a BIDS folder: its gold standard beside it, and what stops it."""

import numpy as np
import pandas as pd
import pytest
from loopback import packed
from rire_files import SIZE, planted, truth, volume_archive

from ganreg import io
from ganreg.errors import InputError
from ganreg.get import rire, rire_format
from ganreg.get.download import Source
from ganreg.get.settings import Rire
from ganreg.spatial import itk

IMPATIENT = {"timeout": 0.5, "pause": 0.01}


def chosen(**more):
    return Rire(**{"accept_licence": True, "series": ["ct", "mr_T1", "mr_T2"], **more})


@pytest.fixture
def addresses(server):
    """Archives as they lie on the real server: the training case at the top, one patient without T2."""
    standard = ("transformations/ct_T1.standard", truth(planted()).encode())
    server.files["transformations.tar.gz"] = packed(standard, mode="w:gz")
    for folder in ("", "patient_001/", "patient_103/"):
        for series in ("ct", "mr_T1", "mr_T2", "pet"):
            if (folder, series) != ("patient_103/", "mr_T2"):
                server.files[f"{folder}{series}.tar.gz"] = volume_archive()
    files = pd.DataFrame({"path": sorted(server.files), "md5": "", "megabytes": 0.5})
    return Source("rire", "RIRE", server.url(""), "CC BY 3.0 US", "RIRE"), files


def test_rire_becomes_a_bids_folder_with_the_gold_standard_beside_it(addresses, server, tmp_path, capsys):
    output = tmp_path / "rire" / "participants.tsv"
    rire.get(*addresses, output, chosen(), **IMPATIENT)
    table = pd.read_csv(output, sep="\t").set_index("participant_id")
    assert list(table.index) == ["sub-p001", "sub-p103", "sub-t001"]
    assert list(table["case"]) == ["patient_001", "patient_103", "training_001"]
    assert list(table["T2w"]) == ["yes", "no", "yes"]
    assert "rire: patient_103 has no mr_T2" in capsys.readouterr().out
    names = {path.relative_to(output.parent).as_posix() for path in output.parent.glob("sub-*/anat/*")}
    stems = [f"sub-{s}/anat/sub-{s}_{m}.nii.gz" for s in ("p001", "p103", "t001") for m in ("T1w", "T2w", "ct")]
    assert names == {*stems} - {"sub-p103/anat/sub-p103_T2w.nii.gz"}

    # a point of the CT and where the gold standard puts it in the T1, both by their own headers
    xfm = output.parent / "derivatives/truth/sub-t001/anat/sub-t001_from-ct_to-T1w_desc-true_xfm.txt"
    ct = io.load(output.parent / "sub-t001/anat/sub-t001_ct.nii.gz")
    lps = np.array([2 * 1.25, 3 * 1.25, 1 * 4.0, 1])
    # voxel (2, 3, 1) of the file is (3, 1, 1) after both axes were turned to RAS
    np.testing.assert_allclose(itk.LPS @ ct.affine @ [SIZE[0] - 1 - 2, SIZE[1] - 1 - 3, 1, 1], lps)
    np.testing.assert_allclose(itk.LPS @ np.loadtxt(xfm) @ itk.LPS @ lps, planted() @ lps, atol=1e-4)

    # fewer cases: the others' images go, and nothing is asked for again
    asked = len(server.asked)
    rire.get(*addresses, output, chosen(cases=["patient_001"], series=["mr_T1"]), **IMPATIENT)
    assert [path.name for path in output.parent.glob("sub-*/anat/*")] == ["sub-p001_T1w.nii.gz"]
    assert len(server.asked) == asked


def test_a_gold_standard_of_another_volume_is_one_line(addresses, server, tmp_path):
    other = ("ct_T1.standard", truth(planted(), size=(7, 5, 4)).encode())
    server.files["transformations.tar.gz"] = packed(other, mode="w:gz")
    with pytest.raises(InputError, match=r"ct_T1.standard: expected the corners of .*sub-t001_ct.nii.gz"):
        rire.get(*addresses, tmp_path / "participants.tsv", chosen(cases=["training_001"]), **IMPATIENT)
    assert not (tmp_path / "participants.tsv").exists()


def test_a_volume_that_its_header_does_not_fit_is_not_kept(addresses, server, tmp_path):
    server.files["patient_001/mr_T1.tar.gz"] = volume_archive(content=bytes(10))
    options = chosen(cases=["patient_001"], series=["mr_T1"])
    with pytest.raises(InputError, match=r"mr_T1.tar.gz: image.bin: expected 240 bytes .*: nothing was kept"):
        rire.get(*addresses, tmp_path / "participants.tsv", options, **IMPATIENT)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_changed_archive_is_noticed(addresses, server, tmp_path):
    options = chosen(cases=["patient_001"], series=["mr_T1"])
    rire.get(*addresses, tmp_path / "participants.tsv", options, **IMPATIENT)
    (tmp_path / "sourcedata/patient_001/mr_T1.tar.gz").write_bytes(volume_archive(content=bytes(240)))
    with pytest.raises(
        InputError, match=r"mr_T1.tar.gz: expected MD5 .*checksums.md5 has the MD5 of the file that cam"
    ):
        rire.get(*addresses, tmp_path / "participants.tsv", options, **IMPATIENT)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"accept_licence": False},
            r"rire: expected the license .*\(accept_licence: true\): CC BY 3\.0 US; cite: RIRE; found false",
        ),
        ({"cases": ["patient_009"]}, "rire: expected cases among patient_001, .*, found patient_009"),
    ],
)
def test_without_license_or_with_an_unknown_case_nothing_is_asked_for(more, message, addresses, server, tmp_path):
    with pytest.raises(InputError, match=message):
        rire.get(*addresses, tmp_path / "participants.tsv", chosen(**more), **IMPATIENT)
    assert server.asked == []


def test_the_shipped_table_has_all_cases_and_names_series_that_can_be_read(root):
    files = pd.read_csv(root / "resources" / "downloads.tsv", sep="\t")
    cases = [rire.case_of(path) for path in files.loc[files["dataset"] == "rire", "path"]]
    assert len(set(cases)) == len(cases)
    assert {case for case, _ in cases} == {
        rire.TRAINING, *(f"patient_{hundred}0{number}" for hundred in (0, 1) for number in range(1, 10))
    }  # fmt: skip
    assert {series for _, series in cases} == {*rire.MODALITIES, rire.TRUTH}
    assert tuple(rire.MODALITIES) == rire_format.SERIES
    pairs = [case for case, series in cases if series == "mr_T2" and (case, "mr_T1") in cases]
    assert len(pairs) == 18
    assert len([case for case, series in cases if series == "pet"]) == 8
