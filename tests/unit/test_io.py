"""Volume input: what is refused, and with which words."""

import itertools
import locale
import mmap

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from ganreg import io
from ganreg.errors import InputError
from ganreg.spatial import itk


def write(path, data, affine=None):
    nib.save(nib.Nifti1Image(data, np.eye(4) if affine is None else affine), path)
    return path


def test_a_missing_and_a_broken_file_are_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.nii\.gz: expected a NIfTI volume, found no file"):
        io.load(tmp_path / "nowhere.nii.gz")
    (tmp_path / "broken.nii.gz").write_bytes(b"not a volume")
    with pytest.raises(InputError, match=r"broken\.nii\.gz: expected a NIfTI volume, found a file that cannot be read"):
        io.load(tmp_path / "broken.nii.gz")


@pytest.mark.parametrize(
    ("data", "reader", "message"),
    [
        (np.full((3, 3, 3), np.nan, np.float32), io.load_image, "expected finite values, found 27"),
        (np.full((3, 3, 3), 7, np.float32), io.load_image, "found the constant 7 everywhere"),
        (np.zeros((3, 3, 3, 2), np.float32), io.load_image, "expected a 3-D volume, found shape"),
        (np.zeros((3, 0, 3), np.float32), io.load_image, "expected a 3-D volume, found shape"),
        (np.full((3, 3, 3), 0.5, np.float32), io.load_labels, "expected whole label numbers"),
        (np.full((3, 3, 3), -1, np.int16), io.load_labels, "expected whole label numbers"),
    ],
)
def test_bad_volumes_are_refused(tmp_path, data, reader, message):
    path = write(tmp_path / "bad.nii.gz", data)
    with pytest.raises(InputError, match=rf"bad\.nii\.gz: {message}" if message.startswith("exp") else message):
        reader(path)


