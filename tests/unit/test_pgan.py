"""The progressive GAN: growing, layers, losses, augmentation while training, resuming, and its samples."""

import itertools
import json
import math

import nibabel as nib
import numpy as np
import pytest
import torch
import torch.nn.functional as functional

from ganreg import cli, io
from ganreg.errors import InputError
from ganreg.fingerprint import imports
from ganreg.preprocess.subjects import Subjects
from ganreg.segment.learned import map_path
from ganreg.spatial import deform
from ganreg.spatial.jacobian import jacobian_determinant
from ganreg.synthesize import contrast, pgan, pgan_networks, realtime, samples, sampling, schedule
from ganreg.synthesize.pgan_networks import Condition

STAGES = [
    {"width": 6, "batch": 3, "fade_in": 0, "steady": 8},
    {"width": 5, "batch": 2, "fade_in": 4, "steady": 6},
    {"width": 4, "batch": 1, "fade_in": 2, "steady": 2},
]
OPTIONS = {
    "stages": STAGES,
    "latent": 3,
    "embedding": 2,
    "checkpointing": False,
    "learning_rate": 0.001,
    "reconstruction": 1.0,
    "augmentation": {"crop": 0.9, "elastic_sd_mm": 2, "noise_sd": 0.1},
    "seed": 1,
    "log_every": 2,
    "device": "cpu",
    "precision": "float32",
    "workers": 0,
}
DEFORMATION = {
    "rotation_deg": 8,
    "scale": 0.05,
    "translation_mm": 4,
    "elastic_spacing_mm": 32,
    "elastic_sd_mm": 2.5,
    "seed": 1,
}
STILL = {**DEFORMATION, "rotation_deg": 0, "scale": 0, "translation_mm": 0, "elastic_sd_mm": 0}
CONTRAST = {"deviation": 0.1, "blur": 0.5, "bias_sd": 0.1, "noise_sd": 0.05}
SIDE, LABELS = 16, 3


def label_map(side=SIDE):
    """Nested boxes: 0 outside, then 1, 2, 3."""
    labels = np.zeros((side, side, side), dtype=np.uint8)
    for label in range(1, LABELS + 1):
        edge = label * side // 8
        labels[edge : side - edge, edge : side - edge, edge : side - edge] = label
    return labels


@pytest.fixture
def networks():
    torch.manual_seed(0)
    widths = [stage["width"] for stage in STAGES]
    shape = (SIDE, SIDE, SIDE)
    generator = pgan_networks.Generator(shape, widths, 3, LABELS, 2, 2, checkpointing=False)
    return generator, pgan_networks.Critic(shape, widths, LABELS, 2, 2, checkpointing=False)


@pytest.fixture
def batch():
    torch.manual_seed(1)
    labels = torch.from_numpy(np.stack([label_map(), np.roll(label_map(), 1, axis=0)]))[:, None]
    return torch.randn(2, 3), labels


@pytest.fixture
def folder(tmp_path):
    """Three preprocessed subjects and their maps."""
    rng = np.random.default_rng(0)
    affine = np.diag([8.0, 8, 8, 1])
    for number, subject in enumerate(("01", "02", "03")):
        labels = np.roll(label_map(), number - 1, axis=1)
        images = {
            name: labels * float(sign) + rng.normal(0, 0.3, labels.shape) for name, sign in (("T1w", 1), ("T2w", -1))
        }
        samples.write_sample(tmp_path / "preprocess", subject, images, labels, affine)
        io.save(map_path(tmp_path / "maps", subject), labels, affine, np.uint8)
    return tmp_path


def test_stage_and_alpha_at_every_boundary():
    known = {0: (0, 1), 7: (0, 1), 8: (1, 0), 10: (1, 0.5), 12: (1, 1), 17: (1, 1), 18: (2, 0), 19: (2, 0.5)}
    known |= {20: (2, 1), 21: (2, 1), 22: (2, 1), 1000: (2, 1)}
    assert {images: schedule.position(images, STAGES) for images in known} == known
    assert schedule.total(STAGES) == 22
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


