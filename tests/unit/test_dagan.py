"""DAGAN: the k-space mask, its augmentation, a training that goes on bit for bit, samples that stay in their fold."""

import json

import nibabel as nib
import numpy as np
import pytest
import torch

from ganreg import io
from ganreg.errors import InputError
from ganreg.settings import canonical
from ganreg.spatial.deform import Displacements
from ganreg.spatial.settings import SampleDeformation
from ganreg.synthesize import dagan_training
from ganreg.synthesize.dagan_augmentation import SubjectAugmentation
from ganreg.synthesize.dagan_data import Slices, zscores
from ganreg.synthesize.dagan_networks import Generator, sampled_lines, undersample
from ganreg.synthesize.dagan_sampling import restorer, sampler
from ganreg.synthesize.pgan_data import Conditioned
from ganreg.synthesize.samples import write_set
from ganreg.synthesize.settings import DaganAugmentation, DaganSampling, DaganTraining
from ganreg.volumes import bids
from ganreg.volumes.normalize import SHIFT, zscore
from scripts import sample_dagan, train_dagan

STILL = DaganAugmentation(rotation_deg=0, scale=0, translation_mm=0, elastic_spacing_mm=8, elastic_sd_mm=0, gamma=0)
YANG = STILL.model_copy(
    update={"rotation_deg": 10, "scale": 0.1, "translation_mm": 2, "elastic_sd_mm": 0.5, "gamma": 0.05}
)
SETTINGS = DaganTraining(
    features=[4, 8], discriminator=[4, 8], augmentation=YANG, batch=4, steps=10, log_every=4,
    device="cpu", precision="float32",
)  # fmt: skip
MODALITIES = ["T1w", "T2w"]
DEFORMATION = SampleDeformation()
MIRROR_LABELS = np.array([0, 2, 1, 3], dtype=np.uint8)
FOLD = {"fold": 1, "train": ["01", "02"], "validation": ["03"], "test": ["04"]}
SIDE = 16


def subject(seed=0, side=SIDE):
    """A ball of two halves (1: low X, 2: high X) around a core (3), and an image in which each has its own value."""
    centered = np.indices((side,) * 3) - (side - 1) / 2
    radius = np.sqrt((centered**2).sum(axis=0))
    labels = np.where(centered[0] < 0, 1, 2)
    labels[radius < side / 6] = 3
    labels = np.where(radius < side / 3, labels, 0).astype(np.uint8)
    noise = np.random.default_rng(seed).normal(0, 0.05, labels.shape)
    images = {"T1w": np.array([0, 1, 2, 4])[labels] + noise, "T2w": np.array([0, 4, 2, 1])[labels] + noise}
    return {name: zscore(data, labels > 0, name) for name, data in images.items()}, labels


@pytest.fixture
def folder(tmp_path):
    """Preprocessed subjects; those outside the training set are no images at all."""
    for number, name in enumerate(["01", "02", "03", "04"]):
        images, labels = subject(number)
        for modality, data in images.items():
            io.save(bids.path(tmp_path / "preprocess", name, bids.preprocessed(modality)), data, np.eye(4))
        io.save(bids.path(tmp_path / "preprocess", name, bids.MASK), labels > 0, np.eye(4), np.uint8)
        io.save(bids.path(tmp_path / "preprocess", name, bids.DSEG), labels, np.eye(4), np.uint8)
        if name not in FOLD["train"]:
            for path in bids.path(tmp_path / "preprocess", name, bids.MASK).parent.iterdir():
                path.write_text("not an image")
    return tmp_path / "preprocess"


def fit(folder, output, **changed):
    settings = SETTINGS.model_copy(update=changed)
    return dagan_training.train("toy", settings, FOLD, MIRROR_LABELS, MODALITIES, folder, output, "code")