def test_an_empty_a_cut_off_and_a_damaged_file_are_named(tmp_path):
    data = np.random.default_rng(0).integers(0, 7, (20, 20, 20), dtype=np.int16)
    whole = write(tmp_path / "whole.nii.gz", data).read_bytes()
    damaged = bytearray(whole)
    damaged[len(whole) // 2 : len(whole) // 2 + 50] = b"\xff" * 50
    for name, content in (("empty", b""), ("cut", whole[: len(whole) // 2]), ("damaged", bytes(damaged))):
        (tmp_path / f"{name}.nii.gz").write_bytes(content)
        with pytest.raises(InputError, match=rf"{name}\.nii\.gz: expected a NIfTI volume, found a file that cannot be"):
            io.load_image(tmp_path / f"{name}.nii.gz")


def test_a_file_that_is_not_compressed_is_mapped_and_refused_where_voxels_are_missing(tmp_path):
    data = np.random.default_rng(0).normal(size=(20, 21, 22)).astype(np.float32)
    io.save(tmp_path / "image.nii", data, np.eye(4))
    whole = (tmp_path / "image.nii").read_bytes()
    found = memory = io.load_image(tmp_path / "image.nii").dataobj
    np.testing.assert_array_equal(found, data)
    while isinstance(memory, np.ndarray):
        memory = memory.base
    assert isinstance(memory, mmap.mmap)
    # a byte less, and nothing but the header
    for size in (len(whole) - 1, 352):
        (tmp_path / "cut.nii").write_bytes(whole[:size])
        with pytest.raises(InputError, match=rf"cut\.nii: expected {len(whole)} bytes, .*, found {size}$"):
            io.load(tmp_path / "cut.nii")


def forms(qform, of_qform, sform, of_sform):
    """A volume that says twice where its voxels are."""
    image = nib.Nifti1Image(np.arange(64, dtype=np.float32).reshape(4, 4, 4), None)
    image.set_qform(qform, of_qform)
    image.set_sform(sform, of_sform)
    return image


def shifted(millimeters):
    affine = np.diag([2.0, 2, 2, 1])
    affine[0, 3] = millimeters
    return affine


def test_of_two_places_the_aligned_one_counts_and_a_contradiction_is_refused(tmp_path):
    path = tmp_path / "image.nii.gz"
    for image, place in (
        (forms(shifted(0), 1, shifted(0.3), 1), 0.3),
        (forms(shifted(0), 1, shifted(30), 2), 30),
        (forms(shifted(7), 1, None, 0), 7),
    ):
        nib.save(image, path)
        assert io.load(path).affine[0, 3] == pytest.approx(place)
    nib.save(forms(shifted(0), 1, shifted(30), 1), path)
    with pytest.raises(InputError, match=r"image.nii.gz: expected one place for each voxel, found .* 30\.0 mm apart"):
        io.load(path)
    nib.save(forms(None, 0, None, 0), path)
    with pytest.raises(InputError, match=r"image.nii.gz: expected a qform or sform .*, found neither"):
        io.load(path)


ORIENTATIONS = [
    "".join(codes) for axes in itertools.permutations(("LR", "PA", "IS")) for codes in itertools.product(*axes)
]


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_volumes_come_in_ras_order_however_they_lie(codes, tmp_path):
    data = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    ras = nib.Nifti1Image(data, np.diag([2, 2, 2, 1.0]))
    turned = ras.as_reoriented(nib.orientations.ornt_transform(nib.io_orientation(ras.affine), orientation(codes)))
    assert "".join(nib.aff2axcodes(turned.affine)) == codes
    nib.save(turned, tmp_path / "turned.nii.gz")
    image = io.load_image(tmp_path / "turned.nii.gz")
    np.testing.assert_array_equal(np.asarray(image.dataobj), data)
    io.require_same_grid(ras, "as it was", image, "turned")


def orientation(codes):
    return nib.orientations.axcodes2ornt(codes)


def test_different_grids_are_refused(tmp_path):
    first, second = (nib.Nifti1Image(np.zeros(shape), np.eye(4)) for shape in ((3, 3, 3), (3, 3, 4)))
    with pytest.raises(InputError, match=r"b: expected the shape of a, \(3, 3, 3\), found \(3, 3, 4\)"):
        io.require_same_grid(first, "a", second, "b")
    moved = np.eye(4)
    moved[0, 3] = 0.5
    with pytest.raises(InputError, match=r"differs by 0\.5"):
        io.require_same_grid(first, "a", nib.Nifti1Image(np.zeros((3, 3, 3)), moved), "b")


def test_an_output_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "table.csv"
    target.write_text("old")

    def fail_halfway():
        with io.atomic(target) as beside:
            beside.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_same_volume_is_the_same_file(tmp_path):
    data = np.random.default_rng(0).random((5, 5, 5))
    for name in ("a.nii.gz", "b.nii.gz"):
        io.save(tmp_path / name, data, np.eye(4))
    # gzip keeps neither name nor time
    assert io.sha256(tmp_path / "a.nii.gz") == io.sha256(tmp_path / "b.nii.gz")


def test_simpleitk_sees_voxels_where_nibabel_does():
    affine = np.array([[0.0, -2, 0, 5], [1.5, 0, 0, -7], [0, 0, 3, 11], [0, 0, 0, 1]])
    image = itk.to_sitk(np.zeros((4, 5, 6), np.float32), affine)
    ras = (affine @ [1, 2, 3, 1])[:3]
    np.testing.assert_allclose(image.TransformIndexToPhysicalPoint((1, 2, 3)), ras * [-1, -1, 1])


def test_a_matrix_survives_simpleitk():
    matrix = np.eye(4)
    matrix[:3] += np.random.default_rng(0).normal(0, 0.1, (3, 4))
    np.testing.assert_allclose(itk.affine_matrix(itk.to_transform(matrix)), matrix, atol=1e-12)


def test_text_is_utf8_in_any_locale(tmp_path):
    before = locale.setlocale(locale.LC_ALL)
    try:
        # as SimpleITK's DICOM writer leaves it
        locale.setlocale(locale.LC_ALL, "C")
        io.write_text(tmp_path / "text.txt", "Schädel")
        (tmp_path / "content.json").write_bytes('{"Kopf": "Schädel"}'.encode())
        assert io.read_json(tmp_path / "content.json") == {"Kopf": "Schädel"}
    finally:
        locale.setlocale(locale.LC_ALL, before)
    assert (tmp_path / "text.txt").read_bytes() == "Schädel".encode()


def test_a_full_disk_is_one_line(tmp_path):
    def fill():
        with io.atomic(tmp_path / "table.csv"):
            raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match=r"table.csv: expected room to write it, found none: No space left"):
        fill()
    assert not list(tmp_path.iterdir())


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_volume_is_read_as_it_was_written(data):
    shape = tuple(data.draw(st.lists(st.integers(1, 6), min_size=3, max_size=3), "shape"))
    dtype = data.draw(st.sampled_from([np.uint8, np.int16, np.int32, np.float32, np.float64]), "dtype")
    spacing = data.draw(st.lists(st.floats(0.3, 8), min_size=3, max_size=3), "spacing")
    # less than half a right angle in all: the nearest orientation stays RAS
    angles = data.draw(st.lists(st.floats(-12, 12), min_size=3, max_size=3), "angles")
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ np.diag(spacing)
    affine[:3, 3] = data.draw(st.lists(st.floats(-200, 200), min_size=3, max_size=3), "origin")
    values = np.random.default_rng(data.draw(st.integers(0, 99), "seed")).integers(0, 200, shape)
    with io.scratch() as folder:
        path = folder / "volume.nii.gz"
        io.save(path, values, affine, dtype)
        image = io.load(path)
        labels = np.asarray(io.load_labels(path).dataobj)
        header = nib.load(path).header
    np.testing.assert_array_equal(np.asarray(image.dataobj), values)
    assert header.get_data_dtype() == dtype
    np.testing.assert_array_equal(labels, values)
    assert labels.dtype == np.int32
    # a header's numbers are of single precision
    np.testing.assert_allclose(image.affine, affine, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(header.get_qform(), affine, atol=1e-3)


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_are_read_as_a_volume_by_chance(content):
    with io.scratch() as folder:
        for name in ("noise.nii", "noise.nii.gz"):
            (folder / name).write_bytes(content)
            with pytest.raises(InputError, match=f"{name}: expected"):
                io.load(folder / name)


def test_a_table_is_text_of_six_digits(tmp_path):
    frame = pd.DataFrame({"pair": ["a", "b"], "dice": [2 / 3, np.nan], "count": [1, 2]})
    io.write_table(tmp_path / "table.csv", frame)
    assert (tmp_path / "table.csv").read_bytes() == b"pair,dice,count\na,0.666667,1\nb,,2\n"
