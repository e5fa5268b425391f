"""The simulated cohort: reproducible, independent of its size, and true to its own fields."""

import numpy as np
import pytest
from scipy import ndimage

from ganreg.simulate import cohort
from ganreg.simulate.settings import Anatomy, Contrast, Rigid, Scale, SlicedContrast
from ganreg.spatial import points, transform_file

SHAPE = (40, 44, 40)


@pytest.fixture(scope="module")
def atlas():
    """A small head in which each voxel's place can be told from its gray value."""
    axes = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij"))
    mask = (axes**2).sum(axis=0) < 0.7
    texture = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal(SHAPE), 3)
    image = np.where(mask, 80 + 20 * texture / texture.std(), 0).astype(np.float32)
    dseg = np.where(mask, 1 + (axes[0] > 0) + 2 * (axes[1] > 0), 0).astype(np.int32)
    affine = np.diag([1.0, 1, 1, 1])
    affine[:3, 3] = [-20, -22, -20]
    return {"T1w": image, "T2w": 150 - image * mask, "mask": mask, "dseg": dseg}, affine


QUIET = {"gamma_sd": 0, "structure_sd": 0, "bias_sd": 0, "noise_sd": 0}
STILL = [Scale(smoothness_mm=4, sd=0)]
# its own scales, so that the values written down below outlive a new calibration
ANATOMY = Anatomy(
    seed=1,
    velocity=[Scale(smoothness_mm=mm, sd=sd) for mm, sd in ((16, 2.5), (8, 1.8), (4, 1.1))],
    texture=STILL,
    parcellation=STILL,
    T1w=Contrast(**QUIET),
    T2w=SlicedContrast(**QUIET),
)


@pytest.fixture(scope="module")
def subject(atlas):
    return cohort.simulate_subject(*atlas, 3, ANATOMY)


def test_a_subject_is_the_same_again_and_another_one_is_another(atlas, subject):
    again = cohort.simulate_subject(*atlas, 3, ANATOMY)
    np.testing.assert_array_equal(again.to_template, subject.to_template)
    np.testing.assert_array_equal(again.images["T2w"], subject.images["T2w"])
    other = cohort.simulate_subject(*atlas, 4, ANATOMY)
    assert np.abs(other.to_template - subject.to_template).max() > 1


def test_known_values_fix_the_generator_across_machines(subject):
    # mm at three nodes, written down once: a change here is a change of everybody's cohort
    found = subject.to_template[:, [5, 10, 15], [6, 11, 16], [5, 10, 15]]
    np.testing.assert_allclose(found, KNOWN_FIELD, atol=1e-4)


KNOWN_FIELD = np.array(
    [[-4.185137, 3.660324, 3.770891], [3.459003, 9.278131, 4.57659], [-7.56919, -6.052814, -1.883872]]
)


def test_to_the_template_and_back_is_the_identity(subject, tmp_path):
    moves = {}
    for name, field, affine in (
        ("to_template", subject.to_template, subject.to_template_affine),
        ("from_template", subject.from_template, subject.from_template_affine),
    ):
        lps = np.moveaxis(field, 0, 3) * transform_file.RAS_TO_LPS
        transform_file.write_transform_mm(tmp_path / f"{name}.nii.gz", lps, affine)
        moves[name] = points.Displacement(tmp_path / f"{name}.nii.gz")
    inside = np.argwhere(ndimage.binary_erosion(subject.mask, iterations=8)).T
    places = points.apply(subject.image_affines["T1w"], inside)
    there = moves["to_template"](places)
    assert np.linalg.norm(there - places, axis=0).mean() > 1
    assert np.linalg.norm(moves["from_template"](there) - places, axis=0).mean() < 0.1


def test_the_image_is_the_template_at_the_true_place(atlas, subject):
    volumes, affine = atlas
    inside = np.argwhere(ndimage.binary_erosion(subject.mask, iterations=6))
    grid = subject.to_template_affine
    places = points.apply(subject.image_affines["T1w"], inside.T)
    nodes = points.apply(np.linalg.inv(grid), places)
    moved = places + np.stack([ndimage.map_coordinates(part, nodes, order=1) for part in subject.to_template])
    voxels = points.apply(np.linalg.inv(affine), moved)
    expected = ndimage.map_coordinates(volumes["T1w"], voxels, order=1)
    found = subject.images["T1w"][tuple(inside.T)]
    assert np.corrcoef(expected, found)[0, 1] > 0.999
    assert (subject.labels[tuple(inside.T)] == ndimage.map_coordinates(volumes["dseg"], voxels, order=0)).mean() > 0.97


def test_a_still_head_is_seen_at_one_place_and_a_moved_one_only_claims_it(atlas):
    thin = ANATOMY.model_copy(update={"T2w": ANATOMY.T2w.model_copy(update={"slice_mm": 1})})
    correlations = []
    for limit in (0, 8):
        movement = Rigid(rotation_deg=limit, translation_mm=limit)
        subject = cohort.simulate_subject(*atlas, 3, thin.model_copy(update={"movement": movement}))
        # the header says the same in both cases: the rigid alignment has to find the movement
        np.testing.assert_allclose(subject.image_affines["T2w"], subject.image_affines["T1w"], atol=1e-9)
        inside = subject.mask & (subject.images["T2w"] > 0)
        correlations.append(np.corrcoef(subject.images["T1w"][inside], subject.images["T2w"][inside])[0, 1])
    assert correlations[0] < -0.95
    assert correlations[1] > -0.5


def test_subject_0_is_the_template_itself(atlas):
    atlas_subject = cohort.simulate_subject(*atlas, 0, ANATOMY)
    np.testing.assert_array_equal(atlas_subject.labels, atlas[0]["dseg"])


def test_a_random_field_has_the_deviation_asked_for():
    field = cohort.gaussian_random_field(np.random.default_rng(0), (40, 40, 40), 2.0)
    assert abs(field.std() - 1) < 1e-6
    neighbors = np.corrcoef(field[:-1].ravel(), field[1:].ravel())[0, 1]
    # correlation exp(-d^2 / (4 sigma^2)) of white noise smoothed by a Gaussian of sigma
    assert abs(neighbors - np.exp(-1 / 16)) < 0.02


def test_a_coarser_template_keeps_its_places_and_labels(atlas):
    template, affine = atlas
    coarse, coarse_affine = cohort.coarsen(template, affine, 2)
    assert coarse["dseg"].shape == (20, 22, 20)
    # voxel (3, 4, 5) of the coarse grid is voxel (6, 8, 10) of the fine one, in millimeters, too
    np.testing.assert_allclose(coarse_affine @ [3, 4, 5, 1], affine @ [6, 8, 10, 1])
    assert coarse["dseg"][3, 4, 5] == template["dseg"][6, 8, 10]
    inside = coarse["mask"] & ndimage.binary_erosion(coarse["mask"], iterations=2)
    assert np.abs(coarse["T1w"] - template["T1w"][::2, ::2, ::2])[inside].max() < 10
    assert cohort.coarsen(template, affine, 1)[0] is template
