"""RIRE's format: the real T1 and gold standard, volumes packed in each way, and what is refused."""

import gzip
import subprocess

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from loopback import packed

from ganreg import io
from ganreg.errors import InputError
from ganreg.get import rire
from ganreg.spatial import itk

IMPATIENT = {"timeout": 0.5, "pause": 0.01}
SIZE = (6, 5, 4)
SPACING = (1.25, 1.25, 4.0)
# a real one has more entries, in five groups
HEADER = """Group length := 100
Modality := MR
Slice thickness := 4.000000

Patient Orientation := L : P : H

Rows := 5
Columns := 6
Slices := 4
Pixel size := 1.250000 : 1.250000
Bits allocated := 16
Pixel representation := 1
"""
# written by `compress`: (SIZE) voxels 0, 1, 2, ... in two bytes, the first one the larger
COMPRESSED = bytes.fromhex(
    "1f9d90000206002000c00000040014006000c0010008002400a000c002000c003400e000c00300100044002001c00400140054006001"
    "c0050018006400a001c006001c007400e001c00700200084002002c00800240094006002c009002800a400a002c00a002c00b400e002"
    "c00b003000c4002003c00c003400d4006003c00d003800e400a003c00e003c00f400e003c00f00400004012004c01000440014016004"
    "c0110048002401a004c012004c003401e004c01300500044012005c01400540054016005c0150058006401a005c016005c007401e005"
    "c01700600084012006c01800640094016006c019006800a401a006c01a006c00b401e006c01b007000c4012007c01c007400d4016007"
    "c01d"
)


def voxels(size=SIZE):
    return np.arange(np.prod(size), dtype=np.int16)


def volume_archive(header=HEADER, name="image.bin", content=None):
    content = voxels().astype(">i2").tobytes() if content is None else content
    return packed(("mr_T1/header.ascii", header.encode()), (f"mr_T1/{name}", content), mode="w:gz")


def read(tmp_path, *arguments, **keywords):
    (tmp_path / "mr_T1.tar.gz").write_bytes(volume_archive(*arguments, **keywords))
    return rire.read_volume(tmp_path / "mr_T1.tar.gz")


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("image.bin", bytes),
        ("image.bin", gzip.compress),
        ("image.bin.Z", gzip.compress),
        ("image.bin.Z", lambda content: COMPRESSED),
    ],
)
def test_a_volume_comes_out_of_every_packing_as_simpleitk_would_read_it(name, pack, tmp_path):
    data, affine = read(tmp_path, name=name, content=pack(voxels().astype(">i2").tobytes()))
    like = sitk.GetImageFromArray(voxels().reshape(SIZE[::-1]))
    like.SetSpacing(SPACING)
    assert data.dtype == np.int16
    np.testing.assert_array_equal(data, itk.from_sitk(like))
    np.testing.assert_array_equal(affine, itk.affine_of(like))
    # x runs along a row, to the left
    assert data[1, 0, 0] == 1
    assert data[0, 1, 0] == SIZE[0]
    assert nib.aff2axcodes(affine) == ("L", "P", "S")


def test_the_real_t1_is_what_simpleitk_reads(real_rire, tmp_path):
    image = sitk.ReadImage(str(real_rire / "training_001_mr_T1.mha"))
    header = HEADER.replace("Rows := 5", "Rows := 256").replace("Columns := 6", "Columns := 256")
    raw = sitk.GetArrayFromImage(image).astype(">i2").tobytes()
    content = volume_archive(header.replace("Slices := 4", "Slices := 26"), content=raw)
    (tmp_path / "mr_T1.tar.gz").write_bytes(content)
    data, affine = rire.read_volume(tmp_path / "mr_T1.tar.gz")
    io.save(tmp_path / "t1.nii.gz", data, affine, np.int16)
    written = sitk.ReadImage(str(tmp_path / "t1.nii.gz"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(written), sitk.GetArrayFromImage(image))
    for name in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection"):
        np.testing.assert_allclose(getattr(written, name)(), getattr(image, name)(), atol=1e-6)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Rows := 5\n", "", "expected an entry 'rows', found none"),
        ("Rows := 5", "Rows := many", "expected numbers of voxels and mm, found otherwise"),
        ("L : P : H", "L : A : H", "expected patient orientation L : P : H, found L : A : H"),
        ("allocated := 16", "allocated := 8", "expected bits allocated 16, found 8"),
        ("1.250000 : 1.250000", "1.250000 : 1.3", r"expected square pixels, found 1.250000 : 1\.3"),
        ("thickness := 4.000000", "thickness := 0", "expected positive sizes, found"),
        ("Slices := 4", "Slices := 5", "image.bin: expected 300 bytes by header.ascii, found 240"),
        ("Slices := 4", "Slices := 40000000", "expected at most 100 MB a volume, found 2400"),
    ],
)
def test_a_header_that_does_not_fit_is_one_line(old, new, message, tmp_path):
    with pytest.raises(InputError, match=rf"mr_T1\.tar\.gz.*{message}"):
        read(tmp_path, HEADER.replace(old, new))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("image.bin", b"", "expected 240 bytes by header.ascii, found 0"),
        ("image.bin.Z", COMPRESSED[: len(COMPRESSED) // 2], "expected 240 bytes by header.ascii, found"),
        ("image.bin.Z", b"\x1f\x9d\x90" + b"\xff" * 50, "found a file that cannot be unpacked"),
        ("image.bin.Z", gzip.compress(bytes(240))[:-9], "found a file that cannot be unpacked"),
        ("image.bin", gzip.compress(bytes(10**6)), "expected 240 bytes by header.ascii, found more"),
        ("image.raw", bytes(240), "expected one image.bin or image.bin.Z, found none"),
    ],
)
def test_voxels_that_do_not_come_out_are_one_line(name, content, message, tmp_path):
    with pytest.raises(InputError, match=message):
        read(tmp_path, name=name, content=content)


