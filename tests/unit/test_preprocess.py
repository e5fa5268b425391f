"""Normalization, resampling and labels with known answers."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from conftest import ROOT
from scipy import ndimage

from ganreg.errors import InputError
from ganreg.get import template
from ganreg.preprocess import align, resample
from ganreg.simulate import cohort
from ganreg.spatial import itk
from ganreg.volumes import labels, normalize


def test_zscore_and_shift_inside_and_zero_outside():
    rng = np.random.default_rng(0)
    data, mask = rng.normal(100, 20, (10, 10, 10)), rng.random((10, 10, 10)) > 0.5
    scores = normalize.zscore(data, mask, "x")
    assert abs(scores[mask].mean() - normalize.SHIFT) < 1e-6
    assert abs(scores[mask].std() - 1) < 1e-6
    assert (scores[~mask] == 0).all()
    # the background is darker than the brain
    assert np.quantile(scores[mask], 0.001) > 0.5


def test_an_empty_mask_and_a_flat_brain_are_refused():
    data = np.ones((4, 4, 4))
    with pytest.raises(InputError, match=r"t1\.nii: expected a brain mask that holds voxels"):
        normalize.zscore(data, data > 2, "t1.nii")
    with pytest.raises(InputError, match="found the constant 1"):
        normalize.zscore(data, data > 0, "t1.nii")


def smooth_image(shape=(24, 24, 24), sigma=3):
    return ndimage.gaussian_filter(np.random.default_rng(0).standard_normal(shape), sigma).astype(np.float32)


def test_resampling_by_a_planted_shift_recovers_the_values():
    image = nib.Nifti1Image(smooth_image(), np.eye(4))
    matrix = np.eye(4)
    matrix[:3, 3] = [2, 0, -1]
    moved = resample.resample_image(image, itk.to_transform(matrix), image.shape, image.affine)
    expected = np.asarray(image.dataobj)[8:16, 6:14, 5:13]
    np.testing.assert_allclose(moved[6:14, 6:14, 6:14], expected, atol=1e-5)


def test_coarser_grids_are_low_passed_and_finer_ones_are_not():
    noise = nib.Nifti1Image(np.random.default_rng(0).standard_normal((32, 32, 32)).astype(np.float32), np.eye(4))
    identity = sitk.Transform(3, sitk.sitkIdentity)
    coarse = resample.resample_image(noise, identity, (8, 8, 8), np.diag([4.0, 4, 4, 1]))
    # white noise averaged over a profile 4 mm wide keeps a small part of its deviation
    assert coarse[1:-1, 1:-1, 1:-1].std() < 0.25
    same = resample.resample_image(noise, identity, noise.shape, noise.affine)
    np.testing.assert_allclose(same, np.asarray(noise.dataobj), atol=1e-4)


def test_labels_stay_themselves_on_their_own_grid_and_shrink_fairly():
    native = np.zeros((24, 24, 24), np.int32)
    native[4:12, 4:20, 4:20], native[12:20, 4:20, 4:20] = 3, 7
    identity = sitk.Transform(3, sitk.sitkIdentity)
    same = resample.resample_labels(native, np.eye(4), identity, native.shape, np.eye(4))
    np.testing.assert_array_equal(same, native)
    coarse_affine = np.diag([2.0, 2, 2, 1])
    coarse_affine[:3, 3] = 0.5
    coarse = resample.resample_labels(native, np.eye(4), identity, (12, 12, 12), coarse_affine)
    assert set(np.unique(coarse)) == {0, 3, 7}
    for label in (3, 7):
        assert abs((coarse == label).sum() * 8 / (native == label).sum() - 1) < 0.05


def test_the_grid_is_centered_on_the_brain():
    mask = np.zeros((20, 20, 20), bool)
    mask[4:11, 6:9, 2:15] = True
    affine = resample.grid_affine(mask, np.eye(4), (8, 8, 8), 2.0)
    np.testing.assert_allclose((affine @ [3.5, 3.5, 3.5, 1])[:3], [7, 7, 8])


def test_a_grid_that_would_cut_the_brain_is_refused():
    mask = np.zeros((20, 20, 20), bool)
    mask[4:11, 6:9, 2:16] = True
    affine = np.diag([-2.0, 2, 2, 1])
    resample.grid_affine(mask, affine, (8, 8, 8), 4.0)
    with pytest.raises(
        InputError,
        match=r"grid: expected .* a box of 12 x 4 x 26 mm or more, .*, found 24 x 24 x 24 mm",
    ):
        resample.grid_affine(mask, affine, (8, 8, 8), 3.0)


def test_alignment_recovers_a_planted_movement():
    size = (48, 56, 48)
    axes = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in size], indexing="ij"))
    head = np.sqrt((axes**2 / np.array([0.6, 0.75, 0.6]).reshape(3, 1, 1, 1) ** 2).sum(axis=0)) < 1
    inner = smooth_image(size, 2.5)
    data = (head * (2 + inner / inner.std())).astype(np.float32)
    affine = np.diag([3.0, 3, 3, 1])
    planted = itk.affine_matrix(sitk.Euler3DTransform((70, 80, 70), 0.06, -0.05, 0.08, (4, -3, 5)))
    moved = resample.resample_image(
        nib.Nifti1Image(data, affine), itk.to_transform(np.linalg.inv(planted)), size, affine
    )
    corners = np.array([[20, 20, 20, 1], [120, 20, 60, 1], [60, 140, 100, 1.0]]).T

    rigid = align.align_rigid(nib.Nifti1Image(data, affine), nib.Nifti1Image(moved, affine), "moved")
    assert np.abs(itk.affine_matrix(rigid) @ corners - planted @ corners).max() < 1.0
    brain, back = nib.Nifti1Image(head.astype(np.uint8), affine), itk.to_transform(np.linalg.inv(planted))
    mask = resample.resample_mask(brain, back, nib.Nifti1Image(moved, affine))
    found = align.align_affine(data, affine, nib.Nifti1Image(moved, affine), mask, "moved")
    assert np.abs(itk.affine_matrix(found) @ corners - planted @ corners).max() < 2.0


@pytest.fixture(scope="module")
def brain():
    """The template's T1w, T2w and mask at 3 mm, and their affine."""
    volumes, affine = cohort.coarsen(*template.load_template(template.icbm152_files()), 3)
    return volumes, affine


