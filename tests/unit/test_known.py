"""Pairs with a known displacement: it leads from one image to the other, also in the mirror image."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from ganreg import io
from ganreg.register import dataset
from ganreg.register.known import known_pair, random_box, random_velocity, velocities_of
from ganreg.register.settings import KnownDeformation, SplineScale
from ganreg.spatial import warp
from ganreg.split.settings import Task
from ganreg.volumes import bids
from ganreg.volumes.subjects import Subjects

SHAPE = (32, 40, 32)
SETTINGS = KnownDeformation(scales=[SplineScale(spacing_mm=32, sd_mm=3), SplineScale(spacing_mm=16, sd_mm=1)])


def smooth_subject(seed):
    """Image, mask and labels of a ball with smooth texture, and labels of its halves."""
    rng = np.random.default_rng(seed)
    places = np.stack(np.meshgrid(*(np.arange(size) for size in SHAPE), indexing="ij"))
    center = (np.array(SHAPE) - 1) / 2
    labels = np.zeros(SHAPE, np.uint8)
    inside = np.sqrt(((places - center[:, None, None, None]) ** 2).sum(0)) < 12
    labels[inside] = 1 + (places[0] > center[0])[inside]
    texture = ndimage.gaussian_filter(rng.standard_normal(SHAPE), 3)
    image = np.where(labels > 0, 4 + texture / texture.std(), 0).astype(np.float32)
    return [torch.from_numpy(each)[None, None] for each in (image, (labels > 0).astype(np.float32), labels)]


def velocities(seed):
    rng = np.random.default_rng(seed)
    return [random_velocity(rng, SHAPE, (4.0, 4.0, 4.0), SETTINGS) for _ in range(2)]


def test_the_known_displacement_brings_the_moving_image_onto_the_fixed_one():
    subject = smooth_subject(0)
    fixed, moving, displacement = known_pair(subject, subject, velocities(1))
    core = torch.nn.functional.max_pool3d(1 - fixed[1], 5, 1, 2) == 0
    before = (moving[0] - fixed[0])[core].abs().mean()
    after = (warp.warp(moving[0], displacement) - fixed[0])[core].abs().mean()
    assert displacement.abs().max() > 1
    assert after < before / 5
    # labels and masks go with the images
    assert ((fixed[2] > 0) == (fixed[1] > 0)).float().mean() > 0.999
    assert ((fixed[0] != 0) == (fixed[1] > 0)).float().mean() > 0.999
    there = warp.warp_labels(moving[2][0, 0], displacement)
    assert (there == fixed[2][0, 0])[core[0, 0]].float().mean() > 0.97


def test_two_deformations_that_are_one_move_nothing_apart():
    velocity, subject = velocities(2)[0], smooth_subject(0)
    fixed, moving, displacement = known_pair(subject, subject, [velocity, velocity])
    assert torch.equal(fixed[0], moving[0])
    # at the grid's edges what flows in is not what flowed out
    assert displacement[fixed[1].expand_as(displacement) > 0].abs().mean() < 0.05


@pytest.fixture
def subjects(tmp_path):
    """One subject, whose two modalities are the same image."""
    image, mask, dseg = (each[0, 0].numpy() for each in smooth_subject(3))
    for name, data, dtype in (
        (bids.preprocessed("T1w"), image, np.float32), (bids.preprocessed("T2w"), image, np.float32),
        (bids.MASK, mask, np.uint8), (bids.DSEG, dseg, np.uint8),
    ):  # fmt: skip
        io.save(bids.path(tmp_path, "01", name), data, np.diag([4.0, 4, 4, 1]), dtype)
    return Subjects(tmp_path, ["T1w", "T2w"])


STEPS = [dataset.Step("01", "01", number, added=True) for number in range(6)]


@pytest.mark.parametrize("labels", [False, True])
def test_an_item_of_one_subject_knows_its_displacement_flipped_or_not(subjects, labels):
    treatment = dataset.Treatment(known=velocities_of(SETTINGS, None), labels=labels)
    # structures 1 and 2 mirror each other
    pairs = dataset.Pairs(subjects, STEPS, Task(), np.array([0, 2, 1], np.uint8), 1, added=treatment)
    plain = dataset.Pairs(subjects, STEPS, Task(), None, 1, added=treatment)
    flipped = 0
    for k in range(len(STEPS)):
        item, straight = (each.finish(each[k]) for each in (pairs, plain))
        core = torch.nn.functional.max_pool3d(1 - item["mask"], 5, 1, 2) == 0
        left = (warp.warp(item["moving"], item["displacement"]) - item["fixed"])[core].abs().mean()
        assert left < (item["moving"] - item["fixed"])[core].abs().mean() / 3
        assert ("fixed_labels" in item) == labels
        mirrored = not torch.equal(item["fixed"], straight["fixed"])
        flipped += mirrored
        if mirrored:
            assert torch.equal(item["fixed"], straight["fixed"].flip(2))
    assert 0 < flipped < len(STEPS)


def test_a_box_lies_in_the_brain_from_an_even_voxel_on():
    rng, mask = np.random.default_rng(6), smooth_subject(5)[1]
    brain = torch.nonzero(mask[0, 0])
    low, high = brain.min(0).values.tolist(), (brain.max(0).values + 1).tolist()
    places = [random_box(rng, mask, (16, 20, 12)) for _ in range(40)]
    assert len({str(place) for place in places}) > 10
    for place in places:
        assert [part.stop - part.start for part in place] == [16, 20, 12]
        assert all(part.start % 2 == 0 for part in place)
        assert all(part.start >= first - 1 for part, first in zip(place, low, strict=True))
        assert all(part.stop <= last for part, last in zip(place, high, strict=True))
    # longer than the grid along two axes
    assert [(part.start, part.stop) for part in random_box(rng, mask, (64, 20, 64))][::2] == [(0, 32), (0, 32)]


def test_a_pair_that_is_cut_knows_its_displacement(subjects):
    treatment = dataset.Treatment(known=velocities_of(SETTINGS, None), labels=False, box=(20, 24, 20))
    pairs = dataset.Pairs(subjects, STEPS, Task(), None, 1, added=treatment)
    # away from the box's faces, through which what lies beyond would have come in
    inner = (..., slice(5, -5), slice(5, -5), slice(5, -5))
    for item in (pairs.finish(pairs[k]) for k in range(len(STEPS))):
        assert item["fixed"].shape[2:] == item["mask"].shape[2:] == item["displacement"].shape[2:] == (20, 24, 20)
        warped = warp.warp(item["moving"], item["displacement"])
        core = (torch.nn.functional.max_pool3d(1 - item["mask"], 5, 1, 2) == 0)[inner]
        left, before = ((each - item["fixed"])[inner][core].abs().mean() for each in (warped, item["moving"]))
        assert left < before / 3
