"""Uncertainty by dropout: the formulas, what is random and what is not, and measures with known answers."""

import numpy as np
import pandas as pd
import pytest
import torch

from ganreg import io, training
from ganreg.errors import InputError
from ganreg.evaluate import uncertainty, uncertainty_table
from ganreg.register import networks, sampled
from ganreg.register.uncertainty import dropout_alone, maps, sample_transforms
from ganreg.spatial import transform_file, warp

SHAPE = (16, 16, 16)
SETTINGS = {
    "features": [4, 8], "dropout": 0.3, "integration_steps": 3, "instance_norm": True, "search": [1],
    "passes": 2, "training_passes": 2, "halvings": 0, "symmetric": True, "mirrored": True, "sharpening": 0,
    "device": "cpu", "precision": "float32",
}  # fmt: skip
OPTIONS = {"settings": SETTINGS, "fixed": "T1w", "moving": "T2w", "samples": 4, "seed": 1}
PAIRS = [
    {"pair": "sub-02_to_sub-01", "fixed": "01", "moving": "02"},
    {"pair": "sub-01_to_sub-02", "fixed": "02", "moving": "01"},
]
FOLDS = [{"fold": 1, "pairs": PAIRS[:1]}]


def oblique_affine():
    """Voxels of 2 x 3 x 2.5 mm, turned about the third axis."""
    affine = np.diag([2.0, 3.0, 2.5, 1.0])
    affine[:2, :2] = np.array([[np.cos(0.2), -np.sin(0.2)], [np.sin(0.2), np.cos(0.2)]]) @ affine[:2, :2]
    affine[:3, 3] = [-30, 12, 7]
    return affine


AFFINE = oblique_affine()


@pytest.fixture
def subjects(tmp_path):
    """Two preprocessed subjects of random texture."""
    rng = np.random.default_rng(0)
    for subject in ("01", "02"):
        for modality in ("T1w", "T2w"):
            path = tmp_path / "preprocess" / f"sub-{subject}" / "anat" / f"sub-{subject}_desc-preproc_{modality}.nii.gz"
            io.save(path, rng.uniform(3, 5, SHAPE), AFFINE)
    return tmp_path / "preprocess"


@pytest.fixture
def weights(tmp_path):
    """Weights of a U-Net that moves voxels by about one."""
    torch.manual_seed(0)
    model = networks.build(SETTINGS)
    torch.nn.init.normal_(model.flow.weight, std=0.1)
    training.save_weights(tmp_path / "weights.pt", model.state_dict())
    return tmp_path / "weights.pt"


def sample(subjects, weights, output, pairs=PAIRS, **changes):
    """The volumes that sampling leaves, by file name."""
    options = {**OPTIONS, **changes}
    sample_transforms(pairs, weights, options, subjects, output, "code")
    paths = [sampled.file_of(output, pair["pair"], name) for pair in pairs for name in sampled.MAPS]
    return {path.name: np.asarray(io.load(path).dataobj) for path in paths}


def images_of(subjects, *wanted):
    """Tensors (1, 1, X, Y, Z) of (subject, modality)."""
    stem = "{0}/sub-{1}/anat/sub-{1}_desc-preproc_{2}.nii.gz"
    loaded = (io.load_image(stem.format(subjects, *each)) for each in wanted)
    return [torch.from_numpy(np.asarray(image.dataobj))[None, None] for image in loaded]


def test_maps_of_known_samples_are_the_formulas():
    torch.manual_seed(0)
    samples = [torch.randn(1, 3, *SHAPE) for _ in range(5)]
    fixed, moving = torch.rand(2, 1, 1, *SHAPE)
    found = maps(iter(samples), fixed, moving, AFFINE)
    millimetres = np.stack([np.einsum("ij,jxyz->ixyz", AFFINE[:3, :3], each[0].numpy()) for each in samples])
    warped = np.stack([warp.warp(moving, each)[0, 0].numpy() for each in samples])
    expected = {
        "variance": millimetres.var(axis=0).sum(axis=0),
        "residual": ((warped - fixed[0, 0].numpy()) ** 2).mean(axis=0),
        "appearance_variance": warped.var(axis=0),
    }
    assert list(found) == sampled.MAPS
    for name, volume in expected.items():
        np.testing.assert_allclose(found[name], volume, rtol=1e-4, atol=1e-6)


def test_a_planted_spread_is_read_in_millimetres():
    # half of the samples one voxel of 3 mm to either side of their mean
    shift = torch.zeros(1, 3, *SHAPE)
    shift[:, 1] = 1
    image = torch.rand(1, 1, *SHAPE)
    found = maps([shift, -shift, shift, -shift], image, image, AFFINE)
    np.testing.assert_allclose(np.sqrt(found["variance"]), 3, rtol=1e-5)