def test_two_headers_are_one_line(tmp_path):
    entries = [(f"{folder}/header.ascii", HEADER.encode()) for folder in "ab"]
    (tmp_path / "ct.tar.gz").write_bytes(packed(*entries, mode="w:gz"))
    with pytest.raises(InputError, match=r"expected one header.ascii, found 2"):
        rire.read_volume(tmp_path / "ct.tar.gz")


def planted():
    """A rigid motion in LPS mm."""
    matrix = np.eye(4)
    matrix[:3, :3] = itk.affine_matrix(sitk.Euler3DTransform((0, 0, 0), 0.1, -0.05, 0.2))[:3, :3]
    matrix[:3, 3] = [5, -17, -27]
    return matrix


def truth(matrix, size=SIZE, spacing=SPACING, source="CT", target="mr_T1"):
    """A gold standard as RIRE writes it."""
    extent = (np.array(size) - 1) * spacing
    corners = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)]) * extent
    moved = corners @ matrix[:3, :3].T + matrix[:3, 3]
    lines = [
        f"{number:3d}  " + "".join(f"{value:11.4f}" for value in (*corner, *new))
        for number, (corner, new) in enumerate(zip(corners, moved, strict=True), start=1)
    ]
    head = f"Transformation Parameters\n\nDate: 9th August 1996\nPatient number: 001\nFrom: {source}\nTo: {target}\n\n"
    return "\n".join([head, "Point      x          y          z        new_x       new_y       new_z", "", *lines, ""])


def test_the_real_gold_standard_has_the_stated_rotation_and_translation(real_rire):
    ends, matrix, corners = rire.read_truth((real_rire / "ct_T1.standard").read_text(), "ct_T1.standard")
    assert ends == ("ct", "mr_T1")
    stated = [[0.997000, 0.077380, -0.001818], [-0.077398, 0.996450, -0.033132], [-0.000752, 0.033173, 0.999449]]
    np.testing.assert_allclose(matrix[:3, 3], [5.03686, -17.49695, -27.16499], atol=1e-3)
    np.testing.assert_allclose(matrix[:3, :3], stated, atol=1e-6)
    # what is stated and what is fitted put every corner at one place
    moved = corners @ np.array(stated).T + [5.03686, -17.49695, -27.16499]
    np.testing.assert_allclose(corners @ matrix[:3, :3].T + matrix[:3, 3], moved, atol=1e-3)


def test_a_planted_gold_standard_is_found_again():
    ends, matrix, corners = rire.read_truth(truth(planted(), target="MR-PD-rectified"), "x")
    assert ends == ("ct", "mr_PD_rectified")
    np.testing.assert_allclose(matrix, planted(), atol=1e-4)
    np.testing.assert_allclose(corners.max(axis=0), (np.array(SIZE) - 1) * SPACING)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("From: CT", "From: X-ray", "expected `From:` and one of ct, pet, .*found X-ray"),
        ("To: mr_T1\n", "\n", "expected `To:` and one of ct, pet, .*found None"),
        ("\n  8  ", "\nno 8  ", "expected points 1 to 8 with six coordinates each, found 7 lines"),
        ("\n  8  ", "\n  7  ", "expected points 1 to 8"),
        ("12.0000", "12,0000", "expected lines of numbers"),
        ("5.0000", "6.0000", r"expected a rigid motion to 0\.01 mm, found 0\.\d+ mm left"),
        ("5.0000", "nan", "expected points 1 to 8 with six coordinates each"),
    ],
)
def test_a_malformed_gold_standard_is_one_line(old, new, message):
    text = truth(planted())
    assert old in text
    with pytest.raises(InputError, match=f"ct_T1.standard: {message}"):
        rire.read_truth(text.replace(old, new, 1), "ct_T1.standard")


