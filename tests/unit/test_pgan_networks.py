"""The progressive GAN's networks: layers, fading in, the condition, the gradient penalty."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from small_pgan import LABELS, SIDE, STAGES, label_map

from ganreg.synthesize import pgan_condition, pgan_layers, pgan_networks
from ganreg.synthesize.pgan_condition import Condition
from ganreg.synthesize.pgan_losses import gradient_penalty


@pytest.fixture
def networks():
    torch.manual_seed(0)
    widths = [stage.width for stage in STAGES]
    shape = (SIDE, SIDE, SIDE)
    generator = pgan_networks.Generator(shape, widths, 3, LABELS, 2, 2, checkpointing=False)
    return generator, pgan_networks.Discriminator(shape, widths, LABELS, 2, 2, checkpointing=False)


@pytest.fixture
def batch():
    torch.manual_seed(1)
    labels = torch.from_numpy(np.stack([label_map(), np.roll(label_map(), 1, axis=0)]))[:, None]
    return torch.randn(2, 3), labels


def test_networks_work_on_the_stage_grids_of_an_uneven_shape():
    shape, labels = (16, 32, 24), torch.ones(1, 1, 16, 32, 24, dtype=torch.uint8)
    generator = pgan_networks.Generator(shape, [3, 2], 2, 1, 2, 2, checkpointing=False)
    discriminator = pgan_networks.Discriminator(shape, [3, 2], 1, 2, 2, checkpointing=False)
    for stage, expected in enumerate([(8, 16, 12), shape]):
        images = generator(torch.randn(1, 2), Condition(labels), stage, 0.5)
        assert images.shape == (1, 2, *expected)
        assert discriminator(images, Condition(labels), stage, 0.5).shape == (1,)


def test_equalized_layers_hold_unit_weights_and_scale_when_run():
    torch.manual_seed(0)
    layer = pgan_layers.Convolution(40, 30)
    assert layer.weight.std().item() == pytest.approx(1, abs=0.02)
    x = torch.randn(1, 40, 5, 5, 5)
    expected = functional.conv3d(x, layer.weight, padding=1) * math.sqrt(2 / (40 * 27))
    torch.testing.assert_close(layer(x), expected)
    # the signal keeps its size through a layer and a leaky ReLU, whatever the width
    assert functional.leaky_relu(layer(x)[..., 1:-1, 1:-1, 1:-1], 0.2).square().mean().item() == pytest.approx(
        1, rel=0.2
    )
    assert pgan_layers.Linear(9, 1, gain=1).scale == pytest.approx(1 / 3)
    stem = pgan_layers.Stem(8, 4, (2, 3, 4))
    assert stem.scale == pytest.approx(math.sqrt(2 / 8))
    z = torch.randn(5, 8)
    torch.testing.assert_close(stem(z), torch.einsum("bl,loxyz->boxyz", z, stem.weight) * stem.scale)


def test_pixel_norm_is_over_channels():
    x = torch.tensor([3.0, 4.0]).view(1, 2, 1, 1, 1).expand(1, 2, 2, 2, 2)
    expected = torch.tensor([3.0, 4.0]) / math.sqrt(12.5)
    torch.testing.assert_close(pgan_layers.pixel_norm(x)[0, :, 1, 0, 1], expected)


@pytest.mark.parametrize("stage", [0, 2])
def test_the_vector_changes_images_at_every_stage_and_noise_does_without_it(networks, batch, stage):
    generator, _ = networks
    z, labels = batch
    condition, shape = Condition(labels), generator.shapes[stage]
    noise = generator.draw_noise(2, stage, torch.device("cpu"))
    assert [each.shape for each in noise] == [(2, 2, *each) for each in generator.shapes[: stage + 1]]

    def difference(one, other, **kept):
        first, second = (generator(**{"z": z, "noise": noise, **kept, **each}, **common) for each in (one, other))
        return (first - second)[condition.brain(shape).expand_as(first) > 0].abs().mean()

    common = {"condition": condition, "stage": stage, "alpha": 1.0}
    assert difference({"noise": noise}, {"noise": None}) > 0.01
    assert difference({"z": z}, {"z": z.flip(0)}) > 0.1
    # the vector reaches each stage by itself: without the stem it still decides
    torch.nn.init.zeros_(generator.stem.weight)
    assert difference({"z": z}, {"z": z.flip(0)}) > 0.03


@pytest.mark.parametrize("alpha", [0.3, 1.0])
def test_generated_images_are_z_scores_on_every_grid(networks, batch, alpha):
    generator, _ = networks
    z, labels = batch
    torch.nn.init.uniform_(generator.deviations, 0.5, 1)
    condition = Condition(labels)
    images, brain = generator(z, condition, 1, alpha), condition.brain(generator.shapes[1])
    # sums over voxels that lie partly in the brain, as of the full grid's voxels in it
    assert images.sum(dim=(2, 3, 4)).abs().max() < 1e-2
    within = torch.where(brain > 0, images / brain, 0)
    found = ((within.square() * brain).sum(dim=(2, 3, 4)) / brain.sum(dim=(2, 3, 4))).sqrt()
    expected = torch.lerp(generator.deviations[0], generator.deviations[1], alpha)
    torch.testing.assert_close(found, expected.expand(2, -1), rtol=1e-3, atol=1e-3)


def test_sets_of_images_are_scored_with_the_labels_of_each(networks, batch):
    _, discriminator = networks
    _, labels = batch
    first, second = torch.randn(2, 2, 8, 8, 8), torch.randn(2, 2, 8, 8, 8)
    together = discriminator(torch.cat([first, second]), Condition(labels), 1, 1.0)
    apart = [discriminator(images, Condition(labels), 1, 1.0) for images in (first, second)]
    torch.testing.assert_close(together, torch.cat(apart))


@pytest.mark.parametrize("side", [SIDE, SIDE // 4])
def test_appearance_is_mean_and_deviation_of_each_structure(side):
    labels = torch.zeros(2, 1, SIDE, SIDE, SIDE, dtype=torch.uint8)
    # whole voxels of the coarse grid; the second subject lacks structure 2
    labels[:, :, :8], labels[0, :, 8:, :8] = 1, 2
    coarse = pgan_layers.shrink(torch.arange(SIDE).view(1, 1, SIDE, 1, 1).expand(2, 2, SIDE, SIDE, SIDE) * 1.0, [side])
    images = torch.stack([coarse[:, 0], -2 * coarse[:, 1]], dim=1)
    found = pgan_condition.appearance(images, Condition(labels), 3)
    assert found.shape == (2, 3, 4)
    along = coarse[0, 0, :, 0, 0]
    of_one, of_two = along[: side // 2], along[side // 2 :]
    for values, place in ((of_one, (0, 0)), (of_one, (1, 0)), (of_two, (0, 1))):
        mean, deviation = values.mean(), values.std(correction=0)
        expected = torch.stack([mean, -2 * mean, deviation, 2 * deviation])
        torch.testing.assert_close(found[place], expected, rtol=1e-3, atol=1e-3)
    assert (found[1, 1] == 0).all()
    assert (found[:, 2] == 0).all()
    sizes = Condition(labels).sizes(3)[..., 0]
    torch.testing.assert_close(sizes, torch.tensor([[2 / 3, 1 / 3, 0], [1, 0, 0]]))


def test_memberships_are_averaged_one_hot_labels(batch):
    _, labels = batch
    one_hot = functional.one_hot(labels[:, 0].long(), LABELS + 1).movedim(-1, 1).float()
    shape = (SIDE // 4,) * 3
    condition = Condition(labels)
    found = condition.memberships(shape, LABELS + 1)
    torch.testing.assert_close(found.movedim(-1, 1), functional.avg_pool3d(one_hot, 4))
    torch.testing.assert_close(pgan_layers.shrink(one_hot, shape), functional.avg_pool3d(one_hot, 4))
    embedding = pgan_networks.Embedding(LABELS, 2)
    fine, coarse = embedding(condition, labels.shape[2:]), embedding(condition, shape)
    torch.testing.assert_close(functional.avg_pool3d(fine, 4), coarse)


@pytest.mark.parametrize("stage", [1, 2])
def test_a_stage_fades_in_from_the_one_before(networks, batch, stage):
    generator, discriminator = networks
    z, _ = batch
    inside = torch.ones(2, 1, SIDE, SIDE, SIDE, dtype=torch.uint8)
    before, at_zero = generator(z, Condition(inside), stage - 1, 1.0), generator(z, Condition(inside), stage, 0.0)
    torch.testing.assert_close(at_zero, pgan_layers.grow(before))
    images = torch.randn_like(at_zero)
    scores = discriminator(pgan_layers.halve(images), Condition(inside), stage - 1, 1.0)
    torch.testing.assert_close(discriminator(images, Condition(inside), stage, 0.0), scores)
    condition = Condition(inside)
    found = pgan_condition.blended(images, condition, 0.0)
    torch.testing.assert_close(found, pgan_layers.grow(pgan_layers.halve(images)))
    assert pgan_condition.blended(images, condition, 1.0) is images


@pytest.mark.parametrize("alpha", [0.0, 0.4])
def test_real_images_that_fade_in_have_the_rim_of_generated_ones(alpha):
    labels = torch.zeros(1, 1, SIDE, SIDE, SIDE, dtype=torch.uint8)
    labels[:, :, 3:12, 2:11, 5:14] = 1
    condition, brain = Condition(labels), (labels > 0).float()
    # a brain of one value, as the generator makes it: multiplied by the brain after it is blended
    torch.testing.assert_close(pgan_condition.blended(3 * brain, condition, alpha), 3 * brain)


@pytest.mark.parametrize(("stage", "alpha"), [(0, 1.0), (1, 0.5), (2, 0.3), (2, 1.0)])
def test_the_background_is_0_and_the_map_conditions_both_networks(networks, batch, stage, alpha):
    generator, discriminator = networks
    z, labels = batch
    labels[:, :, :5] = 0
    images = generator(z, Condition(labels), stage, alpha)
    outside = pgan_layers.shrink((labels > 0).float(), images.shape[2:]).expand_as(images) == 0
    assert outside.any()
    assert (images[outside] == 0).all()
    assert images[~outside].abs().max() > 0
    other = torch.where(labels == 3, 1, labels)
    assert (generator(z, Condition(other), stage, alpha) - images).abs().max() > 1e-3
    assert (
        discriminator(images, Condition(other), stage, alpha) - discriminator(images, Condition(labels), stage, alpha)
    ).abs().max() > 1e-4


def test_gradient_penalty_of_a_known_score():
    weight = torch.tensor(0.7, requires_grad=True)
    real, fake, share = torch.randn(2, 1, 3, 3, 3), torch.randn(2, 1, 3, 3, 3), torch.rand(2, 1, 1, 1, 1)
    penalty = gradient_penalty(lambda x: weight * x.sin().flatten(1).sum(dim=1), real, fake, share)
    norm = (real + share * (fake - real)).cos().flatten(1).norm(dim=1)
    torch.testing.assert_close(penalty, ((0.7 * norm - 1) ** 2).mean())
    penalty.backward()
    torch.testing.assert_close(weight.grad, (2 * (0.7 * norm - 1) * norm).mean())


def test_gradient_penalty_of_the_discriminator_against_finite_differences(networks, batch):
    _, discriminator = networks
    _, labels = batch
    real, fake, share = torch.randn(2, 2, 8, 8, 8), torch.randn(2, 2, 8, 8, 8), torch.rand(2, 1, 1, 1, 1)

    def score_of(images):
        return discriminator(images, Condition(labels), 1, 0.6)

    def norms(images, step=1e-2):
        """Length of each image's gradient, from the slope along it."""
        images = images.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(score_of(images).sum(), images)
        towards = gradient / gradient.flatten(1).norm(dim=1).view(-1, 1, 1, 1, 1)
        # one image at a time: the minibatch deviation ties them together
        slopes = []
        for k in range(2):
            there, back = images.detach().clone(), images.detach().clone()
            there[k] += step * towards[k]
            back[k] -= step * towards[k]
            slopes.append((score_of(there).sum() - score_of(back).sum()) / (2 * step))
        return torch.stack(slopes)

    penalty = gradient_penalty(score_of, real, fake, share)
    expected = (norms(torch.lerp(real, fake, share)) - 1).square().mean()
    torch.testing.assert_close(penalty, expected, rtol=2e-2, atol=1e-4)


