"""The progressive GAN's training: its schedule, augmentation on the way, resuming, bad losses."""

import itertools
import math

import numpy as np
import pytest
import torch
from small_pgan import LABELS, SETTINGS, SIDE, STAGES, label_map, write_subjects

from ganreg import io
from ganreg.errors import InputError
from ganreg.synthesize import pgan_condition, pgan_layers, pgan_losses, pgan_training, realtime, schedule
from ganreg.synthesize.pgan_data import Batches, Conditioned
from ganreg.synthesize.settings import RealTime
from ganreg.volumes import bids


@pytest.fixture
def folder(tmp_path):
    return write_subjects(tmp_path)


def test_stage_and_alpha_at_every_boundary():
    known = {0: (0, 1), 7: (0, 1), 8: (1, 0), 10: (1, 0.5), 12: (1, 1), 17: (1, 1), 18: (2, 0), 19: (2, 0.5)}
    known |= {20: (2, 1), 21: (2, 1), 22: (2, 1), 1000: (2, 1)}
    assert {images: schedule.position(images, STAGES) for images in known} == known
    # stages end on time, whatever the batch
    assert schedule.batch_sizes(STAGES) == [3, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("shape", "count", "first"),
    [((48, 48, 48), 4, (6, 6, 6)), ((32, 32, 32), 3, (8, 8, 8)), ((160, 224, 192), 6, (5, 7, 6))],
)
def test_stages_double_from_the_smallest_grid_to_the_full_one(shape, count, first):
    shapes = schedule.stage_shapes(shape, count)
    assert shapes[0] == first
    assert shapes[-1] == shape
    for before, after in itertools.pairwise(shapes):
        assert tuple(2 * side for side in before) == after


@pytest.mark.parametrize(("shape", "count"), [((48, 48, 48), 5), ((32, 32, 32), 5), ((160, 224, 192), 7)])
def test_stages_that_do_not_fit_the_grid_are_one_line(shape, count):
    with pytest.raises(InputError, match=rf"halve the grid .* found {count} stages"):
        schedule.stage_shapes(shape, count)


def test_the_average_forgets_its_beginning():
    assert [pgan_training.decay(steps) for steps in (0, 9, 10**6)] == [0.1, 10 / 19, 0.999]
    average, model = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    with torch.no_grad():
        average.weight.fill_(1.0)
        model.weight.fill_(3.0)
    pgan_training.update_average(average, model, 0.75)
    assert average.weight.item() == pytest.approx(0.75 * 1 + 0.25 * 3)