def test_networks_work_on_the_stage_grids_of_an_uneven_shape():
    shape, labels = (16, 32, 24), torch.ones(1, 1, 16, 32, 24, dtype=torch.uint8)
    generator = pgan_networks.Generator(shape, [3, 2], 2, 1, 2, 2, checkpointing=False)
    critic = pgan_networks.Critic(shape, [3, 2], 1, 2, 2, checkpointing=False)
    for stage, expected in enumerate([(8, 16, 12), shape]):
        images = generator(torch.randn(1, 2), Condition(labels), stage, 0.5)
        assert images.shape == (1, 2, *expected)
        assert critic(images, Condition(labels), stage, 0.5).shape == (1,)


def test_equalised_layers_hold_unit_weights_and_scale_when_run():
    torch.manual_seed(0)
    layer = pgan_networks.Convolution(40, 30)
    assert layer.weight.std().item() == pytest.approx(1, abs=0.02)
    x = torch.randn(1, 40, 5, 5, 5)
    expected = functional.conv3d(x, layer.weight, padding=1) * math.sqrt(2 / (40 * 27))
    torch.testing.assert_close(layer(x), expected)
    # the signal keeps its size through a layer and a leaky ReLU, whatever the width
    assert functional.leaky_relu(layer(x)[..., 1:-1, 1:-1, 1:-1], 0.2).square().mean().item() == pytest.approx(
        1, rel=0.2
    )
    assert pgan_networks.Linear(9, 1, gain=1).scale == pytest.approx(1 / 3)
    stem = pgan_networks.Stem(8, 4, (2, 3, 4))
    assert stem.scale == pytest.approx(math.sqrt(2 / 8))
    z = torch.randn(5, 8)
    torch.testing.assert_close(stem(z), torch.einsum("bl,loxyz->boxyz", z, stem.weight) * stem.scale)


def test_pixel_norm_is_over_channels():
    x = torch.tensor([3.0, 4.0]).view(1, 2, 1, 1, 1).expand(1, 2, 2, 2, 2)
    expected = torch.tensor([3.0, 4.0]) / math.sqrt(12.5)
    torch.testing.assert_close(pgan_networks.pixel_norm(x)[0, :, 1, 0, 1], expected)


def test_minibatch_deviation_is_one_more_channel():
    x = torch.stack([torch.zeros(3, 2, 2, 2), torch.full((3, 2, 2, 2), 2.0)])
    found = pgan_networks.minibatch_deviation(x)
    assert found.shape == (2, 4, 2, 2, 2)
    torch.testing.assert_close(found[:, :3], x)
    torch.testing.assert_close(found[:, 3], torch.ones(2, 2, 2, 2))
    assert pgan_networks.minibatch_deviation(x[:1])[:, 3].max() < 1e-3


