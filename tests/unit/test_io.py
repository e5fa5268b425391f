"""Volume input: what is refused, and with which words."""

import nibabel as nib
import numpy as np
import pytest

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
        (np.full((3, 3, 3), 0.5, np.float32), io.load_labels, "expected whole label numbers"),
        (np.full((3, 3, 3), -1, np.int16), io.load_labels, "expected whole label numbers"),
    ],
)
def test_bad_volumes_are_refused(tmp_path, data, reader, message):
    path = write(tmp_path / "bad.nii.gz", data)
    with pytest.raises(InputError, match=rf"bad\.nii\.gz: {message}" if message.startswith("exp") else message):
        reader(path)


def test_volumes_come_in_ras_order_wherever_they_lie(tmp_path):
    data = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    ras = nib.Nifti1Image(data, np.diag([2, 2, 2, 1.0]))
    psr = ras.as_reoriented(nib.orientations.axcodes2ornt("PSR"))
    nib.save(psr, tmp_path / "psr.nii.gz")
    image = io.load_image(tmp_path / "psr.nii.gz")
    assert nib.aff2axcodes(image.affine) == ("R", "A", "S")
    assert sorted(np.asarray(image.dataobj).ravel()) == list(range(24))
    assert image.shape != psr.shape


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


def test_a_matrix_survives_the_way_through_simpleitk():
    matrix = np.eye(4)
    matrix[:3] += np.random.default_rng(0).normal(0, 0.1, (3, 4))
    np.testing.assert_allclose(itk.affine_matrix(itk.to_transform(matrix)), matrix, atol=1e-12)