@pytest.mark.parametrize(("size", "fraction", "count"), [(48, 0.3, 14), (224, 0.3, 67), (32, 0.1, 3), (32, 1.0, 32)])
def test_the_mask_has_the_fraction_asked_for_and_the_center(size, fraction, count):
    for seed in range(5):
        lines = sampled_lines(size, fraction, seed)
        assert int(lines.sum()) == count
        assert lines[0]


def test_the_mask_prefers_the_center_of_k_space():
    lines = torch.stack([sampled_lines(64, 0.3, seed) for seed in range(200)]).float().mean(dim=0)
    frequency = np.abs(np.fft.fftfreq(64))
    assert lines[frequency < 0.1].mean() > 2 * lines[frequency > 0.3].mean() > 0


def test_fully_sampled_k_space_leaves_slices_as_they_are():
    slices = torch.randn(3, 1, 12, 20, generator=torch.Generator().manual_seed(1))
    found = undersample(slices, sampled_lines(20, 1.0, 0))
    torch.testing.assert_close(found, slices, atol=1e-6, rtol=0)


def test_a_line_left_out_removes_its_wave_and_no_other():
    position = torch.arange(16) / 16
    slow, fast = torch.cos(2 * torch.pi * position), torch.cos(2 * torch.pi * 5 * position)
    lines = torch.ones(16, dtype=torch.bool)
    lines[[5, 11]] = False
    found = undersample((slow + fast).expand(1, 1, 8, 16), lines)
    torch.testing.assert_close(found, slow.expand(1, 1, 8, 16), atol=1e-5, rtol=0)


def test_an_untrained_generator_starts_near_the_zero_filled_slice_and_adds_to_it():
    generator = Generator([4, 8], sampled_lines(16, 0.3, 0))
    damaged = torch.randn(2, 1, 18, 16)
    assert (generator(damaged) - damaged).abs().max() < 0.1
    torch.nn.init.zeros_(generator.missing.weight)
    assert torch.equal(generator(damaged), damaged)


def test_the_restoration_loss_weighs_pixels_and_magnitudes():
    slices = torch.randn(2, 1, 8, 8)
    # a shift of the whole slice changes one coefficient, by 8 (orthonormal): mean square over 64 of them is 1
    restored = slices + 1
    center = slices.sum(dim=(2, 3)).abs() / 8
    moved = (slices.sum(dim=(2, 3)) / 8 + 8).abs()
    expected = 15 + 0.1 * float(((moved - center) ** 2).mean()) / 64
    assert float(dagan_training.restoration_loss(restored, slices, 15, 0.1)) == pytest.approx(expected, rel=1e-4)
    assert float(dagan_training.restoration_loss(slices, slices, 15, 0.1)) == 0


def test_a_flip_swaps_the_mirrored_structures():
    images, labels = subject()
    copies = [SubjectAugmentation(STILL, 3, MIRROR_LABELS)(images, labels, np.eye(4), number) for number in range(12)]
    flipped = [not np.allclose(copy["T1w"], images["T1w"], atol=1e-4) for copy, _ in copies]
    assert 2 < sum(flipped) < 10
    for (copy, moved), is_flipped in zip(copies, flipped, strict=True):
        # the ball is symmetric: swapped structures are where they were, and the image is mirrored
        np.testing.assert_array_equal(moved, labels)
        expected = images["T1w"][::-1] if is_flipped else images["T1w"]
        np.testing.assert_allclose(copy["T1w"], expected, atol=1e-4)
    for number in range(12):
        np.testing.assert_allclose(
            SubjectAugmentation(STILL, 3)(images, labels, np.eye(4), number)[0]["T1w"], images["T1w"], atol=1e-4
        )