def test_gradient_penalty_reaches_every_layer_of_the_discriminator(networks, batch):
    _, discriminator = networks
    _, labels = batch
    real, fake, share = torch.randn(2, 2, 8, 8, 8), torch.randn(2, 2, 8, 8, 8), torch.rand(2, 1, 1, 1, 1)
    between = torch.lerp(real, fake, share).requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(between, Condition(labels), 1, 1.0).sum(), between)
    norm = gradient.flatten(1).norm(dim=1)
    gradient_penalty(lambda images: discriminator(images, Condition(labels), 1, 1.0), real, fake, share).backward()
    # without biases the score is proportional to the weights of each layer (Euler's theorem)
    expected = (2 * (norm - 1) * norm).mean()
    layers = [
        discriminator.from_images[1],
        *discriminator.stages[0].layers,
        discriminator.last,
        discriminator.hidden,
        discriminator.score,
    ]
    for layer in layers:
        torch.testing.assert_close((layer.weight * layer.weight.grad).sum(), expected, rtol=1e-3, atol=1e-5)


def test_checkpointing_changes_memory_not_gradients(networks, batch):
    _, discriminator = networks
    _, labels = batch
    real, fake, share = torch.randn(2, 2, 16, 16, 16), torch.randn(2, 2, 16, 16, 16), torch.rand(2, 1, 1, 1, 1)
    gradients = []
    for discriminator.checkpointing in (False, True):
        discriminator.zero_grad()
        loss = gradient_penalty(lambda images: discriminator(images, Condition(labels), 2, 0.5), real, fake, share)
        (loss + discriminator(real, Condition(labels), 2, 0.5).mean()).backward()
        gradients.append([each.grad.clone() for each in discriminator.parameters() if each.grad is not None])
    for plain, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(recomputed, plain)