def test_memberships_are_averaged_one_hot_labels(batch):
    _, labels = batch
    one_hot = functional.one_hot(labels[:, 0].long(), LABELS + 1).movedim(-1, 1).float()
    shape = (SIDE // 4,) * 3
    condition = Condition(labels)
    found = condition.memberships(shape, LABELS + 1)
    torch.testing.assert_close(found.movedim(-1, 1), functional.avg_pool3d(one_hot, 4))
    torch.testing.assert_close(pgan_networks.shrink(one_hot, shape), functional.avg_pool3d(one_hot, 4))
    embedding = pgan_networks.Embedding(LABELS, 2)
    fine, coarse = embedding(condition, labels.shape[2:]), embedding(condition, shape)
    torch.testing.assert_close(functional.avg_pool3d(fine, 4), coarse)


@pytest.mark.parametrize("stage", [1, 2])
def test_a_stage_fades_in_from_the_one_before(networks, batch, stage):
    generator, critic = networks
    z, _ = batch
    inside = torch.ones(2, 1, SIDE, SIDE, SIDE, dtype=torch.uint8)
    before, at_zero = generator(z, Condition(inside), stage - 1, 1.0), generator(z, Condition(inside), stage, 0.0)
    torch.testing.assert_close(at_zero, pgan_networks.grow(before))
    images = torch.randn_like(at_zero)
    scores = critic(pgan_networks.halve(images), Condition(inside), stage - 1, 1.0)
    torch.testing.assert_close(critic(images, Condition(inside), stage, 0.0), scores)
    torch.testing.assert_close(pgan_networks.blended(images, 0.0), pgan_networks.grow(pgan_networks.halve(images)))
    assert pgan_networks.blended(images, 1.0) is images


@pytest.mark.parametrize(("stage", "alpha"), [(0, 1.0), (1, 0.5), (2, 0.3), (2, 1.0)])
def test_the_background_is_0_and_the_map_conditions_both_networks(networks, batch, stage, alpha):
    generator, critic = networks
    z, labels = batch
    labels[:, :, :5] = 0
    images = generator(z, Condition(labels), stage, alpha)
    outside = pgan_networks.shrink((labels > 0).float(), images.shape[2:]).expand_as(images) == 0
    assert outside.any()
    assert (images[outside] == 0).all()
    assert images[~outside].abs().max() > 0
    other = torch.where(labels == 3, 1, labels)
    assert (generator(z, Condition(other), stage, alpha) - images).abs().max() > 1e-3
    assert (
        critic(images, Condition(other), stage, alpha) - critic(images, Condition(labels), stage, alpha)
    ).abs().max() > 1e-4


def test_gradient_penalty_of_a_known_score():
    weight = torch.tensor(0.7, requires_grad=True)
    real, fake, share = torch.randn(2, 1, 3, 3, 3), torch.randn(2, 1, 3, 3, 3), torch.rand(2, 1, 1, 1, 1)
    penalty = pgan.gradient_penalty(lambda x: weight * x.sin().flatten(1).sum(dim=1), real, fake, share)
    norm = (real + share * (fake - real)).cos().flatten(1).norm(dim=1)
    torch.testing.assert_close(penalty, ((0.7 * norm - 1) ** 2).mean())
    penalty.backward()
    torch.testing.assert_close(weight.grad, (2 * (0.7 * norm - 1) * norm).mean())


def test_gradient_penalty_of_the_critic_against_finite_differences(networks, batch):
    _, critic = networks
    _, labels = batch
    real, fake, share = torch.randn(2, 2, 8, 8, 8), torch.randn(2, 2, 8, 8, 8), torch.rand(2, 1, 1, 1, 1)

    def score_of(images):
        return critic(images, Condition(labels), 1, 0.6)

    def norms(images, step=1e-2):
        """Length of each image's gradient, from the slope along it."""
        images = images.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(score_of(images).sum(), images)
        towards = gradient / gradient.flatten(1).norm(dim=1).view(-1, 1, 1, 1, 1)
        # one image at a time: the minibatch deviation ties them together
        ends = []
        for k in range(2):
            there, back = images.detach().clone(), images.detach().clone()
            there[k] += step * towards[k]
            back[k] -= step * towards[k]
            ends.append((score_of(there).sum() - score_of(back).sum()) / (2 * step))
        return torch.stack(ends)

    penalty = pgan.gradient_penalty(score_of, real, fake, share)
    expected = (norms(torch.lerp(real, fake, share)) - 1).square().mean()
    torch.testing.assert_close(penalty, expected, rtol=2e-2, atol=1e-4)


def test_gradient_penalty_reaches_every_layer_of_the_critic(networks, batch):
    _, critic = networks
    _, labels = batch
    real, fake, share = torch.randn(2, 2, 8, 8, 8), torch.randn(2, 2, 8, 8, 8), torch.rand(2, 1, 1, 1, 1)
    between = torch.lerp(real, fake, share).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(between, Condition(labels), 1, 1.0).sum(), between)
    norm = gradient.flatten(1).norm(dim=1)
    pgan.gradient_penalty(lambda images: critic(images, Condition(labels), 1, 1.0), real, fake, share).backward()
    # without biases the score is proportional to the weights of each layer (Euler's theorem)
    expected = (2 * (norm - 1) * norm).mean()
    layers = [critic.from_images[1], *critic.stages[0].layers, critic.last, critic.hidden, critic.score]
    for layer in layers:
        torch.testing.assert_close((layer.weight * layer.weight.grad).sum(), expected, rtol=1e-3, atol=1e-5)


