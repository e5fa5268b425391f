"""The simulated cohort: reproducible, independent of its size, and true to its own fields."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from ganreg.simulate import cohort, fields, scanner
from ganreg.simulate.settings import Anatomy, Contrast, Growth, Rigid, Scale, Sites, Size, SlicedContrast, Uniform
from ganreg.spatial import jacobian, points, transform_file

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
    compressibility=1,
    growth=[],
    uniform=Uniform(share=0),
    size=Size(sd=0, axis_sd=0),
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


@pytest.fixture(scope="module")
def grown(atlas):
    """A subject of another size, of which a part has grown."""
    grown = {"growth": [Growth(labels=[1], smoothness_mm=4, mean=1, sd=0)], "compressibility": 0.2}
    return cohort.simulate_subject(*atlas, 3, ANATOMY.model_copy(update={**grown, "size": Size(sd=0.1, axis_sd=0.05)}))


@pytest.mark.parametrize("of", ["subject", "grown"])
def test_to_the_template_and_back_is_the_identity(of, request, tmp_path):
    subject = request.getfixturevalue(of)
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
    assert np.linalg.norm(moves["from_template"](there) - places, axis=0).mean() < 0.12


@pytest.mark.parametrize("of", ["subject", "grown"])
def test_the_image_is_the_template_at_the_true_place(atlas, of, request):
    subject = request.getfixturevalue(of)
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


@pytest.fixture(scope="module")
def with_ventricle(atlas):
    """The small head with a ball in its middle, label 5."""
    volumes, affine = atlas
    ball = (np.stack(np.meshgrid(*[np.arange(n) - n / 2 for n in SHAPE], indexing="ij")) ** 2).sum(axis=0) < 6**2
    return {**volumes, "dseg": np.where(ball, 5, volumes["dseg"])}, affine


def test_a_part_grows_and_shrinks_without_folding(with_ventricle):
    volumes = []
    for mean in (-3, 0, 3):
        growth = [Growth(labels=[5], smoothness_mm=4, mean=mean, sd=0)]
        still = ANATOMY.model_copy(update={"velocity": STILL, "growth": growth})
        subject = cohort.simulate_subject(*with_ventricle, 3, still)
        volumes.append((subject.labels == 5).sum())
        pose = subject.to_template_affine @ np.linalg.inv(subject.from_template_affine)
        nodes = points.apply(subject.from_template_affine, np.indices(subject.to_template.shape[1:]).reshape(3, -1))
        unposed = points.apply(pose, nodes) - nodes + subject.to_template.reshape(3, -1)
        field = torch.from_numpy(unposed.reshape(1, *subject.to_template.shape) / fields.SPACING_MM)
        assert jacobian.jacobian_determinant(field, "forward").min() > 0.05
        # what is far away stays
        assert np.abs(unposed.reshape(subject.to_template.shape)[:, 0]).max() < 0.1
    assert volumes[0] < 0.7 * volumes[1]
    assert volumes[2] > 1.4 * volumes[1]


def test_volumes_of_a_part_vary_as_the_growth_does(with_ventricle):
    spreads = []
    for sd in (0.5, 2):
        growth = [Growth(labels=[5], smoothness_mm=4, sd=sd)]
        settings = ANATOMY.model_copy(update={"velocity": STILL, "growth": growth})
        subjects = [cohort.simulate_subject(*with_ventricle, number, settings) for number in range(1, 7)]
        spreads.append(np.std([np.log((subject.labels == 5).sum()) for subject in subjects]))
    assert spreads[1] > 2.5 * spreads[0] > 0


def test_brains_vary_in_size_as_asked_for(atlas):
    settings = ANATOMY.model_copy(update={"velocity": STILL, "size": Size(sd=0.05, axis_sd=0)})
    voxels = []
    for number in range(1, 13):
        subject = cohort.simulate_subject(*atlas, number, settings)
        sizes = np.linalg.norm(subject.image_affines["T1w"][:3, :3], axis=0)
        np.testing.assert_allclose(sizes, sizes[0])
        # of T2w's slices, too
        t2w = np.linalg.norm(subject.image_affines["T2w"][:3, :3], axis=0)
        np.testing.assert_allclose(t2w / sizes, [1, 1, 3])
        assert subject.mask.sum() == atlas[0]["mask"].sum()
        voxels.append(sizes[0])
    assert 0.03 < np.std(np.log(voxels)) < 0.08


def test_without_its_divergent_part_a_velocity_moves_as_far_but_keeps_volumes():
    rng = np.random.default_rng(0)
    scales = [Scale(smoothness_mm=6, sd=1.5)]
    velocity = np.stack([fields.multiscale(rng, (40, 36, 32), 2, scales) for _ in range(3)])
    kept = fields.compressed(velocity, 0)
    assert abs(kept.std() / velocity.std() - 1) < 0.1
    growth = [np.gradient(each, axis=(1, 2, 3)) for each in (velocity, kept)]
    before, after = (sum(parts[axis][axis] for axis in range(3)).std() for parts in growth)
    assert after < 0.1 * before
    np.testing.assert_array_equal(fields.compressed(velocity, 1), velocity)
    # half of the way is half of the part
    half = fields.compressed(velocity, 0.5) * np.sqrt(2.25 / 3)
    np.testing.assert_allclose(half, (velocity + kept * np.sqrt(2 / 3)) / 2, atol=1e-9)


def test_structures_are_drawn_to_their_mean(with_ventricle):
    template, _ = with_ventricle
    own = scanner.scanners(ANATOMY, 0, 5)["T1w"]
    images = [
        scanner.show(np.random.default_rng(0), template["T1w"], template, 1.0, Uniform(labels=[5], share=share), own)
        for share in (0, 0.5, 1)
    ]
    deviations, means = (
        [getattr(image[template["dseg"] == 5], name)() for image in images] for name in ("std", "mean")
    )
    far = ndimage.distance_transform_edt(template["dseg"] != 5) > 5
    np.testing.assert_allclose(images[2][far], images[0][far], atol=1e-5)
    assert deviations[0] > 1.4 * deviations[1] > 2 * deviations[2]
    np.testing.assert_allclose(means, means[0], atol=0.02)


def test_subjects_of_a_site_share_its_scanner_and_keep_their_anatomy(atlas):
    several = ANATOMY.model_copy(update={"sites": Sites(count=3), "T1w": Contrast(**QUIET | {"noise_sd": 0.02})})
    sites = {number: scanner.site_of(several, number) for number in range(1, 30)}
    assert set(sites.values()) == {0, 1, 2}
    assert {scanner.site_of(ANATOMY, number) for number in sites} == {0}
    found = [scanner.scanners(several, site, 4)["T1w"] for site in range(3)]
    assert found[0].settings == several.T1w
    assert (found[0].gamma, found[0].blur_mm, np.abs(found[0].offsets).max()) == (0, 0, 0)
    assert len({each.gamma for each in found}) == len({each.settings.noise_sd for each in found}) == 3
    again = scanner.scanners(several, 2, 4)["T1w"]
    np.testing.assert_array_equal(again.offsets, found[2].offsets)
    number = next(number for number, site in sites.items() if site == 2)
    here, there = (cohort.simulate_subject(*atlas, number, each) for each in (several, ANATOMY))
    np.testing.assert_array_equal(here.to_template, there.to_template)
    np.testing.assert_array_equal(here.labels, there.labels)
    assert np.abs(here.images["T1w"].astype(float) - there.images["T1w"]).mean() > 5


def test_subject_0_is_the_template_itself(atlas):
    atlas_subject = cohort.simulate_subject(*atlas, 0, ANATOMY)
    np.testing.assert_array_equal(atlas_subject.labels, atlas[0]["dseg"])


def test_a_random_field_has_the_deviation_asked_for():
    field = fields.gaussian_random_field(np.random.default_rng(0), (40, 40, 40), 2.0)
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