def test_augmentation_moves_both_images_and_the_labels_together():
    images, labels = subject(side=32)
    for number in range(4):
        copy, moved = SubjectAugmentation(YANG, 5)(images, labels, np.eye(4), number)
        assert (moved != labels).mean() > 0.01
        for modality, order in (("T1w", (1, 2, 3)), ("T2w", (3, 2, 1))):
            # each structure has a value of its own, half a standard deviation and more from the next
            inside = [copy[modality][moved == structure] for structure in order]
            medians = [np.median(values) for values in inside]
            assert np.diff(medians).min() > 0.5
            for values, median in zip(inside, medians, strict=True):
                # all but those on the border, which are in between
                assert np.mean(np.abs(values - median) < 0.25) > 0.5
            assert (copy[modality][moved == 0] == 0).all()
            assert copy[modality][moved > 0].mean() == pytest.approx(SHIFT, abs=1e-3)


def test_a_flipped_copy_is_the_mirror_image_of_the_other():
    images, labels = subject()
    flipped = 0
    for number in range(8):
        (copy, moved), (plain, plain_labels) = (
            SubjectAugmentation(YANG, 5, mirrors)(images, labels, np.eye(4), number)
            for mirrors in (MIRROR_LABELS, None)
        )
        if not np.array_equal(moved, plain_labels):
            flipped += 1
            plain, plain_labels = {name: data[::-1] for name, data in plain.items()}, MIRROR_LABELS[plain_labels[::-1]]
        np.testing.assert_array_equal(moved, plain_labels)
        assert all(np.array_equal(copy[name], plain[name]) for name in images)
    assert 0 < flipped < 8


class Interrupted(Slices):
    """Stops once at step 6, between two lines of the history."""

    def __getitem__(self, index):
        if index == 6:
            raise KeyboardInterrupt
        return super().__getitem__(index)


