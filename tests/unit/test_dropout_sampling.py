"""Samples of a transform by dropout: the formulas, and what is random and what is not."""

import numpy as np
import pytest
import torch

from ganreg import io
from ganreg.learn.checkpoint import save_weights
from ganreg.learn.inference import trained
from ganreg.register import networks, sampled
from ganreg.register.settings import Dropout, Unrolled
from ganreg.register.uncertainty import dropout_alone, maps, sample_transforms
from ganreg.spatial import transform_file, warp
from ganreg.volumes import bids

SHAPE = (16, 16, 16)
SETTINGS = Unrolled(features=[4, 8], dropout=0.3, integration_steps=3, search=[1], passes=2, device="cpu")
DROPOUT = Dropout(samples=4, seed=1)
PAIRS = [
    {"pair": "sub-02_to_sub-01", "fixed": "01", "moving": "02"},
    {"pair": "sub-01_to_sub-02", "fixed": "02", "moving": "01"},
]


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
            path = bids.path(tmp_path / "preprocess", subject, bids.preprocessed(modality))
            io.save(path, rng.uniform(3, 5, SHAPE), AFFINE)
    return tmp_path / "preprocess"


@pytest.fixture
def weights(tmp_path):
    """Weights of a U-Net that moves voxels by about one."""
    torch.manual_seed(0)
    model = networks.build(SETTINGS)
    torch.nn.init.normal_(model.flow.weight, std=0.1)
    save_weights(tmp_path / "weights.pt", model.state_dict())
    return tmp_path / "weights.pt"


def sample(subjects, weights, output, pairs=PAIRS, settings=SETTINGS, dropout=DROPOUT):
    """The volumes that sampling leaves, by file name."""
    sample_transforms(pairs, weights, settings, dropout, ("T1w", "T2w"), subjects, output, "key")
    paths = [sampled.file_of(output, pair["pair"], name) for pair in pairs for name in sampled.MAPS]
    return {path.name: np.asarray(io.load(path).dataobj) for path in paths}


def images_of(subjects, *wanted):
    """Tensors (1, 1, X, Y, Z) of (subject, modality)."""
    loaded = (io.load_image(bids.path(subjects, name, bids.preprocessed(modality))) for name, modality in wanted)
    return [torch.from_numpy(np.asarray(image.dataobj))[None, None] for image in loaded]


def test_maps_of_known_samples_are_the_formulas():
    torch.manual_seed(0)
    samples = [torch.randn(1, 3, *SHAPE) for _ in range(5)]
    fixed, moving = torch.rand(2, 1, 1, *SHAPE)
    found = maps(iter(samples), fixed, moving, AFFINE)
    millimeters = np.stack([np.einsum("ij,jxyz->ixyz", AFFINE[:3, :3], each[0].numpy()) for each in samples])
    warped = np.stack([warp.warp(moving, each)[0, 0].numpy() for each in samples])
    expected = {
        "variance": millimeters.var(axis=0).sum(axis=0),
        "residual": ((warped - fixed[0, 0].numpy()) ** 2).mean(axis=0),
        "appearance_variance": warped.var(axis=0),
    }
    assert list(found) == sampled.MAPS
    for name, volume in expected.items():
        np.testing.assert_allclose(found[name], volume, rtol=1e-4, atol=1e-6)


def test_a_planted_spread_is_read_in_millimeters():
    # half of the samples one voxel of 3 mm before their mean, half as far after it
    shift = torch.zeros(1, 3, *SHAPE)
    shift[:, 1] = 1
    image = torch.rand(1, 1, *SHAPE)
    found = maps([shift, -shift, shift, -shift], image, image, AFFINE)
    np.testing.assert_allclose(np.sqrt(found["variance"]), 3, rtol=1e-5)


def test_only_dropout_layers_are_active_while_sampling_and_none_after(weights):
    model = networks.build(SETTINGS)
    network = trained(model, weights, SETTINGS)
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
    found = sample(subjects, weights, tmp_path / "out", settings=SETTINGS.model_copy(update={"dropout": 0.0}))
    assert len(found) == 2 * len(sampled.MAPS)
    for name, volume in found.items():
        if not name.endswith("residual.nii.gz"):
            assert (volume == 0).all()
    # all samples are the transform itself
    fixed, moving = images_of(subjects, ("01", "T1w"), ("02", "T2w"))
    network = trained(networks.build(SETTINGS), weights, SETTINGS)
    residual = (warp.warp(moving, network(fixed, moving)) - fixed).square()[0, 0].numpy()
    np.testing.assert_allclose(found["sub-02_to_sub-01_residual.nii.gz"], residual, rtol=1e-4, atol=1e-5)


def test_samples_are_a_function_of_the_seed_whatever_the_order(subjects, weights, tmp_path):
    first = sample(subjects, weights, tmp_path / "first")
    assert all(volume.max() > 0 for volume in first.values())
    for pairs in (PAIRS, PAIRS[::-1]):
        again = sample(subjects, weights, tmp_path / "again", pairs)
        assert again.keys() == first.keys()
        assert all((again[name] == first[name]).all() for name in first)
    other = sample(subjects, weights, tmp_path / "other", dropout=Dropout(samples=4, seed=2))
    assert all((other[name] != first[name]).any() for name in first)


def test_the_backward_transform_is_the_network_on_exchanged_images(subjects, weights, tmp_path):
    sample(subjects, weights, tmp_path / "out", PAIRS[:1])
    found, affine = transform_file.read_transform(tmp_path / "out" / "sub-02_to_sub-01_backward.nii.gz")
    images = images_of(subjects, ("02", "T2w"), ("01", "T1w"))
    voxels = trained(networks.build(SETTINGS), weights, SETTINGS)(*images)[0].numpy()
    np.testing.assert_allclose(affine, AFFINE)
    np.testing.assert_allclose(found, np.einsum("ij,jxyz->xyzi", AFFINE[:3, :3], voxels), atol=1e-4)
