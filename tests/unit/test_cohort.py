"""The simulated cohort: reproducible, independent of its size, and true to its own fields."""

import numpy as np
import pytest
import yaml
from scipy import ndimage

from ganreg.evaluate import pairs
from ganreg.get import cohort
from ganreg.spatial import transform_file

SHAPE = (40, 44, 40)


@pytest.fixture(scope="module")
def atlas():
    """A small head in which each voxel's place can be told from its grey value."""
    axes = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij"))
    mask = (axes**2).sum(axis=0) < 0.7
    texture = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal(SHAPE), 3)
    image = np.where(mask, 80 + 20 * texture / texture.std(), 0).astype(np.float32)
    dseg = np.where(mask, 1 + (axes[0] > 0) + 2 * (axes[1] > 0), 0).astype(np.int32)
    affine = np.diag([1.0, 1, 1, 1])
    affine[:3, 3] = [-20, -22, -20]
    return {"T1w": image, "T2w": 150 - image * mask, "mask": mask, "dseg": dseg}, affine


@pytest.fixture(scope="module")
def options(request):
    config = yaml.safe_load((request.config.rootpath / "config.yaml").read_text())["cohort"]
    quiet = {"gamma_sd": 0.0, "structure_sd": 0.0, "bias_sd": 0.0, "noise_sd": 0.0}
    modalities = {name: {**config[name], **quiet} for name in ("T1w", "T2w")}
    still = [{"smoothness_mm": 4, "sd": 0.0}]
    # its own scales, so that the values written down below outlive a new calibration
    velocity = [{"smoothness_mm": mm, "sd": sd} for mm, sd in ((16, 2.5), (8, 1.8), (4, 1.1))]
    return {**config, **modalities, "seed": 1, "velocity": velocity, "texture": still, "parcellation": still}


@pytest.fixture(scope="module")
def subject(atlas, options):
    return cohort.simulate_subject(*atlas, 3, options)


def test_a_subject_is_the_same_again_and_another_one_is_another(atlas, options, subject):
    again = cohort.simulate_subject(*atlas, 3, {**options, "subjects": 99})
    np.testing.assert_allclose(again.to_template, subject.to_template, atol=1e-4)
    np.testing.assert_array_equal(again.images["T2w"], subject.images["T2w"])
    other = cohort.simulate_subject(*atlas, 4, options)
    assert np.abs(other.to_template - subject.to_template).max() > 1


def test_known_values_fix_the_generator_across_machines(subject):
    # mm at three nodes, written down once: a change here is a change of everybody's cohort
    found = subject.to_template[:, [5, 10, 15], [6, 11, 16], [5, 10, 15]]
    np.testing.assert_allclose(found, KNOWN_FIELD, atol=1e-4)


KNOWN_FIELD = np.array(
    [[-4.185137, 3.660324, 3.770891], [3.459003, 9.278131, 4.57659], [-7.56919, -6.052814, -1.883872]]
)


def test_the_way_there_and_back_is_no_way(atlas, subject, tmp_path):
    for name, field, affine in (
        ("to_template", subject.to_template, subject.to_template_affine),
        ("from_template", subject.from_template, subject.from_template_affine),
    ):
        lps = np.moveaxis(field, 0, 3) * transform_file.RAS_TO_LPS
        transform_file.write_transform_mm(tmp_path / f"{name}.nii.gz", lps, affine)
    np.savetxt(tmp_path / "affine.txt", np.eye(4))
    truth = pairs.TrueField(lambda _, name: tmp_path / ("affine.txt" if name == "affine" else f"{name}.nii.gz"))
    inside = np.argwhere(ndimage.binary_erosion(subject.mask, iterations=8)).T
    points = subject.image_affines["T1w"][:3, :3] @ inside + subject.image_affines["T1w"][:3, 3:]
    error = np.linalg.norm(truth("a", "a", points) - points, axis=0)
    assert error.mean() < 0.1


def test_the_image_is_the_template_at_the_true_place(atlas, subject):
    volumes, affine = atlas
    inside = np.argwhere(ndimage.binary_erosion(subject.mask, iterations=6))
    grid = subject.to_template_affine
    points = subject.image_affines["T1w"][:3, :3] @ inside.T + subject.image_affines["T1w"][:3, 3:]
    nodes = np.linalg.inv(grid)[:3, :3] @ points + np.linalg.inv(grid)[:3, 3:]
    moved = points + np.stack([ndimage.map_coordinates(part, nodes, order=1) for part in subject.to_template])
    voxels = np.linalg.inv(affine)[:3, :3] @ moved + np.linalg.inv(affine)[:3, 3:]
    expected = ndimage.map_coordinates(volumes["T1w"], voxels, order=1)
    found = subject.images["T1w"][tuple(inside.T)]
    assert np.corrcoef(expected, found)[0, 1] > 0.999
    assert (subject.labels[tuple(inside.T)] == ndimage.map_coordinates(volumes["dseg"], voxels, order=0)).mean() > 0.97


def test_the_head_moved_between_t1w_and_t2w_by_what_the_configuration_allows(atlas, options):
    still = {**options, "movement": {"rotation_deg": 0, "translation_mm": 0}}
    subject = cohort.simulate_subject(*atlas, 3, {**still, "T2w": {**options["T2w"], "slice_mm": 1}})
    np.testing.assert_allclose(subject.image_affines["T2w"], subject.image_affines["T1w"], atol=1e-9)
    assert np.corrcoef(subject.images["T1w"][subject.mask], subject.images["T2w"][subject.mask])[0, 1] < -0.95


def test_subject_0_is_the_template_itself(atlas, options):
    atlas_subject = cohort.simulate_subject(*atlas, 0, options)
    np.testing.assert_array_equal(atlas_subject.labels, atlas[0]["dseg"])


def test_a_random_field_has_the_deviation_asked_for():
    field = cohort.gaussian_random_field(np.random.default_rng(0), (40, 40, 40), 2.0)
    assert abs(field.std() - 1) < 1e-6
    neighbours = np.corrcoef(field[:-1].ravel(), field[1:].ravel())[0, 1]
    # correlation exp(-d^2 / (4 sigma^2)) of white noise smoothed by a Gaussian of sigma
    assert abs(neighbours - np.exp(-1 / 16)) < 0.02


def test_a_coarser_template_keeps_its_places_and_labels(atlas):
    template, affine = atlas
    coarse, coarse_affine = cohort.coarsen(template, affine, 2)
    assert coarse["dseg"].shape == (20, 22, 20)
    # voxel (3, 4, 5) of the coarse grid is voxel (6, 8, 10) of the fine one, in millimetres, too
    np.testing.assert_allclose(coarse_affine @ [3, 4, 5, 1], affine @ [6, 8, 10, 1])
    assert coarse["dseg"][3, 4, 5] == template["dseg"][6, 8, 10]
    inside = coarse["mask"] & ndimage.binary_erosion(coarse["mask"], iterations=2)
    assert np.abs(coarse["T1w"] - template["T1w"][::2, ::2, ::2])[inside].max() < 10
    assert cohort.coarsen(template, affine, 1)[0] is template
