"""MIND: what its descriptors must ignore, and that loss and gradient are those of its definition."""

import pytest
import torch
import torch.nn.functional as functional

from ganreg.register import mind, similarity


@pytest.fixture
def image():
    return functional.avg_pool3d(torch.randn(1, 1, 18, 18, 18, generator=torch.Generator().manual_seed(0)), 3)


def test_mind_ignores_gain_offset_and_inversion(image):
    torch.testing.assert_close(mind.descriptors(image), mind.descriptors(5 - 3 * image), atol=1e-4, rtol=0)


def test_mind_is_between_0_and_1_with_twelve_channels(image):
    descriptors = mind.descriptors(image)
    assert descriptors.shape == (1, 12, 6, 6, 6)
    assert descriptors.min() >= 0
    assert descriptors.max() == 1


def self_similarity(image):
    """MIND word by word: for each pair of neighbors at distance sqrt(2), the mean over a patch around them."""
    padded = functional.pad(image, (2,) * 6, mode="replicate")
    around = [step for axis in torch.eye(3, dtype=int).tolist() for step in (axis, [-each for each in axis])]
    shifted = [
        padded[(..., *(slice(1 + by, size - 1 + by) for by, size in zip(step, padded.shape[2:], strict=True)))]
        for step in around
    ]
    # the two neighbors along one axis lie opposite each other
    pairs = [(a, b) for a in range(6) for b in range(a + 1, 6) if a // 2 != b // 2]
    squares = torch.cat([(shifted[a] - shifted[b]) ** 2 for a, b in pairs], dim=1)
    distance = functional.avg_pool3d(squares, 3, stride=1)
    distance = distance - distance.amin(dim=1, keepdim=True)
    return torch.exp(-distance / distance.mean(dim=1, keepdim=True).clamp(min=mind.FLAT))


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(2)
    smooth = torch.randn(2, 2, 4, 5, 3, generator=generator, dtype=torch.float64)
    volumes = functional.interpolate(smooth, size=(9, 11, 8), mode="trilinear")
    # a flat corner, as the background is
    volumes[:, :, :4, :4, :4] = 0
    return volumes[:, :1], volumes[:, 1:], (torch.rand(2, 1, 9, 11, 8, generator=generator) > 0.3).double()


def test_mind_is_what_its_definition_says_in_some_order_of_the_pairs(pair):
    found, expected = mind.descriptors(pair[0]), self_similarity(pair[0])
    torch.testing.assert_close(found.sort(dim=1).values, expected.sort(dim=1).values)


def test_minds_loss_and_gradient_are_those_of_automatic_differentiation(pair):
    fixed, moving, mask = pair
    results = []
    for squares in (
        lambda image: similarity.mind_distance(fixed, mask)(image),
        lambda image: ((self_similarity(image) - self_similarity(fixed)) ** 2 * mask).sum() / (12 * mask.sum()),
    ):
        image = moving.clone().requires_grad_()
        loss = squares(image)
        # a factor, as a sum of terms has
        (3 * loss).backward()
        results.append((loss.detach(), image.grad))
    torch.testing.assert_close(results[0], results[1])


def test_descriptors_come_with_minds_loss_and_have_no_gradient(pair):
    fixed, moving, mask = pair
    _, descriptors = mind.distance(moving.clone().requires_grad_(), mind.descriptors(fixed), mask)
    assert not descriptors.requires_grad
    torch.testing.assert_close(descriptors, mind.descriptors(moving), rtol=0, atol=0)


def test_an_empty_image_has_no_gradient_rather_than_nan():
    empty = torch.zeros(1, 1, 8, 8, 8, requires_grad=True)
    similarity.mind_distance(torch.rand(1, 1, 8, 8, 8), torch.ones(1, 1, 8, 8, 8))(empty).backward()
    assert (empty.grad == 0).all()
