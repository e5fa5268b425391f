"""RIRE's format: the real T1 and gold standard, volumes packed in each way, and what is refused."""

import gzip
import subprocess
from contextlib import suppress

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from conftest import affine_of
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback import packed
from rire_files import HEADER, SIZE, SPACING, planted, truth, volume_archive, voxels

from ganreg import io
from ganreg.errors import InputError
from ganreg.get import rire_format
from ganreg.spatial import itk

# written by `compress`: (SIZE) voxels 0, 1, 2, ... in two bytes, the first one the larger
COMPRESSED = bytes.fromhex(
    "1f9d90000206002000c00000040014006000c0010008002400a000c002000c003400e000c00300100044002001c00400140054006001"
    "c0050018006400a001c006001c007400e001c00700200084002002c00800240094006002c009002800a400a002c00a002c00b400e002"
    "c00b003000c4002003c00c003400d4006003c00d003800e400a003c00e003c00f400e003c00f00400004012004c01000440014016004"
    "c0110048002401a004c012004c003401e004c01300500044012005c01400540054016005c0150058006401a005c016005c007401e005"
    "c01700600084012006c01800640094016006c019006800a401a006c01a006c00b401e006c01b007000c4012007c01c007400d4016007"
    "c01d"
)


def read(tmp_path, *arguments, **keywords):
    (tmp_path / "mr_T1.tar.gz").write_bytes(volume_archive(*arguments, **keywords))
    return rire_format.read_volume(tmp_path / "mr_T1.tar.gz")


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
    np.testing.assert_array_equal(affine, affine_of(like))
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
    data, affine = rire_format.read_volume(tmp_path / "mr_T1.tar.gz")
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
        ("image.bin.Z", gzip.compress(bytes(240), mtime=0)[:-9], "found a file that cannot be unpacked"),
        ("image.bin", gzip.compress(bytes(10**6), mtime=0), "expected 240 bytes by header.ascii, found more"),
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
        rire_format.read_volume(tmp_path / "ct.tar.gz")


def test_the_real_gold_standard_has_the_stated_rotation_and_translation(real_rire):
    series, matrix, corners = rire_format.read_truth((real_rire / "ct_T1.standard").read_text(), "ct_T1.standard")
    assert series == ("ct", "mr_T1")
    stated = [[0.997000, 0.077380, -0.001818], [-0.077398, 0.996450, -0.033132], [-0.000752, 0.033173, 0.999449]]
    np.testing.assert_allclose(matrix[:3, 3], [5.03686, -17.49695, -27.16499], atol=1e-3)
    np.testing.assert_allclose(matrix[:3, :3], stated, atol=1e-6)
    # what is stated and what is fitted put every corner at one place
    moved = corners @ np.array(stated).T + [5.03686, -17.49695, -27.16499]
    np.testing.assert_allclose(corners @ matrix[:3, :3].T + matrix[:3, 3], moved, atol=1e-3)


def test_a_planted_gold_standard_is_found_again():
    series, matrix, corners = rire_format.read_truth(truth(planted(), target="MR-PD-rectified"), "x")
    assert series == ("ct", "mr_PD_rectified")
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
        rire_format.read_truth(text.replace(old, new, 1), "ct_T1.standard")


def test_compressed_bytes_of_the_test_are_those_of_compress(tmp_path):
    unpacked = subprocess.run(["gzip", "-dc"], input=COMPRESSED, capture_output=True, check=True).stdout
    assert unpacked == voxels().astype(">i2").tobytes()


VALUE = st.one_of(
    st.text(alphabet="0123456789.:-+eEnaifLPH ", max_size=12),
    st.integers(-2, 10**30).map(str),
    st.floats().map(str),
    st.sampled_from(["16", "1", "L : P : H", "1.25 : 1.25", "4.0"]),
    st.text(max_size=8),
)
KEYS = ["Rows", "Columns", "Slices", "Pixel size", "Slice thickness", "Bits allocated", "Patient orientation"]
LINE = st.tuples(st.sampled_from([*KEYS, "rows ", "Else"]), st.sampled_from([" := ", ":=", ":"]), VALUE).map("".join)


@given(st.one_of(st.text(max_size=80), st.lists(LINE, max_size=10).map("\n".join)))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_valid_header_or_one_line(text):
    with suppress(InputError):
        shape, spacing = rire_format.read_header(text, "header.ascii")
        assert min(shape) >= 1
        assert all(0 < size < 100 for size in spacing)


@given(st.tuples(*[st.integers(1, 2000)] * 3), st.tuples(*[st.floats(0.01, 99)] * 2))
@settings(max_examples=25, deadline=None)
def test_what_a_header_says_is_what_is_read(shape, sizes):
    columns, rows, slices = shape
    pixel, thickness = sizes
    text = f"Rows := {rows}\nColumns := {columns}\nSlices := {slices}\nPixel size := {pixel!r} : {pixel!r}\n"
    text += f"Slice thickness := {thickness!r}\n"
    assert rire_format.read_header(text, "header.ascii") == (shape, (pixel, pixel, thickness))


def numbered(points):
    return "\n".join(f"{number} {' '.join(map(repr, point))}" for number, point in enumerate(points, start=1))


POINTS = st.lists(st.tuples(*[st.floats()] * 6), min_size=8, max_size=8).map(numbered)


@given(st.one_of(st.lists(LINE, max_size=12).map("\n".join), POINTS))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_valid_gold_standard_or_one_line(text):
    with suppress(InputError):
        _, matrix, _ = rire_format.read_truth("From: CT\nTo: mr_T1\n" + text, "ct_T1.standard")
        assert np.isfinite(matrix).all()


@pytest.mark.parametrize("rows", ["99999999999", "9" * 40])
def test_a_volume_of_no_size_that_there_is_is_one_line(rows, tmp_path):
    with pytest.raises(InputError, match="expected at most 100 MB a volume, found"):
        read(tmp_path, HEADER.replace("Rows := 5", f"Rows := {rows}"))