def test_checkpointing_changes_memory_not_gradients(networks, batch):
    _, critic = networks
    _, labels = batch
    real, fake, share = torch.randn(2, 2, 16, 16, 16), torch.randn(2, 2, 16, 16, 16), torch.rand(2, 1, 1, 1, 1)
    gradients = []
    for critic.checkpointing in (False, True):
        critic.zero_grad()
        loss = pgan.gradient_penalty(lambda images: critic(images, Condition(labels), 2, 0.5), real, fake, share)
        (loss + critic(real, Condition(labels), 2, 0.5).mean()).backward()
        gradients.append([each.grad.clone() for each in critic.parameters() if each.grad is not None])
    for plain, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(recomputed, plain)


def test_the_average_forgets_its_beginning():
    assert [pgan.decay(steps) for steps in (0, 9, 10**6)] == [0.1, 10 / 19, 0.999]
    average, model = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    with torch.no_grad():
        average.weight.fill_(1.0)
        model.weight.fill_(3.0)
    pgan.update_average(average, model, 0.75)
    assert average.weight.item() == pytest.approx(0.75 * 1 + 0.25 * 3)


@pytest.mark.parametrize("side", [SIDE, SIDE // 2])
def test_crop_and_deformation_move_images_and_labels_together(side):
    torch.manual_seed(0)
    options = {"crop": 0.7, "elastic_sd_mm": 4, "noise_sd": 0}
    transform = realtime.draw(3, [SIDE * 8.0] * 3, options, torch.device("cpu"))
    ramp = torch.arange(1, SIDE + 1, dtype=torch.float32).view(1, 1, SIDE, 1, 1).expand(3, 1, SIDE, SIDE, SIDE)
    images = pgan_networks.shrink(ramp, (side,) * 3)
    moved = realtime.apply_to_images(transform, images, torch.ones_like(images))
    labels = realtime.apply_to_labels(transform, ramp.to(torch.uint8))
    assert labels.dtype == torch.uint8
    expected = pgan_networks.shrink(labels.float(), (side,) * 3)
    middle = (slice(None), slice(None), *(slice(side // 4, -side // 4),) * 3)
    # a label is the nearest of what linear interpolation finds
    assert (moved[middle] - expected[middle]).abs().max() <= 0.5 + 1e-4
    assert (moved[middle] - images[middle]).abs().max() > 1


def test_real_and_fake_get_one_transform_and_noise_stays_in_the_brain(batch):
    _, labels = batch
    options = {"crop": 0.8, "elastic_sd_mm": 3, "noise_sd": 0}
    transform = realtime.draw(2, [128.0] * 3, options, torch.device("cpu"))
    images, mask = torch.randn(2, 2, SIDE, SIDE, SIDE), (labels > 0).float()
    first, second = (realtime.apply_to_images(transform, images, mask) for _ in range(2))
    assert torch.equal(first, second)
    noisy = realtime.apply_to_images({**transform, "noise": torch.ones(2, 1, 1, 1, 1)}, images, mask)
    difference = (noisy - first)[:, :1]
    assert (difference[mask == 0] == 0).all()
    assert difference[mask > 0].std().item() == pytest.approx(1, rel=0.05)


def train(folder, output):
    data = pgan.Conditioned(folder / "preprocess", folder / "maps", ["T1w", "T2w"])
    output.parent.mkdir(exist_ok=True)
    return pgan.train("toy", OPTIONS, ["01", "02", "03"], data, LABELS, output, "mark")


def test_training_resumed_in_mid_stage_equals_uninterrupted_training_bit_for_bit(folder, monkeypatch):
    history, previews, opened = train(folder, folder / "whole" / "pgan.pt")
    read = pgan.Batches.__getitem__

    def interrupted(self, step):
        if step == 7:
            raise KeyboardInterrupt
        return read(self, step)

    monkeypatch.setattr(pgan.Batches, "__getitem__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(folder, folder / "parts" / "pgan.pt")
    monkeypatch.setattr(pgan.Batches, "__getitem__", read)
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
    files = [path for path in [*(folder / "preprocess").rglob("*.gz"), *(folder / "maps").rglob("*.gz")]]
    assert opened == opened_again == {str(path): io.sha256(path) for path in files}


def test_a_map_on_another_grid_is_named(folder):
    io.save(map_path(folder / "maps", "02"), np.ones((8, 8, 8)), np.eye(4), np.uint8)
    data = pgan.Conditioned(folder / "preprocess", folder / "maps", ["T1w"])
    with pytest.raises(InputError, match=r"sub-02_desc-rdnn_dseg.nii.gz: expected the images' shape \(16, 16, 16\)"):
        data.read("02")


def test_a_loss_that_is_not_finite_stops_with_its_step(folder, monkeypatch):
    monkeypatch.setattr(pgan, "PENALTY", float("nan"))
    with pytest.raises(InputError, match=r"toy: expected finite losses, found .* at step 1"):
        train(folder, folder / "pgan.pt")


def test_deformation_is_seeded_smooth_and_moves_image_and_labels_together():
    labels = label_map(32)
    still = deform.random_displacement(np.random.default_rng(0), labels.shape, [4, 4, 4], STILL)
    assert still.abs().max() < 1e-5
    one, again = (
        deform.random_displacement(np.random.default_rng(5), labels.shape, [4, 4, 4], DEFORMATION) for _ in range(2)
    )
    assert torch.equal(one, again)
    # 4 mm voxels: a scale of 5 % at 64 mm, 8 degrees, 4 mm and 2.5 mm of elastic deformation
    assert 0.3 < one.std().item() < 3
    for number in range(5):
        field = deform.random_displacement(np.random.default_rng(number), labels.shape, [4, 4, 4], DEFORMATION)
        assert jacobian_determinant(field, "forward").min() > 0
    moved = deform.deform_labels(labels, one)
    image = deform.deform_image((labels > 1).astype(np.float32), one)
    overlap = 2 * ((image > 0.5) & (moved > 1)).sum() / ((image > 0.5).sum() + (moved > 1).sum())
    before = 2 * ((labels > 1) & (moved > 1)).sum() / ((labels > 1).sum() + (moved > 1).sum())
    assert overlap > 0.98 > before


def test_elastic_deformation_has_the_configured_size():
    options = {**STILL, "elastic_sd_mm": 3}
    fields = [deform.random_displacement(np.random.default_rng(k), (33, 33, 33), [4, 4, 4], options) for k in range(10)]
    # nodes are 32 mm, 8 voxels, apart
    nodes = torch.stack([field[..., ::8, ::8, ::8] for field in fields]) * 4
    assert nodes.std().item() == pytest.approx(3, rel=0.05)


def test_samples_share_nothing_with_the_cohort(root):
    for kind in ("pgan", "warped", "random_contrast"):
        files, _ = imports(root / "workflow" / "scripts" / f"sample_{kind}.py", root / "workflow")
        assert {path.name for path in files} >= {"deform.py", "sampling.py"}
        assert not [path for path in files if path.parent.name == "get"]


def test_random_contrast_gives_each_structure_its_own_grey():
    labels = label_map(32)
    plain = {"deviation": 0, "blur": 0, "bias_sd": 0, "noise_sd": 0}
    image = contrast.random_contrast(np.random.default_rng(0), labels, plain)
    values = [np.unique(image[labels == label]) for label in range(LABELS + 1)]
    assert [len(value) for value in values] == [1] * (LABELS + 1)
    assert values[0][0] == 0
    assert len({float(value[0]) for value in values}) == LABELS + 1
    rough = contrast.random_contrast(np.random.default_rng(0), labels, CONTRAST)
    assert (rough[labels == 0] == 0).all()
    assert rough[labels == 2].std() > 0


def test_a_sample_is_read_like_a_preprocessed_subject(tmp_path):
    labels = label_map()
    rng = np.random.default_rng(0)
    images = {"T1w": 100 * rng.normal(size=labels.shape) + 700, "T2w": rng.random(labels.shape)}
    samples.write_sample(tmp_path, "pgan0001", images, labels, np.diag([4.0, 4, 4, 1]))
    stored = nib.load(tmp_path / "sub-pgan0001" / "anat" / "sub-pgan0001_desc-preproc_T1w.nii.gz")
    assert stored.get_data_dtype() == np.int16
    volumes = Subjects(tmp_path, ["T1w", "T2w"]).read("pgan0001")
    brain = torch.from_numpy(labels)[None] > 0
    assert torch.equal(volumes["mask"] > 0, brain)
    assert torch.equal(volumes["dseg"], torch.from_numpy(labels)[None])
    for name, data in images.items():
        assert (volumes[name][~brain] == 0).all()
        assert volumes[name][brain].mean().item() == pytest.approx(4, abs=1e-3)
        assert volumes[name][brain].std().item() == pytest.approx(1, abs=1e-3)
        assert np.corrcoef(volumes[name][brain], data[brain[0].numpy()])[0, 1] > 0.99999


def test_an_interrupted_set_of_samples_goes_on_where_it_was(tmp_path, capsys):
    drawn = []

    def draw(number, stop_at=None):
        if number == stop_at:
            raise KeyboardInterrupt
        drawn.append(number)
        rng = np.random.default_rng(number)
        return {"T1w": rng.normal(size=(SIDE, SIDE, SIDE))}, label_map(), np.eye(4)

    with pytest.raises(KeyboardInterrupt):
        samples.write_set(tmp_path / "set", "toy", "toy", 4, lambda number: draw(number, stop_at=3), "mark")
    assert not (tmp_path / "set").exists()
    samples.write_set(tmp_path / "set", "toy", "toy", 4, draw, "mark")
    assert drawn == [1, 2, 3, 4]
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == [f"sub-toy000{k}" for k in (1, 2, 3, 4)]
    assert [path.name for path in tmp_path.iterdir()] == ["set"]

    with pytest.raises(KeyboardInterrupt):
        samples.write_set(tmp_path / "other", "toy", "toy", 4, lambda number: draw(number, stop_at=3), "mark")
    drawn.clear()
    samples.write_set(tmp_path / "other", "toy", "toy", 4, draw, "another mark")
    assert drawn == [1, 2, 3, 4]
    assert "set aside" in capsys.readouterr().out


def test_a_set_is_made_from_training_subjects_alone_and_kinds_share_their_deformations(folder):
    content = {"folds": [{"fold": 1, "train": ["01", "03"], "validation": [], "test": ["02"]}]}
    io.write_json(folder / "folds.json", content)
    (folder / "dseg.tsv").write_text("index\tname\tmirror\n1\ta\t1\n2\tb\t2\n3\tc\t3\n")
    train(folder, folder / "pgan.pt")
    io.write_json(folder / "built_on.json", {"opened": {"file": "hash"}})
    common = {"samples": 3, "deformation": DEFORMATION, "modalities": ["T1w", "T2w"]}
    extra = {"pgan": {**OPTIONS, "threads": 1}, "warped": None, "random_contrast": CONTRAST}
    maps = {}
    for kind, settings in extra.items():
        options = json.dumps({**common, "settings": settings})
        arguments = ["--options", options, "--folds", folder / "folds.json", "--subjects", folder / "preprocess"]
        arguments += ["--fold", "1", "--output", folder / kind, "--manifest", folder / f"{kind}.json"]
        parser = cli.parser(None)
        if kind == "pgan":
            cli.add_paths(parser, "maps", "structures", "weights", many=("built_on",))
            arguments += ["--maps", folder / "maps", "--structures", folder / "dseg.tsv"]
            arguments += ["--weights", folder / "pgan.pt", "--built-on", folder / "built_on.json"]
        sampling.run(kind, parser, [str(argument) for argument in arguments])
        label = sampling.KINDS[kind][1]
        subjects = Subjects(folder / kind, ["T1w", "T2w"])
        maps[kind] = [subjects.read(f"{label}000{number}")["dseg"] for number in (1, 2, 3)]
        opened = io.read_json(folder / f"{kind}.json")["opened"]
        assert any("sub-01" in path for path in opened)
        assert not any("sub-02" in path for path in opened)
        assert (kind == "pgan") == ("file" in opened)
    for one, other, third in zip(*maps.values(), strict=True):
        assert torch.equal(one, other)
        assert torch.equal(other, third)


def test_weights_of_another_network_are_one_line(folder):
    train(folder, folder / "pgan.pt")
    with pytest.raises(InputError, match="expected weights of the configured network"):
        sampling.generator(folder / "pgan.pt", {**OPTIONS, "latent": 7}, LABELS, 2, (SIDE,) * 3)
