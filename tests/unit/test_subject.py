"""One subject onto the grids: known answers, what partial scans add, and the scripts around it."""

import json
import os
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest

from ganreg import io
from ganreg.errors import InputError
from ganreg.preprocess import listing, subject
from ganreg.volumes import bids

SHAPE = (24, 24, 24)
AFFINE = np.diag([2.0, 2, 2, 1])
# voxels of 1 mm over the same box
FINE_AFFINE = np.array([[1, 0, 0, -0.5], [0, 1, 0, -0.5], [0, 0, 1, -0.5], [0, 0, 0, 1]])
WORK, FINE = subject.Target(SHAPE, AFFINE), subject.Target((48, 48, 48), FINE_AFFINE)


def shifted(x, y, z):
    matrix = np.eye(4)
    matrix[:3, 3] = x, y, z
    return matrix


def finer(data):
    return data.repeat(2, 0).repeat(2, 1).repeat(2, 2)


def structures():
    """Two structures and the rest of the brain around them."""
    result = np.zeros(SHAPE, np.int32)
    result[4:20, 4:20, 4:20] = 3
    result[6:10, 8:16, 8:16], result[14:18, 8:16, 8:16] = 1, 2
    return result


def values(seed):
    return np.where(structures() > 0, np.random.default_rng(seed).uniform(3, 5, SHAPE), 0).astype(np.float32)


def scores(data):
    """What mean 4 and standard deviation 1 over the brain make of it."""
    inside = data[data > 0]
    return np.where(data > 0, (data - inside.mean()) / inside.std() + 4, 0)


def aligned(images, to_images):
    brain = nib.Nifti1Image((structures() > 0).astype(np.uint8), AFFINE)
    return subject.Aligned("T1w", brain, structures(), images, to_images)


# the reference lies on the working grid, and the T2w 6 mm further to the right
IMAGES = {"T1w": nib.Nifti1Image(values(0), AFFINE), "T2w": nib.Nifti1Image(values(1), shifted(6, 0, 0) @ AFFINE)}
TO_IMAGES = {"T1w": np.eye(4), "T2w": shifted(6, 0, 0)}


def test_under_the_right_matrices_everything_stays_what_it_is():
    found = dict(subject.resample_subject(aligned(IMAGES, TO_IMAGES), WORK, FINE))
    assert set(found) == {bids.MASK, bids.DSEG, bids.EVALUATION_DSEG, *map(bids.preprocessed, ("T1w", "T2w"))}
    np.testing.assert_array_equal(found[bids.DSEG].data, structures())
    np.testing.assert_array_equal(found[bids.MASK].data, structures() > 0)
    for seed, modality in enumerate(("T1w", "T2w")):
        volume = found[bids.preprocessed(modality)]
        np.testing.assert_allclose(volume.data, scores(values(seed)), atol=1e-4)
        assert volume.dtype == np.float32
    fine = found[bids.EVALUATION_DSEG]
    np.testing.assert_array_equal(fine.affine, FINE_AFFINE)
    # linear interpolation rounds the eight corners of each of the three boxes
    assert (fine.data != finer(structures())).sum() == 3 * 8


def test_a_coarser_grid_leaves_mean_and_deviation():
    coarse = subject.Target((8, 8, 8), np.array([[6, 0, 0, 2], [0, 6, 0, 2], [0, 0, 6, 2], [0, 0, 0, 1.0]]))
    found = dict(subject.resample_subject(aligned(IMAGES, TO_IMAGES), coarse, FINE))
    for modality in ("T1w", "T2w"):
        inside = found[bids.preprocessed(modality)].data[found[bids.MASK].data]
        assert inside.mean() == pytest.approx(4, abs=1e-4)
        assert inside.std() == pytest.approx(1, abs=1e-4)