@pytest.mark.parametrize("side", [SIDE, SIDE // 2])
def test_crop_and_deformation_move_images_and_labels_together(side):
    torch.manual_seed(0)
    settings = RealTime(crop=0.7, elastic_sd_mm=4, noise_sd=0)
    transform = realtime.draw(3, [SIDE * 8.0] * 3, settings, torch.device("cpu"))
    ramp = torch.arange(1, SIDE + 1, dtype=torch.float32).view(1, 1, SIDE, 1, 1).expand(3, 1, SIDE, SIDE, SIDE)
    images = pgan_layers.shrink(ramp, (side,) * 3)
    moved = realtime.apply_to_images(transform, images, torch.ones_like(images))
    labels = realtime.apply_to_labels(transform, ramp.to(torch.uint8))
    assert labels.dtype == torch.uint8
    expected = pgan_layers.shrink(labels.float(), (side,) * 3)
    middle = (slice(None), slice(None), *(slice(side // 4, -side // 4),) * 3)
    # a label is the nearest of what linear interpolation finds
    assert (moved[middle] - expected[middle]).abs().max() <= 0.5 + 1e-4
    assert (moved[middle] - images[middle]).abs().max() > 1


def test_a_crop_that_is_not_resized_keeps_its_size_with_nothing_around_it():
    torch.manual_seed(0)
    settings = RealTime(crop=0.5, resize=False, elastic_sd_mm=0, noise_sd=0)
    transform = realtime.draw(4, [128.0] * 3, settings, torch.device("cpu"))
    ramp = torch.arange(1, SIDE + 1, dtype=torch.float32).view(1, 1, SIDE, 1, 1).expand(4, 1, SIDE, SIDE, SIDE)
    moved = realtime.apply_to_images(transform, ramp, torch.ones_like(ramp))
    labels = realtime.apply_to_labels(transform, ramp.to(torch.uint8))
    for image, box in zip(moved, labels, strict=True):
        line = image[0, :, SIDE // 2, SIDE // 2]
        inside = line > 0
        assert SIDE // 2 - 2 <= inside.sum() < SIDE
        # neighbors are as far apart as before: resized, they would be closer
        assert line[inside].diff().tolist() == pytest.approx([1] * (int(inside.sum()) - 1), abs=1e-4)
        assert torch.equal(image > 0, box > 0)
    # each crop is of another place
    assert len({float(image.max()) for image in moved}) == 4


def test_real_and_fake_get_one_transform_and_noise_stays_in_the_brain():
    torch.manual_seed(0)
    labels = torch.from_numpy(np.stack([label_map(), np.roll(label_map(), 1, axis=0)]))[:, None]
    settings = RealTime(crop=0.8, elastic_sd_mm=3, noise_sd=0)
    transform = realtime.draw(2, [128.0] * 3, settings, torch.device("cpu"))
    images, mask = torch.randn(2, 2, SIDE, SIDE, SIDE), (labels > 0).float()
    first, second = (realtime.apply_to_images(transform, images, mask) for _ in range(2))
    assert torch.equal(first, second)
    noisy = realtime.apply_to_images({**transform, "noise": torch.ones(2, 1, 1, 1, 1)}, images, mask)
    difference = (noisy - first)[:, :1]
    assert (difference[mask == 0] == 0).all()
    assert difference[mask > 0].std().item() == pytest.approx(1, rel=0.05)


def adversaries(**changed):
    torch.manual_seed(0)
    settings = SETTINGS.model_copy(update=changed)
    return pgan_training.Adversaries(settings, (SIDE,) * 3, [SIDE * 8.0] * 3, LABELS, 1, torch.device("cpu"))


def test_the_discriminator_comes_to_score_real_images_higher_and_the_generator_to_score_higher():
    labels, shape = torch.from_numpy(label_map())[None, None].expand(2, -1, -1, -1, -1), (4, 4, 4)
    condition = pgan_condition.Condition(labels)
    real, z = 3 * condition.brain(shape), torch.randn(2, SETTINGS.latent)
    networks = adversaries(reconstruction=0.0, learning_rate=0.003)

    def scores():
        fake = networks.generator(z, condition, 0, 1.0)
        return [float(networks.discriminator(images, condition, 0, 1.0).mean().detach()) for images in (real, fake)]

    def score_of(images):
        return networks.discriminator(images, condition, 0, 1.0)

    before = scores()
    for _ in range(20):
        fake = networks.generator(z, condition, 0, 1.0)
        networks._discriminator_step(real, fake.detach(), score_of, penalized=True)
    of_real, of_fake = scores()
    assert of_real - of_fake > before[0] - before[1] + 0.1
    for _ in range(5):
        fake = networks.generator(z, condition, 0, 1.0)
        (uphill,) = torch.autograd.grad(score_of(fake).mean(), fake, retain_graph=True)
        networks._generator_step(torch.zeros((), requires_grad=True), fake, uphill)
    assert scores()[1] > of_fake + 1e-3
    assert scores()[0] == of_real


def test_terms_of_the_latent_vector_have_known_values():
    # a random and an encoded vector, 0.5 apart in both dimensions; two structures, of 3/4 and 1/4 of the brain
    z = torch.tensor([[1.0, -1.0], [0.5, -0.5]])
    posterior = torch.tensor([[0.5, -0.5]]), torch.tensor([[0.0, math.log(4)]])
    of_random, of_encoded = torch.zeros(1, 2, 4), torch.tensor([[[0.4] * 4, [0.0, 0.0, 0.0, 0.8]]])
    sizes = torch.tensor([[[0.75], [0.25]]])
    terms = pgan_losses.latent_terms(z, posterior, (of_random, of_encoded), sizes)
    assert terms["kl"].item() == pytest.approx((0.25 + 0.25 + 4 - 1 - math.log(4)) / 2)
    # 0.75 x 0.4 + 0.25 x 0.2 by 0.5
    assert terms["mode_seeking"].item() == pytest.approx(1 / (0.7 + pgan_losses.LEAST_RATIO))
    settings = SETTINGS.model_copy(update={"reconstruction": 2, "divergence": 3, "mode_seeking": 5})
    values = {"l1": torch.tensor(0.1), "kl": torch.tensor(1.0), "mode_seeking": torch.tensor(0.2)}
    assert pgan_losses.weighted(values, settings, torch.tensor(10.0)).item() == pytest.approx(2 + 3 + 1)


def test_the_real_image_teaches_its_own_vectors_image_alone(monkeypatch):
    networks, labels = adversaries(mode_seeking=0.0, divergence=0.0), torch.from_numpy(label_map())[None, None]
    seen = {}

    def step(loss, fake, uphill):
        seen["l1"] = torch.autograd.grad(loss, networks.generated)[0]

    monkeypatch.setattr(networks, "_generator_step", step)
    draw = networks.generator.forward

    def kept(*arguments):
        networks.generated = draw(*arguments)
        return networks.generated

    monkeypatch.setattr(networks.generator, "forward", kept)
    networks.step(torch.randn(1, 1, SIDE, SIDE, SIDE) * (labels > 0), labels, 0, 1.0, 0)
    random, encoded = seen["l1"]
    assert (random == 0).all()
    assert encoded.abs().max() > 0


def test_without_a_term_that_asks_for_it_nothing_is_encoded():
    networks, labels = adversaries(reconstruction=0.0, mode_seeking=0.0), torch.from_numpy(label_map())[None, None]
    before = {key: value.clone() for key, value in networks.generator.state_dict().items()}
    losses = networks.step(torch.randn(1, 1, SIDE, SIDE, SIDE) * (labels > 0), labels, 0, 1.0, 0)
    assert set(losses) == {"d_loss", "wasserstein", "gradient_penalty"}
    # the score alone moves the generator
    after = networks.generator.state_dict()
    assert not torch.equal(before["stem.weight"], after["stem.weight"])


def test_a_stage_begins_with_optimizers_that_have_no_past():
    networks, labels = adversaries(), torch.from_numpy(label_map())[None, None]
    real = torch.randn(1, 1, 4, 4, 4)
    networks.step(real, labels, 0, 1.0, 0)
    assert all(optimizer.state for optimizer in networks.optimizers.values())
    networks.begin_stage()
    assert not any(optimizer.state for optimizer in networks.optimizers.values())
    networks.step(real, labels, 0, 1.0, 0)
    assert all(each["step"] == 1 for optimizer in networks.optimizers.values() for each in optimizer.state.values())


def train(folder, output):
    data = Conditioned(folder / "preprocess", [folder / "maps"], ["T1w", "T2w"])
    output.parent.mkdir(exist_ok=True)
    return pgan_training.train("toy", SETTINGS, ["01", "02", "03"], data, LABELS, output, "key")


def test_training_resumed_in_mid_stage_equals_uninterrupted_training_bit_for_bit(folder, monkeypatch):
    history, previews, opened = train(folder, folder / "whole" / "pgan.pt")
    read = Batches.__getitem__

    def interrupted(self, step):
        if step == 7:
            raise KeyboardInterrupt
        return read(self, step)

    monkeypatch.setattr(Batches, "__getitem__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(folder, folder / "parts" / "pgan.pt")
    monkeypatch.setattr(Batches, "__getitem__", read)
    resumed, previews_again, opened_again = train(folder, folder / "parts" / "pgan.pt")

    def numbers(lines):
        return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]

    assert numbers(resumed) == numbers(history)
    assert [line["step"] for line in history] == [2, 3, 4, 6, 8, 10, 12]
    assert [line["stage"] for line in history] == [1, 1, 2, 2, 2, 3, 3]
    assert all(torch.equal(one, other) for one, other in zip(previews_again, previews, strict=True))
    assert [preview.shape[1] for preview in previews] == [4, 8, 16]
    first, second = (torch.load(folder / part / "pgan.pt") for part in ("whole", "parts"))
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert [path.name for path in (folder / "parts").iterdir()] == ["pgan.pt"]
    files = [*(folder / "preprocess").rglob("*_desc-preproc_*"), *(folder / "maps").rglob("*.gz")]
    assert opened == opened_again == {str(path): io.sha256(path) for path in files}


def test_a_map_on_another_grid_is_named(folder):
    io.save(bids.path(folder / "maps", "02", bids.MAP), np.ones((8, 8, 8)), np.eye(4), np.uint8)
    data = Conditioned(folder / "preprocess", [folder / "maps"], ["T1w"])
    with pytest.raises(InputError, match=r"sub-02_desc-rdnn_dseg.nii.gz: expected the images' shape \(16, 16, 16\)"):
        data.read("02")


def test_a_loss_that_is_not_finite_stops_with_its_step(folder, monkeypatch):
    monkeypatch.setattr(pgan_training, "PENALTY", float("nan"))
    with pytest.raises(InputError, match=r"toy: expected finite losses, found .* at step 1"):
        train(folder, folder / "pgan.pt")
