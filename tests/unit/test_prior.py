"""Frequencies of structures as a start of the logits, and the loss of segmentation."""

import numpy as np
import pytest
import torch

from ganreg.segment import losses, prior


def line(*structures):
    """Labels along the first axis, alike along the others."""
    return torch.tensor(structures, dtype=torch.uint8).view(-1, 1, 1).expand(-1, 16, 16).contiguous()


def test_prior_counts_subjects_place_by_place_and_leaves_a_subjects_group_out():
    labels_of = {name: line(*[0] * 4, *[1] * 4, *[2] * 4, *[0] * 4) for name in "abcde"}
    labels_of["f"] = line(*[0] * 4, *[2] * 8, *[0] * 4)
    everyone, without = prior.log_frequencies(labels_of.get, list("abcdef"), 2, 8.0)
    shares = everyone.exp()[:, 8, 8].float()
    # two voxels from the border between structures the smoothing does not reach
    torch.testing.assert_close(shares[5], torch.tensor([5 / 6, 1 / 6]), atol=2e-3, rtol=0)
    torch.testing.assert_close(shares[10], torch.tensor([0.0, 1.0]), atol=2e-3, rtol=0)
    # no brain there, nor within reach
    assert shares[0, 0] == shares[0, 1]
    # f is in a's group
    torch.testing.assert_close(without["f"].exp()[5, 8, 8].float(), torch.tensor([1.0, 0.0]), atol=2e-3, rtol=0)
    assert torch.equal(without["a"], without["f"])
    torch.testing.assert_close(without["b"].exp()[5, 8, 8].float(), torch.tensor([0.8, 0.2]), atol=2e-3, rtol=0)


def test_one_subject_alone_has_no_prior():
    everyone, without = prior.log_frequencies(lambda _: line(*[1] * 8, *[2] * 8), ["a"], 2, 8.0)
    assert (everyone == everyone[0, 0, 0, 0]).all()
    assert torch.equal(everyone, without["a"])


def test_prior_counts_mirror_images_with_structures_swapped():
    halves = line(*[0] * 4, *[1] * 4, *[2] * 4, *[0] * 4)
    mirrored, _ = prior.log_frequencies(lambda _: halves, ["a", "b"], 2, 8.0, np.array([0, 2, 1], np.uint8))
    torch.testing.assert_close(mirrored, mirrored.flip(0)[..., [1, 0]])
    off_center = line(*[1] * 4, *[2] * 12)
    mirrored, _ = prior.log_frequencies(lambda _: off_center, ["a", "b"], 2, 8.0, np.array([0, 2, 1], np.uint8))
    torch.testing.assert_close(mirrored.exp()[8, 8, 8].float(), torch.tensor([0.5, 0.5]), atol=2e-3, rtol=0)


def test_prior_of_a_fine_grid_is_coarse_and_cropped_to_the_fine_one():
    assert [prior.factor(spacing) for spacing in (8, 4, 3, 2, 1)] == [1, 1, 1, 2, 4]
    labels = line(*[1] * 8, *[2] * 8)
    fine, _ = prior.log_frequencies(lambda _: labels, ["a", "b"], 2, 2.0)
    assert fine.shape == prior.shape_of(2, (16, 16, 16), 2.0) == (8, 8, 8, 2)
    box = slice(3, 13), slice(0, 5), slice(2, 4)
    cropped = prior.crop(fine, box, 2.0)
    assert cropped.shape == (1, 2, 10, 5, 2)
    # between the centers of coarse voxels, 1.25 and .75 of them from the border
    first, second = cropped[0, :, :, 2, 0].exp()
    torch.testing.assert_close(first[:4], torch.tensor([1, 1, 0.89**0.25, 0.89**0.75]), atol=5e-3, rtol=0)
    torch.testing.assert_close(first, second.flip(0), atol=5e-3, rtol=0)


def test_class_weights_of_known_counts():
    # frequencies .8 and .2: one over their roots, 1.118 and 2.236, brought to mean 1 over the voxels
    found = losses.class_weights("sqrt_inverse", [80, 0, 20])
    torch.testing.assert_close(found, torch.tensor([5 / 6, 0, 5 / 3]))
    assert losses.class_weights("none", [80, 0, 20]).tolist() == [1, 0, 1]


def test_loss_is_cross_entropy_of_the_brain_and_dice():
    truth = torch.tensor([0, 1, 1, 2], dtype=torch.uint8).view(1, 1, 4, 1, 1)
    batch = {"images": torch.zeros(1, 1, 4, 1, 1), "labels": truth}
    probabilities = torch.tensor([[0.5, 0.5], [0.8, 0.2], [0.6, 0.4], [0.3, 0.7]])
    logits = probabilities.log().T.view(1, 2, 4, 1, 1)
    entropy = -np.log([0.8, 0.6, 0.7]).mean()
    loss_of = losses.loss_function(0, torch.ones(2))
    assert float(loss_of(lambda *_: logits, batch)[0]) == pytest.approx(entropy)
    overlap = (2 * 1.4 / (1.7 + 2) + 2 * 0.7 / (1.3 + 1)) / 2
    loss_of = losses.loss_function(0.5, torch.ones(2))
    assert float(loss_of(lambda *_: logits, batch)[0]) == pytest.approx(entropy + 0.5 * (1 - overlap))