def test_a_shift_moves_images_and_labels_together():
    # two voxels
    to_images = {name: matrix @ shifted(4, 0, 0) for name, matrix in TO_IMAGES.items()}
    found = dict(subject.resample_subject(aligned(IMAGES, to_images), WORK, FINE))
    np.testing.assert_array_equal(found[bids.DSEG].data, np.roll(structures(), -2, axis=0))
    for seed, modality in enumerate(("T1w", "T2w")):
        expected = np.roll(scores(values(seed)), -2, axis=0)
        np.testing.assert_allclose(found[bids.preprocessed(modality)].data, expected, atol=1e-4)


def test_partial_scans_have_their_fields_of_view():
    # the upper three voxels of the reference were not scanned; the T2w was scanned three voxels too far to the right
    images = {**IMAGES, "T1w": nib.Nifti1Image(values(0)[:, :, :21], AFFINE)}
    partial = aligned(images, {"T1w": np.eye(4), "T2w": np.eye(4)})
    found = dict(subject.resample_subject(partial, WORK, FINE, partial=True))
    reference, other = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    reference[:, :, :21], other[3:] = True, True
    np.testing.assert_array_equal(found[bids.field_of_view("T1w")].data, reference)
    np.testing.assert_array_equal(found[bids.field_of_view("T2w")].data, reference & other)
    for modality, scanned in (("T1w", reference), ("T2w", other)):
        data, inside = found[bids.preprocessed(modality)].data, scanned & (structures() > 0)
        assert (data[~inside] == 0).all()
        assert data[inside].mean() == pytest.approx(4, abs=1e-4)
        assert data[inside].std() == pytest.approx(1, abs=1e-4)
    view = found[bids.EVALUATION_FOV]
    np.testing.assert_array_equal(view.data, finer(reference))
    np.testing.assert_array_equal(view.affine, FINE_AFFINE)
    assert view.dtype == np.uint8


@pytest.fixture
def project(tmp_path):
    """A brain of 1.4 liters, its CT without the upper fifth, and what the alignment leaves of both."""
    shape, affine = (40, 44, 40), np.diag([4.0, 4, 4, 1])
    axes = np.stack(np.meshgrid(*[np.arange(n) - (n - 1) / 2 for n in shape], indexing="ij"))
    brain = ((axes / np.array([16, 20, 16]).reshape(3, 1, 1, 1)) ** 2).sum(axis=0) < 1
    dseg = np.where(brain, np.where(axes[0] > 0, 2, 1), 0)
    image = np.where(brain, np.random.default_rng(0).uniform(50, 100, shape) + 20 * dseg, 0)
    io.save(tmp_path / "t1.nii.gz", image, affine)
    io.save(tmp_path / "ct.nii.gz", (150 - image)[:, :, :32], affine)
    io.save(tmp_path / "mask.nii.gz", brain, affine, np.uint8)
    io.save(tmp_path / "labels.nii.gz", dseg, affine, np.uint8)
    (tmp_path / "dseg.tsv").write_text("index\tname\tstructure\n1\tleft\tleft\n2\tright\t\n")
    own = tmp_path / "aligned" / "sub-01"
    io.save(bids.inside(own, "01", bids.native_mask("T1w")), brain, affine, np.uint8)
    for source, target in (("template", "T1w"), ("T1w", "ct")):
        np.savetxt(bids.inside(own, "01", bids.linear(source, target)), np.eye(4), fmt="%.10f")
    return tmp_path


def run(root, name, options, *arguments):
    command = [sys.executable, root / "workflow" / "scripts" / f"{name}.py", "--options", json.dumps(options)]
    environment = {**os.environ, "PYTHONPATH": str(root / "workflow")}
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, env=environment)