def test_only_dropout_layers_are_active_while_sampling_and_none_after(weights):
    model = networks.build(SETTINGS)
    network = training.trained(model, weights, SETTINGS)
    images = torch.rand(2, 1, 1, *SHAPE)
    before = network(*images)
    with dropout_alone(model, 1):
        active = [module for module in model.modules() if module.training]
        first, second = network(*images), network(*images)
    assert active
    assert all(isinstance(module, torch.nn.Dropout3d) for module in active)
    assert (first != second).any()
    assert not any(module.training for module in model.modules())
    torch.testing.assert_close(network(*images), before, atol=0, rtol=0)


def test_without_dropout_nothing_varies(subjects, weights, tmp_path):
    found = sample(subjects, weights, tmp_path / "out", settings={**SETTINGS, "dropout": 0.0})
    assert len(found) == 2 * len(sampled.MAPS)
    for name, volume in found.items():
        if not name.endswith("residual.nii.gz"):
            assert (volume == 0).all()
    # all samples are the transform itself
    fixed, moving = images_of(subjects, ("01", "T1w"), ("02", "T2w"))
    network = training.trained(networks.build(SETTINGS), weights, SETTINGS)
    residual = (warp.warp(moving, network(fixed, moving)) - fixed).square()[0, 0].numpy()
    np.testing.assert_allclose(found["sub-02_to_sub-01_residual.nii.gz"], residual, rtol=1e-4, atol=1e-5)


def test_samples_are_a_function_of_the_seed_whatever_the_order(subjects, weights, tmp_path):
    first = sample(subjects, weights, tmp_path / "first")
    assert all(volume.max() > 0 for volume in first.values())
    for pairs in (PAIRS, PAIRS[::-1]):
        again = sample(subjects, weights, tmp_path / "again", pairs)
        assert again.keys() == first.keys()
        assert all((again[name] == first[name]).all() for name in first)
    other = sample(subjects, weights, tmp_path / "other", seed=2)
    assert all((other[name] != first[name]).any() for name in first)


def test_the_way_back_is_the_network_on_exchanged_images(subjects, weights, tmp_path):
    sample(subjects, weights, tmp_path / "out", PAIRS[:1])
    found, affine = transform_file.read_transform(tmp_path / "out" / "sub-02_to_sub-01_backward.nii.gz")
    images = images_of(subjects, ("02", "T2w"), ("01", "T1w"))
    voxels = training.trained(networks.build(SETTINGS), weights, SETTINGS)(*images)[0].numpy()
    np.testing.assert_allclose(affine, AFFINE)
    np.testing.assert_allclose(found, np.einsum("ij,jxyz->xyzi", AFFINE[:3, :3], voxels), atol=1e-4)


def test_rank_correlation_sees_order_alone():
    values = np.array([0.1, 0.5, 0.2, 3.0])
    assert uncertainty.spearman(values, np.exp(values)) == pytest.approx(1)
    assert uncertainty.spearman(values, -(values**3)) == pytest.approx(-1)
    # ranks 1 2 3 4 and 2 1 4 3: 1 - 6 * 4 / (4 * 15)
    assert uncertainty.spearman(np.arange(4), np.array([1, 0, 3, 2])) == pytest.approx(0.6)
    assert np.isnan(uncertainty.spearman(values, np.ones(4)))


def test_the_calibration_error_is_the_distance_from_the_diagonal():
    predicted = np.repeat(np.arange(1.0, 11.0), 7)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(predicted))
    for error, expected in ((predicted, 0), (predicted + 1.5, 1.5), (2 * predicted, 5.5)):
        curve = uncertainty.reliability(predicted[order], error[order])
        np.testing.assert_allclose(curve["sd_mm"], np.arange(1, 11))
        assert list(curve["voxels"]) == [7] * 10
        assert uncertainty_table.calibration_error(curve) == pytest.approx(expected)
    # errors drawn with the standard deviation that is predicted, in three dimensions
    predicted = rng.uniform(1, 3, 100_000)
    error = np.linalg.norm(rng.standard_normal((3, 100_000)) * predicted / np.sqrt(3), axis=0)
    assert uncertainty_table.calibration_error(uncertainty.reliability(predicted, error)) < 0.02
    assert np.isnan(uncertainty_table.calibration_error(uncertainty.reliability(np.zeros(0), np.zeros(0))))


def test_inverse_consistency_of_a_translation_and_its_inverse_is_zero():
    mask = np.zeros(SHAPE, dtype=bool)
    mask[4:12, 4:12, 4:12] = True
    nothing = torch.zeros(1, 3, *SHAPE)
    shift = nothing.clone()
    shift[:, 1] = 1.25
    assert uncertainty.inverse_consistency(nothing, nothing, AFFINE, mask) == (0, 0)
    assert uncertainty.inverse_consistency(shift, -shift, AFFINE, mask) == pytest.approx((0, 0), abs=1e-4)
    # the second axis is of 3 mm
    assert uncertainty.inverse_consistency(shift, nothing, AFFINE, mask) == pytest.approx((3.75, 3.75), abs=1e-4)
    # back and forth through a field that is not constant: its place is looked up where the first one leads
    forward, backward = nothing.clone(), nothing.clone()
    forward[:, 0] = 2
    backward[:, 0, 9:] = -2
    mask[:] = False
    mask[7, 8, 8] = True
    assert uncertainty.inverse_consistency(forward, backward, AFFINE, mask) == pytest.approx((0, 0), abs=1e-4)
    mask[:] = False
    mask[6, 8, 8] = True
    assert uncertainty.inverse_consistency(forward, backward, AFFINE, mask) == pytest.approx((4, 4), abs=1e-4)