def test_resumed_training_equals_uninterrupted_training_bit_for_bit(folder, tmp_path, monkeypatch):
    history, opened = fit(folder, tmp_path / "whole.pt")
    with monkeypatch.context() as patched:
        patched.setattr(dagan_training, "Slices", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            fit(folder, tmp_path / "parts.pt")
    assert not (tmp_path / "parts.pt").exists()
    resumed, opened_again = fit(folder, tmp_path / "parts.pt")
    assert [{**line, "seconds": 0} for line in resumed] == [{**line, "seconds": 0} for line in history]
    assert [line["step"] for line in history] == [4, 8, 10]
    assert opened_again == opened
    first, second = (torch.load(tmp_path / f"{name}.pt") for name in ("whole", "parts"))
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not list(tmp_path.glob(".*checkpoint"))


def test_training_lowers_the_error_and_opens_training_subjects_only(folder, tmp_path):
    history, opened = fit(folder, tmp_path / "dagan.pt", steps=60, log_every=30, learning_rate=0.003)
    assert history[-1]["restored_mse"] < 0.9 * history[-1]["zero_filled_mse"]
    assert {path.split("sub-")[1][:2] for path in opened} == {"01", "02"}


def test_the_discriminator_comes_to_tell_slices_from_restored_ones_and_the_generator_to_pass():
    torch.manual_seed(0)
    settings = SETTINGS.model_copy(update={"pixel": 0.0, "frequency": 0.0, "sampling": 0.1})
    networks, slices = dagan_training.Adversaries(settings, SIDE, torch.device("cpu")), torch.randn(8, 1, SIDE, SIDE)
    generator, discriminator = networks.generator, networks.discriminator
    with torch.no_grad():
        untrained = generator(undersample(slices, generator.lines))
    losses = [networks.step(slices, 0.003) for _ in range(30)]
    with torch.no_grad():
        restored = generator(undersample(slices, generator.lines))
        assert discriminator(slices).mean() > discriminator(untrained).mean() + 0.5
        # nothing but the adversarial loss has changed the generator
        assert discriminator(restored).mean() > discriminator(untrained).mean()
    # of a discriminator that cannot tell: twice the logarithm of 2
    assert losses[-1]["discriminator"] < 2 * np.log(2) < losses[0]["discriminator"] + 0.5


def test_samples_have_the_layout_of_subjects_and_labels_of_their_images(folder, tmp_path):
    fit(folder, tmp_path / "dagan.pt", steps=2)
    data = Conditioned(folder, [], MODALITIES)
    draw, opened = sampler(
        tmp_path / "dagan.pt", SETTINGS, data, FOLD["train"], MIRROR_LABELS, Displacements(DEFORMATION)
    )
    write_set(tmp_path / "samples", "toy", ["dagan0001", "dagan0002", "dagan0003"], draw, "key")
    assert opened.pop(str(tmp_path / "dagan.pt")) == io.sha256(tmp_path / "dagan.pt")
    assert {path.split("sub-")[1][:2] for path in opened} == {"01", "02"}
    assert [path.name for path in sorted((tmp_path / "samples").iterdir())] == [f"sub-dagan000{k}" for k in (1, 2, 3)]
    labels = np.asarray(nib.load(bids.path(tmp_path / "samples", "dagan0001", bids.DSEG)).dataobj)
    for modality in MODALITIES:
        image = nib.load(bids.path(tmp_path / "samples", "dagan0001", bids.preprocessed(modality))).get_fdata()
        assert (image[labels == 0] == 0).all()
        assert image[labels > 0].mean() == pytest.approx(SHIFT, abs=0.01)


def test_the_scripts_train_and_sample_a_fold(folder, tmp_path):
    io.write_json(tmp_path / "folds.json", {"folds": [FOLD]})
    (tmp_path / "dseg.tsv").write_text("index\tname\tmirror\n1\ta\t2\n2\tb\t1\n3\tc\t3\n")
    settings = SETTINGS.model_dump()
    sampling = {name: settings[name] for name in DaganSampling.model_fields}
    drawn = {"settings": sampling, "samples": 3, "deformation": DEFORMATION}
    common = {"folds": "folds.json", "structures": "dseg.tsv", "subjects": "preprocess", "weights": "dagan.pt"}
    runs = [
        (train_dagan, {"settings": settings}, {"history": "dagan.jsonl", "manifest": "dagan.json"}),
        (sample_dagan, drawn, {"built-on": "dagan.json", "output": "samples"}),
    ]
    for script, options, files in runs:
        files = {**common, "manifest": "samples.json", **files}
        argv = ["--options", canonical({**options, "modalities": MODALITIES}), "--fold", "1"]
        if script is sample_dagan:
            argv += ["--maps", "--velocities"]
        script.main([*argv, *(part for name, path in files.items() for part in (f"--{name}", str(tmp_path / path)))])
    history = [json.loads(line) for line in (tmp_path / "dagan.jsonl").read_text().splitlines()]
    trained, sampled = (io.read_json(tmp_path / f"{name}.json") for name in ("dagan", "samples"))
    assert trained["restored_mse"] == history[-1]["restored_mse"]
    assert set(sampled["opened"]) == {*trained["opened"], str(tmp_path / "dagan.pt")}
    assert bids.subjects_in(tmp_path / "samples") == ["dagan0001", "dagan0002", "dagan0003"]


def test_fully_sampled_k_space_and_no_network_give_the_subject_back(folder, tmp_path):
    generator = Generator(SETTINGS.features, torch.ones(SIDE, dtype=torch.bool))
    torch.nn.init.zeros_(generator.missing.weight)
    torch.save(generator.state_dict(), tmp_path / "dagan.pt")
    images, labels = subject()
    scores = zscores(images, labels)
    found = restorer(tmp_path / "dagan.pt", SETTINGS, SIDE)(scores)
    np.testing.assert_allclose(found, scores, atol=1e-5)


def test_weights_of_another_network_are_refused(folder, tmp_path):
    fit(folder, tmp_path / "dagan.pt", steps=1)
    with pytest.raises(InputError, match="expected weights of the configured network"):
        restorer(tmp_path / "dagan.pt", SETTINGS.model_copy(update={"features": [8, 8]}), SIDE)
    with pytest.raises(InputError, match="expected weights of the configured network"):
        restorer(tmp_path / "dagan.pt", SETTINGS, SIDE + 16)