def preprocess(root, project, labels="labels.nii.gz"):
    """Run the scripts from the aligned subject on; what the last one gave back."""
    grids = {"work": {"shape": [48, 48, 48], "spacing": 4}, "evaluation": {"shape": [96, 96, 96], "spacing": 2}}
    options = {"reference": "T1w", "modalities": ["T1w", "ct"]}
    more = ["--subject", "01", "--aligned", project / "aligned" / "sub-01"]
    images = ["--images", project / "t1.nii.gz", project / "ct.nii.gz"]
    result = run(root, "normalize_intensity", options, *more, *images, "--output", project / "normalized" / "sub-01")
    assert result.returncode == 0, result.stderr
    more += ["--normalized", project / "normalized" / "sub-01", "--template-mask", project / "mask.nii.gz"]
    more += ["--label-table", project / "dseg.tsv", "--labels", project / labels]
    more += ["--output", project / "preprocess" / "sub-01"]
    return run(root, "resample_bspline", {**options, "grids": grids, "partial": True}, *more)


def test_the_scripts_write_what_the_next_rooms_read(root, project):
    result = preprocess(root, project)
    assert result.returncode == 0, result.stderr
    folder = project / "preprocess"
    names = [bids.MASK, bids.DSEG, bids.EVALUATION_DSEG, bids.EVALUATION_FOV, bids.native_mask("T1w")]
    names += [bids.linear("template", "T1w"), bids.linear("T1w", "ct")]
    names += [name(modality) for name in (bids.preprocessed, bids.field_of_view) for modality in ("T1w", "ct")]
    paths = sorted(bids.path(folder, "01", name) for name in names)
    assert sorted(path for path in folder.rglob("*") if path.is_file()) == paths
    views = [bids.path(folder, "01", bids.field_of_view(modality)) for modality in ("ct", "T1w")]
    part, whole = (int(np.asarray(io.load(path).dataobj).sum()) for path in views)
    assert part == whole * 32 // 40
    listed = listing.list_files([folder / "sub-01"], folder)
    assert listed["file"].tolist() == [path.relative_to(folder).as_posix() for path in paths]
    assert listed["sha256"].tolist() == [io.sha256(path) for path in paths]


def test_labels_of_another_table_are_one_line(root, project):
    dseg = io.load(project / "labels.nii.gz")
    io.save(project / "other.nii.gz", 10 * np.asarray(dseg.dataobj), dseg.affine, np.int16)
    result = preprocess(root, project, labels="other.nii.gz")
    expected = f"expected labels of {project / 'dseg.tsv'}, found none of them inside the brain"
    assert result.stderr == f"error: {project / 'other.nii.gz'}: {expected}\n"
    assert not (project / "preprocess" / "sub-01").exists()


def files_of(project):
    own, names = project / "aligned" / "sub-01", subject.alignment_names("T1w", ["T1w", "ct"])
    return {key: bids.inside(own, "01", name) for key, name in names.items()}


def test_template_points_go_to_the_reference_first_and_from_there_to_the_others(project):
    files, images = files_of(project), {"T1w": project / "t1.nii.gz", "ct": project / "ct.nii.gz"}
    scaled, moved = np.diag([1.1, 0.9, 1, 1]), shifted(10, 20, 30)
    for key, matrix in (("T1w", scaled), ("ct", moved)):
        np.savetxt(files[key], matrix)
    found = subject.read_aligned(files, images, "T1w", project / "labels.nii.gz", project / "dseg.tsv")
    np.testing.assert_allclose(found.to_images["T1w"] @ [100, 100, 100, 1], [110, 90, 100, 1])
    np.testing.assert_allclose(found.to_images["ct"] @ [100, 100, 100, 1], [120, 110, 130, 1])
    # the label without a structure is the rest of the brain
    assert np.unique(found.structures).tolist() == [0, 1, 2]


def test_labels_on_another_grid_are_refused(project):
    dseg = io.load(project / "labels.nii.gz")
    io.save(project / "other.nii.gz", np.asarray(dseg.dataobj)[1:], dseg.affine, np.uint8)
    with pytest.raises(InputError, match=r"other\.nii\.gz: expected the shape of .*space-T1w_desc-brain_mask\.nii\.gz"):
        subject.read_aligned(files_of(project), {}, "T1w", project / "other.nii.gz", project / "dseg.tsv")