@pytest.fixture
def planted(tmp_path):
    """A pair with the identity as transform, a shift as its way back, and its squared true error as variance."""
    rng = np.random.default_rng(0)
    error = rng.uniform(1, 3, SHAPE).astype(np.float32)
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[4:12, 4:12, 4:12] = 1
    pair = PAIRS[0]["pair"]
    io.save(tmp_path / "mask.nii.gz", mask, AFFINE, np.uint8)
    volumes = {"variance": error**2, "residual": 5 - error, "appearance_variance": rng.uniform(size=SHAPE)}
    for name, volume in volumes.items():
        io.save(sampled.file_of(tmp_path, pair, name), volume, AFFINE)
    shift = np.zeros((3, *SHAPE))
    shift[2] = 2
    transform_file.write_transform(tmp_path / f"{pair}.nii.gz", 0 * shift, AFFINE)
    transform_file.write_transform(sampled.file_of(tmp_path, pair, sampled.BACKWARD), shift, AFFINE)

    def truth(fixed, moving, points):
        # along the world's x, by as much as the voxel's error
        return points + np.outer([1, 0, 0], error[mask > 0])

    return tmp_path, truth, error[mask > 0]


def test_a_planted_error_is_measured_inside_the_mask(planted):
    folder, truth, error = planted
    lines, curve = uncertainty.evaluate_uncertainty(
        FOLDS, "unet_none", "d", [(folder, folder)], lambda _: folder / "mask.nii.gz", truth
    )
    line, root = lines.iloc[0], np.sqrt((error**2).mean())
    assert line[["pair", "fixed", "moving", "method"]].tolist() == ["sub-02_to_sub-01", "01", "02", "unet_none"]
    assert line["sd_mm"] == pytest.approx(root, rel=1e-5)
    assert line["rmse_mm"] == pytest.approx(root, rel=1e-5)
    assert line["spearman"] == pytest.approx(1, abs=1e-4)
    assert line["spearman_residual"] == pytest.approx(-1, abs=1e-4)
    assert abs(line["spearman_appearance_variance"]) < 0.2
    assert line["inverse_consistency_mm"] == pytest.approx(5)
    assert curve["voxels"].sum() == 8**3
    table = uncertainty_table.summary(lines, curve)
    assert table.loc[0, "calibration_error_mm"] == pytest.approx(0, abs=1e-4)


def test_without_a_truth_there_is_nothing_to_compare_with(planted):
    folder, _, error = planted
    lines, curve = uncertainty.evaluate_uncertainty(
        FOLDS, "unet_none", "d", [(folder, folder)], lambda _: folder / "mask.nii.gz"
    )
    table = uncertainty_table.summary(lines, curve)
    assert curve.empty
    assert table[["rmse_mm", "spearman", "calibration_error_mm"]].isna().all(axis=None)
    assert table.loc[0, "sd_mm"] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-5)
    assert table.loc[0, "inverse_consistency_p95_mm"] == pytest.approx(5)


def test_a_map_of_another_grid_is_one_line(planted):
    folder, truth, _ = planted
    io.save(sampled.file_of(folder, PAIRS[0]["pair"], "residual"), np.zeros((8, 8, 8)), AFFINE)
    with pytest.raises(InputError, match=r"residual\.nii\.gz: expected the shape of .*mask\.nii\.gz"):
        uncertainty.evaluate_uncertainty(
            FOLDS, "unet_none", "d", [(folder, folder)], lambda _: folder / "mask.nii.gz", truth
        )


def test_the_table_takes_medians_of_rank_correlations_and_means_of_the_rest():
    columns = {"sd_mm": [1, 2, 6], "rmse_mm": [3, 4, 8], "spearman": [0.1, 0.2, 0.9]}
    columns |= {f"spearman_{name}": [0.0, 0.5, 0.1] for name in sampled.MAPS[1:]}
    columns |= {"inverse_consistency_mm": [1, 1, 4], "inverse_consistency_p95_mm": [2, 2, 5]}
    lines = pd.DataFrame({"dataset": "d", "method": "m", **columns})
    curve = pd.DataFrame({"voxels": [1, 3], "sd_mm": [1.0, 2.0], "rmse_mm": [3.0, 6.0]})
    line = uncertainty_table.summary(lines, curve).iloc[0]
    assert line["n_pairs"] == 3
    assert line[["sd_mm", "rmse_mm", "inverse_consistency_mm"]].tolist() == [3, 5, 2]
    assert line[["spearman", "spearman_residual"]].tolist() == [0.2, 0.1]
    assert line["calibration_error_mm"] == 3.5
