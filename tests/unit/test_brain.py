"""From a whole head to a brain without a bias field, aligned and labeled: with known answers and on real subjects."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from ganreg import io
from ganreg.errors import InputError
from ganreg.evaluate import alignment
from ganreg.get import template
from ganreg.preprocess import align, bias, extract, masks, resample, silver
from ganreg.preprocess.settings import BiasCorrection, Propagation
from ganreg.simulate import cohort
from ganreg.simulate.settings import Anatomy
from ganreg.spatial import itk
from ganreg.volumes import labels, normalize, overlap


def subject_of(ixi, subject):
    """T1w image and labels of a real subject."""
    dseg = ixi / "derivatives" / "dlmuse" / f"sub-{subject}" / "anat" / f"sub-{subject}_dseg.nii.gz"
    return io.load_image(ixi / f"sub-{subject}" / "anat" / f"sub-{subject}_T1w.nii.gz"), io.load_labels(dseg)


def test_the_brain_of_a_real_head_is_found(ixi):
    image, dseg = subject_of(ixi, "IXI015")
    mask = extract.brain_mask(image, "IXI015")
    assert overlap.dice(mask, np.asarray(dseg.dataobj) > 0, 1) > 0.97


def test_a_volume_without_a_head_is_one_line():
    data = np.zeros((48, 48, 48), np.float32)
    data[20, 20, 20] = 1
    with pytest.raises(InputError, match=r"dust\.nii: expected a T1w head, found no brain in it"):
        extract.brain_mask(nib.Nifti1Image(data, np.diag([4.0, 4, 4, 1])), "dust.nii")


BIAS = BiasCorrection(spacing_mm=6, iterations=[50, 50, 30])


def biased_brain():
    """A stripped two-tissue brain (3 x 3 x 4 mm), its mask, and the field that was laid over it."""
    shape, affine = (56, 60, 36), np.diag([3.0, 3, 4, 1])
    axes = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij"))
    mask = (axes**2).sum(axis=0) < 0.8
    inner = ndimage.gaussian_filter(np.random.default_rng(1).standard_normal(shape), 2.5)
    tissue = np.where(inner > 0, 150.0, 100.0)
    field = np.exp(0.25 * axes[0] + 0.2 * axes[1] * axes[2])
    noise = np.random.default_rng(2).normal(0, 2, shape)
    return nib.Nifti1Image((mask * (tissue * field + noise)).astype(np.float32), affine), mask, inner > 0


def test_a_bias_field_is_divided_out_at_every_voxel_and_the_scale_stays():
    image, mask, bright = biased_brain()
    corrected = bias.correct(image, mask, BIAS, "x")
    before = np.asarray(image.dataobj)
    for tissue in (mask & bright, mask & ~bright):
        assert corrected[tissue].std() < 0.35 * before[tissue].std()
    assert (corrected[~mask] == 0).all()
    logarithms = [np.log(data[mask & (before > 0)]).mean() for data in (before, corrected)]
    assert logarithms[0] == pytest.approx(logarithms[1], abs=1e-3)


def test_an_image_without_signal_inside_the_mask_is_one_line():
    image, mask, _ = biased_brain()
    dark = nib.Nifti1Image(-np.asarray(image.dataobj), image.affine)
    with pytest.raises(InputError, match=r"dark\.nii: expected values above 0 inside the brain mask, found none"):
        bias.correct(dark, mask, BIAS, "dark.nii")


def ball(liters, spacing=4.0):
    """A mask of so many liters, as an image."""
    radius = (liters * 1e6 * 3 / 4 / np.pi) ** (1 / 3)
    axes = np.stack(np.meshgrid(*[np.arange(48) - 23.5] * 3, indexing="ij")) * spacing
    return nib.Nifti1Image((np.linalg.norm(axes, axis=0) < radius).astype(np.uint8), np.diag([spacing] * 3 + [1]))


def test_the_mask_is_from_a_mask_from_labels_or_from_a_stripped_image(tmp_path):
    reference, path = ball(1.4), tmp_path / "brain.nii.gz"
    expected, affine = np.asarray(reference.dataobj) > 0, reference.affine
    np.testing.assert_array_equal(masks.find_mask("image", reference, tmp_path / "t1.nii.gz"), expected)
    io.save(path, 0.7 * expected, affine)
    np.testing.assert_array_equal(masks.find_mask("mask", reference, tmp_path / "t1.nii.gz", path), expected)
    # labels of two hemispheres with a hole between them, which is filled
    dseg = np.where(np.arange(48)[:, None, None] < 24, 2, 41) * expected
    dseg[22:26, 22:26, 22:26] = 0
    io.save(path, dseg, affine, np.int16)
    np.testing.assert_array_equal(masks.find_mask("labels", reference, tmp_path / "t1.nii.gz", path), expected)


def test_a_mask_of_something_else_is_one_line(tmp_path):
    reference, path = tmp_path / "t1.nii.gz", tmp_path / "mask.nii.gz"
    for liters in (0.3, 2.6):
        with pytest.raises(InputError, match=rf"t1\.nii\.gz: expected a brain of 0\.6 to 2\.2 liters, found {liters}"):
            masks.find_mask("image", ball(liters), reference)
    io.save(path, np.ones((10, 48, 48)), np.eye(4), np.uint8)
    with pytest.raises(InputError, match=r"mask\.nii\.gz: expected the shape of .*t1\.nii\.gz, .*found"):
        masks.find_mask("mask", ball(1.4), reference, path)
    with pytest.raises(InputError, match=r"t1\.nii\.gz: expected a brain mask or labels beside it, found none"):
        masks.find_mask("labels", ball(1.4), reference)


def test_the_mask_moves_to_another_image_with_the_head():
    mask = ball(1.4)
    other = nib.Nifti1Image(np.zeros((48, 48, 24), np.float32), mask.affine @ np.diag([1, 1, 2, 1]))
    rigid = np.eye(4)
    rigid[:3, 3] = [8, -4, 0]
    found = masks.mask_on(other, "t2", mask, "mask", rigid)
    expected = np.roll(np.asarray(mask.dataobj), (2, -1, 0), axis=(0, 1, 2))[:, :, ::2] > 0
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(InputError, match="t2: expected the shape of mask"):
        masks.mask_on(other, "t2", mask, "mask")


def test_outliers_are_far_below_the_median_and_a_uniform_group_has_none():
    usual = np.array([0.95, 0.94, 0.955, 0.945, 0.95, 0.96])
    flagged, limit = alignment.outliers(np.append(usual, 0.8))
    assert flagged.tolist() == [False] * 6 + [True]
    assert 0.9 < limit < 0.94
    # deviations of a thousandth are no failure
    assert not alignment.outliers(np.array([0.95, 0.95, 0.95, 0.949, 0.947]))[0].any()
    # and a brain that fits better than the others is none either
    assert not alignment.outliers(np.append(usual, 0.999))[0].any()


def head():
    """The ICBM-152 head with its skull: T1w, and from it a CT-like and a PET-like volume."""
    files = template.icbm152_files()
    image, mask = io.load_image(files["T1w"]), np.asarray(io.load(files["mask"]).dataobj) > 0.5
    t1w = np.asarray(image.dataobj)
    inside = ndimage.binary_fill_holes(ndimage.binary_closing(t1w > 20, iterations=3))
    away = ndimage.distance_transform_edt(~mask)
    white, fluid = t1w > np.percentile(t1w[mask], 60), t1w < np.percentile(t1w[mask], 15)
    tissue = np.select([mask & white, mask & fluid, mask], [2, 3, 1], 0)
    # Hounsfield units: brain and scalp, fluid, bone, air
    ct = np.where(inside, np.array([30.0, 40, 32, 10])[tissue], -1000)
    ct[inside & (away > 2) & (away < 8) & (t1w < 50)] = 1000
    pet = ndimage.gaussian_filter(np.where(inside, np.array([0.15, 1.0, 0.35, 0.1])[tissue], 0), 3)
    return {"T1w": t1w, "CT": ct, "PET": pet}, mask, image.affine


def planted_movement(rng, center, millimeters, degrees):
    """A rigid world matrix: a turn about a random axis through the center, then a shift in a random direction."""
    axis, shift = rng.standard_normal((2, 3))
    turn = sitk.VersorTransform((axis / np.linalg.norm(axis)).tolist(), np.deg2rad(degrees))
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(turn.GetMatrix(), (3, 3))
    matrix[:3, 3] = center - matrix[:3, :3] @ center + shift / np.linalg.norm(shift) * millimeters
    return matrix


@pytest.mark.parametrize(("contrast", "background", "noise"), [("CT", -1000, 8), ("PET", 0, 0.03)])
def test_ct_and_pet_in_thick_slices_are_brought_back_from_far_away(contrast, background, noise):
    volumes, mask, affine = head()
    shape, grid = (256, 256, 26), np.diag([1.25, 1.25, 4, 1])
    center = affine[:3, :3] @ np.argwhere(mask).mean(axis=0) + affine[:3, 3]
    grid[:3, 3] = center - grid[:3, :3] @ (np.array(shape) - 1) / 2
    rng = np.random.default_rng(0)

    def scan(name, matrix, outside, deviation):
        smooth = itk.to_sitk(ndimage.gaussian_filter(volumes[name].astype(np.float32), (0.4, 0.4, 1.5)), affine)
        reference = itk.to_sitk(np.zeros(shape, dtype=np.uint8), grid)
        data = itk.from_sitk(sitk.Resample(smooth, reference, itk.to_transform(matrix), sitk.sitkLinear, outside))
        return nib.Nifti1Image((data + rng.normal(0, deviation, shape)).astype(np.float32), grid)

    planted = planted_movement(rng, center, 20, 10)
    fixed = scan("T1w", np.eye(4), 0.0, 2)
    moving = scan(contrast, np.linalg.inv(planted), float(background), noise)
    # and in coordinates of its own, where the heads do not even overlap
    elsewhere = np.eye(4)
    elsewhere[:3, 3] = 250, -200, 150
    points = np.vstack([affine[:3, :3] @ np.argwhere(mask)[::997].T + affine[:3, 3:], np.ones(mask.sum() // 997 + 1)])
    points = points[:, np.abs(points[2] - center[2]) < 50]
    for matrix in (np.eye(4), elsewhere):
        found = align.align_rigid(fixed, nib.Nifti1Image(moving.dataobj, matrix @ moving.affine), contrast)
        error = np.linalg.norm((itk.affine_matrix(found) @ points - matrix @ planted @ points)[:3], axis=0)
        assert np.median(error) < 1.25
        assert error.max() < 2.5


def test_the_same_image_is_aligned_without_a_shift_on_even_blocks():
    # 1.5 mm is coarsened in blocks of two, which have no middle voxel
    data = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((80, 80, 80)), 4).astype(np.float32)
    image = nib.Nifti1Image(data / data.std(), np.diag([1.5, 1.5, 1.5, 1]))
    found = itk.affine_matrix(align.align_rigid(image, image, "itself"))
    assert np.abs(found @ [60, 60, 60, 1] - [60, 60, 60, 1]).max() < 0.2


def test_silver_labels_are_nearer_to_the_truth_than_the_affine_atlas(root):
    volumes, affine = cohort.coarsen(*template.load_template(template.icbm152_files()), 2)
    subject = cohort.simulate_subject(volumes, affine, 1, Anatomy())
    image = nib.Nifti1Image(subject.images["T1w"], subject.image_affines["T1w"])
    linear = align.align_affine(volumes["T1w"], affine, image, subject.mask, "subject")
    to_subject = itk.affine_matrix(linear)
    normalized = nib.Nifti1Image(normalize.zscore(subject.images["T1w"], subject.mask, "subject"), image.affine)
    found = silver.propagate(volumes, affine, normalized, to_subject, Propagation(spacing=4))
    back = itk.to_transform(np.linalg.inv(to_subject))
    atlas = resample.resample_labels(volumes["dseg"], affine, back, image.shape, image.affine)

    table = labels.read_table(root / "resources" / "labels" / "cerebra.tsv")
    count = len(labels.structures(table))
    maps = (subject.labels, found, atlas)
    true, propagated, start = (labels.to_structures(each, table, subject.mask) for each in maps)
    overlaps = [overlap.dice(true, each, count)[: count - 1].mean() for each in (propagated, start)]
    assert overlaps[0] > overlaps[1] + 0.05
