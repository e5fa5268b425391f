"""Deformations as training subjects vary."""

import json

import nibabel as nib
import numpy as np
import pytest
import torch
from scipy import ndimage

from ganreg.errors import InputError
from ganreg.spatial import warp
from ganreg.spatial.deform import Displacements
from ganreg.spatial.settings import SampleDeformation
from ganreg.spatial.variation import Variation
from ganreg.volumes.velocities import read_variation
from scripts import estimate_velocity

SHAPE = 3, 6, 7, 5
RNG = np.random.default_rng(0)
# two fields at right angles, each of length 1
FIRST, SECOND = np.linalg.qr(RNG.standard_normal((np.prod(SHAPE), 2)))[0].T.reshape(2, *SHAPE).astype(np.float32)
MEAN = np.full(SHAPE, 5, np.float32)


def test_draws_vary_as_the_subjects_do_about_their_mean_and_in_no_other_direction():
    velocities = np.stack([MEAN + 3 * a * FIRST + b * SECOND for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1))])
    variation = Variation(velocities, components=9)
    rng = np.random.default_rng(1)
    drawn = np.stack([variation.velocity(rng)[0].numpy() for _ in range(4000)])
    weights = np.stack([(drawn * mode).sum(axis=(1, 2, 3, 4)) for mode in (FIRST, SECOND)])
    # the sample variance of +a, +a, -a, -a is 4/3 a^2
    np.testing.assert_allclose(weights.std(axis=1), [3 * np.sqrt(4 / 3), np.sqrt(4 / 3)], rtol=0.05)
    np.testing.assert_allclose(weights.mean(axis=1), 0, atol=0.15)
    rest = drawn - weights[0][:, None, None, None, None] * FIRST - weights[1][:, None, None, None, None] * SECOND
    np.testing.assert_allclose(rest, 0, atol=1e-4)


def test_the_largest_component_is_kept():
    velocities = np.stack([3 * a * FIRST + b * SECOND for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1))])
    drawn = Variation(velocities, components=1).velocity(np.random.default_rng(2))[0].numpy()
    assert abs((drawn * SECOND).sum()) < 1e-4 < abs((drawn * FIRST).sum())


def test_one_subject_does_not_vary():
    with pytest.raises(InputError, match="components: expected the velocities of 2 subjects or more, found 1"):
        Variation(MEAN[None], 3)


def test_files_of_other_subjects_are_not_read(tmp_path):
    files = []
    for number, velocity in enumerate((FIRST, -FIRST, SECOND), start=1):
        files.append(tmp_path / f"sub-{number:02d}" / "velocity.npy")
        files[-1].parent.mkdir()
        np.save(files[-1], velocity)
    files[-1].write_text("what must not be opened")
    variation, opened = read_variation(files, ["01", "02"], 4)
    assert [*opened] == [str(path) for path in files[:2]]
    deformation = SampleDeformation(seed=3, components=4)
    drawn = [Displacements(deformation, variation)(5, (12, 14, 10), [4, 4, 4]) for _ in range(2)]
    assert drawn[0].shape == (1, 3, 12, 14, 10)
    assert torch.equal(*drawn)
    assert not torch.equal(drawn[0], Displacements(deformation)(5, (12, 14, 10), [4, 4, 4]))
    assert read_variation([], ["01"], 4) == (None, {})
    with pytest.raises(InputError, match="expected a velocity of each subject, found none of 09"):
        read_variation(files, ["01", "09"], 4)


def test_the_estimated_velocity_brings_the_subject_onto_the_template(tmp_path):
    shape, affine = (24, 24, 24), np.diag([4.0, 4, 4, 1])
    places = np.indices(shape) - 11.5
    mask = (places**2).sum(axis=0) < 81
    texture = ndimage.gaussian_filter(np.random.default_rng(4).standard_normal(shape), 2)
    template = np.where(mask, 4 + texture / texture.std(), 0).astype(np.float32)
    # wider along one axis, about the center
    wider = ndimage.map_coordinates(template, [places[0] / 1.15 + 11.5, places[1] + 11.5, places[2] + 11.5], order=1)
    for name, data in (("template", template), ("mask", mask.astype(np.uint8)), ("subject", wider)):
        nib.save(nib.Nifti1Image(data, affine), tmp_path / f"{name}.nii.gz")
    files = {"template-image": "template.nii.gz", "template-mask": "mask.nii.gz", "image": "subject.nii.gz"}
    arguments = [f"--{key}={tmp_path / name}" for key, name in files.items()]
    options = json.dumps({"steps": 60, "device": "cpu", "threads": 1})
    estimate_velocity.main([f"--options={options}", *arguments, f"--output={tmp_path / 'velocity.npy'}"])
    velocity = torch.from_numpy(np.load(tmp_path / "velocity.npy"))[None]
    assert velocity.shape == (1, 3, 12, 12, 12)
    displacement = warp.resize(warp.integrate(velocity), shape)
    registered = warp.warp(torch.from_numpy(wider)[None, None], displacement)[0, 0].numpy()
    assert np.abs(registered - template)[mask].mean() < 0.5 * np.abs(wider - template)[mask].mean()