def second_scan(brain, enlarged=1.0):
    """The T2w of the brain, moved, in thick slices of which the lowest are missing, its header enlarged."""
    volumes, affine = brain
    moved = itk.affine_matrix(sitk.Euler3DTransform((0, 0, 0), 0.06, -0.05, 0.08, (4, -3, 5)))
    grid = affine @ np.diag([1, 1, 2, 1])
    grid[2, 3] += 40
    shape = (*volumes["T2w"].shape[:2], 20)
    image = resample.resample_image(nib.Nifti1Image(volumes["T2w"], affine), itk.to_transform(moved), shape, grid)
    return nib.Nifti1Image(image, np.diag([enlarged, enlarged, enlarged, 1]) @ grid)


def test_a_second_scan_of_one_head_is_taken_and_one_that_cannot_be_is_refused(brain):
    volumes, affine = brain
    fixed, mask = nib.Nifti1Image(volumes["T1w"], affine), volumes["mask"]
    for enlarged in (1.0, 1.04, 0.96):
        moving = second_scan(brain, enlarged)
        ratio = align.require_same_head(fixed, mask, moving, align.align_rigid(fixed, moving, "t2"), "t2")
        assert ratio == pytest.approx(enlarged**3, rel=0.08)
    for enlarged in (1.25, 0.8):
        moving = second_scan(brain, enlarged)
        rigid = align.align_rigid(fixed, moving, "t2")
        with pytest.raises(InputError, match=r"t2: expected a brain of the other scan's size, found [01]\.\d\d of its"):
            align.require_same_head(fixed, mask, moving, rigid, "t2")
    away = sitk.Euler3DTransform((0, 0, 0), 0, 0, 0, (0, 0, 90))
    with pytest.raises(InputError, match=r"t2: expected at least 50% of the brain in its field of view, found \d+%"):
        align.require_same_head(fixed, mask, second_scan(brain), away, "t2")


TABLES = sorted((ROOT / "resources" / "labels").glob("*.tsv"))
assert len(TABLES) >= 5


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_shipped_label_tables_mirror_left_and_right(path):
    listed = labels.structures(labels.read_table(path)).set_index("index")
    assert 28 <= len(listed) <= 40
    assert (listed["mirror"] > 0).all()
    assert (listed.loc[listed["mirror"], "mirror"].to_numpy() == listed.index).all()
    for index, row in listed.iterrows():
        other = listed.loc[row["mirror"], "name"]
        swapped = row["name"].replace("left", "\0").replace("right", "left").replace("\0", "right")
        assert other == swapped, index


@pytest.mark.parametrize(
    ("name", "count", "cortex"),
    [
        ("freesurfer", 119, {1024: "left frontal cortex", 2035: "right insular cortex"}),
        ("synthseg", 32, {3: "left cerebral cortex", 42: "right cerebral cortex"}),
        ("transmorph", 119, {1024: "left cerebral cortex", 42: "right cerebral cortex", 24: "cerebrospinal fluid"}),
    ],
)
def test_freesurfers_numbers_become_its_structures(name, count, cortex, root):
    table = labels.read_table(root / "resources" / "labels" / f"{name}.tsv")
    assert len(table) == count
    known = {10: "left thalamus", 49: "right thalamus", 17: "left hippocampus", 53: "right hippocampus"}
    known |= {14: "third ventricle", 16: "brain stem", 28: "left ventral diencephalon", 58: labels.REST, **cortex}
    found = labels.to_structures(np.array([*known]), table, np.ones(len(known), bool))
    names = labels.structures(table).set_index("index")["name"]
    assert names[found].tolist() == [*known.values()]
    if name == "transmorph":
        # the structures over which TransMorph's Dice is, and the rest
        assert len(names) == 30 + 1


def test_labels_become_structures_and_the_rest_of_the_brain(tmp_path):
    path = tmp_path / "dseg.tsv"
    path.write_text("index\tname\tstructure\n1\ta\tone\n5\tb\tone\n7\tc\t\n")
    native, mask = np.array([0, 1, 5, 7, 9, 0]), np.array([0, 1, 1, 1, 1, 1], bool)
    result = labels.to_structures(native, labels.read_table(path), mask)
    np.testing.assert_array_equal(result, [0, 1, 1, 2, 2, 2])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("number\tname\n1\ta\n", "found no index"),
        ("index\tname\n1\ta\n1\tb\n", "found 1 twice"),
        ("index\tname\n" + "".join(f"{n}\tarea {n}\n" for n in range(1, 256)), "at most 254 structures .*found 255"),
        ("index\tname\none\ta\n", "whole numbers as index"),
        ("index\tname\tmirror\n1\ta\tz\n", "expected mirrors among the structures, found 'z'"),
    ],
)
def test_bad_label_tables_are_refused(tmp_path, text, message):
    path = tmp_path / "dseg.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"dseg\.tsv.*{message}"):
        labels.read_table(path)
