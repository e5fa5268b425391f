"""Simulated patients: the geometry of RIRE, volumes where their offsets put them, and an alignment that finds these."""

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from ganreg.preprocess import align
from ganreg.simulate import patients
from ganreg.simulate.settings import Anatomy, Patients, Rigid
from ganreg.spatial import itk, points


@pytest.fixture(scope="module")
def atlas():
    """A brain of human size at 2 mm: an ellipsoid with tissues."""
    shape = (76, 92, 76)
    axes = np.stack(np.meshgrid(*[np.arange(n) - (n - 1) / 2 for n in shape], indexing="ij"))
    mask = ((axes / np.array([32, 40, 32]).reshape(3, 1, 1, 1)) ** 2).sum(axis=0) < 1
    texture = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal(shape), 2)
    image = np.where(mask, np.clip(65 + 22 * texture / texture.std(), 1, 100), 0).astype(np.float32)
    dseg = np.where(mask, 1 + (axes[0] > 0) + 2 * (axes[1] > 0), 0).astype(np.int32)
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = [-75, -91, -75]
    return {"T1w": image, "T2w": np.where(mask, 130 - image, 0).astype(np.float32), "mask": mask, "dseg": dseg}, affine


def simulate(atlas, rotation_deg, translation_mm):
    offset = Rigid(rotation_deg=rotation_deg, translation_mm=translation_mm)
    return patients.simulate_patient(*atlas, 1, Anatomy(), Patients(seed=5, offset=offset))


@pytest.fixture(scope="module")
def patient(atlas):
    return simulate(atlas, 10, 20)


def test_volumes_have_the_geometry_of_rire(patient):
    assert {image.shape for image in patient.images.values()} == {(256, 256, 26)}
    np.testing.assert_allclose(np.linalg.norm(patient.affine[:3, :3], axis=0), [1.25, 1.25, 4])
    # the lowest slices of the volume still show brain: its lower part is out of sight
    assert patient.mask[:, :, 0].any()
    assert not patient.mask[:, :, -2:].any()


def test_a_volume_shows_the_head_where_its_offset_says(atlas, patient):
    still = simulate(atlas, 0, 0)
    # the bone around it, too: inside the brain CT shows little
    inside = ndimage.binary_dilation(patient.mask, iterations=6)
    places = points.apply(patient.affine, np.argwhere(inside).T)
    for modality in ("T2w", "ct", "pet"):
        offset = patient.offsets[modality]
        assert np.linalg.norm(points.apply(offset, places) - places, axis=0).max() > 2
        voxels = points.apply(np.linalg.inv(patient.affine) @ offset, places)
        seen = (voxels[2] > 0) & (voxels[2] < 25)
        moved = ndimage.map_coordinates(patient.images[modality].astype(float), voxels[:, seen], order=1)
        expected = still.images[modality][inside][seen]
        straight = patient.images[modality][inside][seen]
        found, unmoved = np.corrcoef(moved, expected)[0, 1], np.corrcoef(straight, expected)[0, 1]
        assert found > 0.75
        assert 1 - found < 0.4 * (1 - unmoved)


def test_ct_shows_bone_around_the_brain_and_air_outside(patient):
    bone = patient.images["ct"] > 500
    assert bone.sum() > 10000
    assert not (patient.images["ct"][0] > -900).any()
    assert patient.images["T1w"][patient.mask].mean() > 5 * patient.images["T1w"][0].mean()


def test_the_rigid_alignment_recovers_what_was_planted(patient):
    images = {name: nib.Nifti1Image(data.astype(np.float32), patient.affine) for name, data in patient.images.items()}
    places = points.apply(patient.affine, np.argwhere(patient.mask).T)
    for modality in ("T2w", "ct", "pet"):
        found = itk.affine_matrix(align.align_rigid(images["T1w"], images[modality], modality))
        error = np.linalg.norm(points.apply(found, places) - points.apply(patient.offsets[modality], places), axis=0)
        assert np.median(error) < 2, modality