OPTIONS = {"accept_licence": True, "cases": [], "series": ["ct", "mr_T1", "mr_T2"]}


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
    source = {"dataset": "rire", "name": "RIRE", "url": server.url(""), "licence": "CC BY 3.0 US", "citation": "RIRE"}
    return source, files


def test_rire_becomes_a_bids_folder_with_the_gold_standard_beside_it(addresses, server, tmp_path, capsys):
    output = tmp_path / "rire" / "participants.tsv"
    rire.get(*addresses, output, OPTIONS, **IMPATIENT)
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
    rire.get(*addresses, output, {**OPTIONS, "cases": ["patient_001"], "series": ["mr_T1"]}, **IMPATIENT)
    assert [path.name for path in output.parent.glob("sub-*/anat/*")] == ["sub-p001_T1w.nii.gz"]
    assert len(server.asked) == asked


def test_a_gold_standard_of_another_volume_is_one_line(addresses, server, tmp_path):
    other = ("ct_T1.standard", truth(planted(), size=(7, 5, 4)).encode())
    server.files["transformations.tar.gz"] = packed(other, mode="w:gz")
    with pytest.raises(InputError, match=r"ct_T1.standard: expected the corners of .*sub-t001_ct.nii.gz"):
        rire.get(*addresses, tmp_path / "participants.tsv", {**OPTIONS, "cases": ["training_001"]}, **IMPATIENT)
    assert not (tmp_path / "participants.tsv").exists()


def test_a_volume_that_its_header_does_not_fit_is_not_kept(addresses, server, tmp_path):
    server.files["patient_001/mr_T1.tar.gz"] = volume_archive(content=bytes(10))
    options = {**OPTIONS, "cases": ["patient_001"], "series": ["mr_T1"]}
    with pytest.raises(InputError, match=r"mr_T1.tar.gz: image.bin: expected 240 bytes .*: nothing was kept"):
        rire.get(*addresses, tmp_path / "participants.tsv", options, **IMPATIENT)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_changed_archive_is_noticed(addresses, server, tmp_path):
    options = {**OPTIONS, "cases": ["patient_001"], "series": ["mr_T1"]}
    rire.get(*addresses, tmp_path / "participants.tsv", options, **IMPATIENT)
    (tmp_path / "sourcedata/patient_001/mr_T1.tar.gz").write_bytes(volume_archive(content=bytes(240)))
    with pytest.raises(
        InputError, match=r"mr_T1.tar.gz: expected MD5 .*checksums.md5 has the MD5 of the file that cam"
    ):
        rire.get(*addresses, tmp_path / "participants.tsv", options, **IMPATIENT)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"accept_licence": False}, r"rire: expected `rire: {accept_licence: true}` for CC BY 3\.0 US; cite: RIRE"),
        ({"cases": ["patient_009"]}, "rire: expected cases among patient_001, .*, found patient_009"),
    ],
)
def test_without_licence_or_with_an_unknown_case_nothing_is_asked_for(more, message, addresses, server, tmp_path):
    with pytest.raises(InputError, match=message):
        rire.get(*addresses, tmp_path / "participants.tsv", {**OPTIONS, **more}, **IMPATIENT)
    assert server.asked == []


def test_the_shipped_table_has_all_cases_and_names_series_that_can_be_read(root):
    files = pd.read_csv(root / "resources" / "downloads.tsv", sep="\t")
    cases = [rire.case_of(path) for path in files.loc[files["dataset"] == "rire", "path"]]
    assert len(set(cases)) == len(cases)
    assert {case for case, _ in cases} == {
        rire.TRAINING, *(f"patient_{hundred}0{number}" for hundred in (0, 1) for number in range(1, 10))
    }  # fmt: skip
    assert {series for _, series in cases} == {*rire.SERIES, rire.TRUTH}
    pairs = [case for case, series in cases if series == "mr_T2" and (case, "mr_T1") in cases]
    assert len(pairs) == 18
    assert len([case for case, series in cases if series == "pet"]) == 8


def test_compressed_bytes_of_the_test_are_those_of_compress(tmp_path):
    unpacked = subprocess.run(["gzip", "-dc"], input=COMPRESSED, capture_output=True, check=True).stdout
    assert unpacked == voxels().astype(">i2").tobytes()
