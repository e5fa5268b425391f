"""Sample quality: known answers of the kernel distance, similarity, fidelity and memorization."""

import numpy as np
import pandas as pd
import pytest
import torch

from ganreg import io
from ganreg.errors import InputError
from ganreg.evaluate import cohort, latent, quality, sample_table
from ganreg.preprocess.settings import Grid
from ganreg.segment import features, rdnn
from ganreg.segment.settings import RdnnModel, RdnnTraining
from ganreg.synthesize.settings import Quality
from ganreg.volumes import bids
from ganreg.volumes.normalize import SHIFT, zscore
from ganreg.volumes.subjects import Subjects

SETTINGS = Quality(pairs=3, repeats=4, blur=1, seed=1)
SIZE = 24


def subject(seed):
    """A ball of four structures and a smooth random image of two modalities."""
    rng = np.random.default_rng(seed)
    centered = np.indices((SIZE,) * 3) - (SIZE - 1) / 2
    radius = np.sqrt((centered**2).sum(axis=0))
    labels = np.where(centered[0] < 0, 1, 2) + np.where(centered[1] < 0, 0, 2)
    labels = np.where(radius < SIZE / 2.5, labels, 0).astype(np.uint8)
    images = [zscore(rng.normal(size=labels.shape) + labels, labels > 0, "image") for _ in range(2)]
    return {"images": np.stack(images), "labels": labels}


def slice_features(images, mask):
    """A row a slice with brain: each modality's mean left and right, and its roughness."""
    slices = images[..., mask.any(axis=(0, 1))]
    halves = [slices[:, : SIZE // 2].mean(axis=(1, 2)), slices[:, SIZE // 2 :].mean(axis=(1, 2))]
    return np.concatenate([*halves, np.abs(np.diff(slices, axis=1)).mean(axis=(1, 2))]).T


def single(rows):
    """Subjects of one slice each."""
    return [row[None] for row in rows]


def test_the_kernel_distance_of_tiny_sets_is_the_one_by_hand():
    # d = 1: k(0, 0) = k(0, 1) = 1, k(1, 1) = 8; within 1 and 1, across (1 + 1 + 1 + 8) / 4
    rows = single(np.array([[0.0], [1.0]]))
    assert quality.kernel_distance(rows, rows) == pytest.approx(1 + 1 - 2 * 11 / 4)
    # d = 2: within (0 + 1)^3 and (4 / 2 + 1)^3, across twice (2 + 1)^3 = (4 / 2 + 1)^3 and twice (1 + 1)^3
    first, second = single(np.array([[2.0, 0.0], [0.0, 2.0]])), single(np.array([[2.0, 2.0], [1.0, 1.0]]))
    assert quality.kernel_distance(first, second) == pytest.approx(1 + 27 - 2 * (27 + 27 + 8 + 8) / 4)
    # subjects of one and of three slices weigh the same: 0, (0, 0, 1) against twice 1
    first, second = [np.zeros((1, 1)), np.array([[0.0], [0.0], [1.0]])], single(np.ones((2, 1)))
    assert quality.kernel_distance(first, second) == pytest.approx(1 + 8 - 2 * (1 + (1 + 1 + 8) / 3) / 2)


@pytest.mark.parametrize("slices", [1, 6])
def test_the_kernel_distance_is_zero_in_expectation_for_one_distribution_only(slices):
    rng = np.random.default_rng(0)

    def subjects(shift=0.0):
        # slices of a subject share its own shift, and every subject has the same levels
        levels = np.linspace(-2, 2, slices)[:, None]
        return [rng.normal(size=(slices, 4)) + rng.normal(size=4) + levels + shift for _ in range(10)]

    same = np.array([quality.kernel_distance(subjects(), subjects()) for _ in range(400)])
    error = same.std() / np.sqrt(len(same))
    assert abs(same.mean()) < 3 * error
    assert 0.2 < np.mean(same < 0) < 0.8
    assert np.mean([quality.kernel_distance(subjects(), subjects(1)) for _ in range(100)]) > 10 * error


def test_the_kernel_distance_needs_two_subjects():
    with pytest.raises(InputError, match="at least 2 subjects in both sets, found 1 and 2"):
        quality.kernel_distance(single(np.ones((1, 3))), single(np.ones((2, 3))))


def test_references_order_as_they_must():
    real = [subject(seed) for seed in range(8)]
    samples = [subject(seed) for seed in range(20, 24)]
    settings = SETTINGS.model_copy(update={"repeats": 20})
    found = quality.kernel_distances(samples, real, slice_features, settings, np.random.default_rng(0))
    found = {key: np.mean(values) for key, values in found.items()}
    # samples of the real distribution lie at the floor, noise and blurred images far above
    assert abs(found["samples"] - found["real"]) < 0.1 * min(found["noise"], found["blurred"])
    assert min(found["noise"], found["blurred"]) > 10 * abs(found["real"])


def test_noise_and_blur_stay_in_the_brain_and_in_its_units():
    original = subject(0)
    brain = original["labels"] > 0
    for changed in (quality.noise_like(original, np.random.default_rng(0)), quality.blurred(original, 1.0)):
        for before, after in zip(original["images"], changed["images"], strict=True):
            assert (after[~brain] == 0).all()
            assert after[brain].mean() == pytest.approx(SHIFT, abs=1e-3)
            assert after[brain].std() == pytest.approx(1, abs=1e-3)
            assert np.abs(after - before).max() > 0.5


def test_similarity_is_one_for_a_copy_and_falls_with_noise():
    first, second = subject(0), subject(1)
    assert quality.ms_ssim(first, first) == pytest.approx(1, abs=1e-5)
    slightly = {**first, "images": 0.9 * first["images"] + 0.1 * second["images"]}
    assert quality.ms_ssim(first, second) < quality.ms_ssim(first, slightly) < 1
    assert quality.diversity([first, first, first], 2, np.random.default_rng(0)) == pytest.approx(1, abs=1e-5)


def test_a_grid_that_is_too_small_for_similarity_is_named():
    small = {"images": np.ones((2, 8, 32, 32), dtype=np.float32)}
    with pytest.raises(InputError, match="at least 11 voxels along each axis"):
        quality.ms_ssim(small, small)


def test_fidelity_counts_structures_without_the_rest():
    first = subject(0)
    right = first["labels"].copy()
    assert quality.fidelity([first], lambda *_: right, 3) == 1
    # structure 1 lost to the rest (4): Dice 0, 1 and 1; the rest itself does not count
    wrong = np.where(right == 1, 4, right)
    assert quality.fidelity([first], lambda *_: wrong, 3) == pytest.approx(2 / 3)
    assert quality.fidelity([first, first], lambda *_: np.zeros_like(right), 3) == 0


def test_fidelity_hands_the_images_over_with_their_brain():
    first = subject(0)

    def segment(images, mask):
        assert np.array_equal(mask, first["labels"] > 0)
        return np.where(images[0] == first["images"][0], first["labels"], 0)

    assert quality.fidelity([first], segment, 3) == 1
    assert quality.fidelity([quality.noise_like(first, np.random.default_rng(0))], segment, 3) == 0


def test_a_copied_subject_is_recognized():
    real = [subject(seed) for seed in range(3)]
    fresh = subject(9)
    copied, free = quality.nearest([real[1], fresh], real)
    assert copied == pytest.approx(1, abs=1e-6)
    assert free < 0.9
    brighter = {**fresh, "images": np.where(fresh["images"] > 0, SHIFT + 2 * (fresh["images"] - SHIFT), 0)}
    inside = brighter["labels"] > 0
    assert (brighter["images"][:, inside] > 0).mean() > 0.9
    assert quality.normalized_correlation(fresh, fresh) == pytest.approx(1, abs=1e-6)


def test_all_measures_of_samples_copied_from_training_subjects():
    train, test = ([subject(seed) for seed in seeds] for seeds in (range(4), range(4, 6)))
    samples = [train[0], train[2], train[0]]
    labels = train[0]["labels"]
    found = quality.measure(samples, train, test, slice_features, lambda *_: labels, 3, SETTINGS)
    again = quality.measure(samples, train, test, slice_features, lambda *_: labels, 3, SETTINGS)
    pd.testing.assert_frame_equal(found, again)
    values = found.set_index(["measure", "reference"])["value"]
    assert values["nearest_train_ncc", "samples"] == pytest.approx(1, abs=1e-6)
    assert values["nearest_train_ncc", "real"] < 0.9
    assert values["nearest_test_ncc", "samples"] < 0.9
    assert values["fidelity_dice"].to_dict() == {"samples": 1, "real": 1, "noise": 1}
    assert values["ms_ssim", "samples"] > values["ms_ssim", "real"]
    for name in ("kernel_distance", "kernel_distance_sd"):
        assert set(values[name].index) == {"samples", "real", "noise", "blurred"}


def test_deviations_between_subjects_of_known_shifts_and_noise():
    rng, labels = np.random.default_rng(0), subject(0)["labels"]
    inside = labels > 0
    # each subject's structures are shifted by 0.5, and its voxels by 0.3, as standard deviations
    subjects = []
    for _ in range(40):
        shifts = np.concatenate([np.zeros((2, 1)), rng.normal(0, 0.5, (2, 4))], axis=1)
        images = SHIFT + shifts[:, labels] + rng.normal(0, 0.3, (2, *labels.shape))
        subjects.append({"images": np.where(inside, images, 0).astype(np.float32), "labels": labels})
    assert latent.structure_deviation(subjects, 4) == pytest.approx(0.5, rel=0.15)
    assert latent.voxel_deviation(subjects) == pytest.approx(np.hypot(0.5, 0.3), rel=0.15)
    assert latent.voxel_deviation([subjects[0], subjects[0]]) == 0
    # a structure that one subject lacks has no deviation, and voxels of two structures are not compared
    lacking = [subjects[0], {**subjects[0], "labels": np.where(labels == 2, 1, labels)}]
    assert np.isnan(latent.structure_means(lacking[1], 4)[:, 1]).all()
    assert np.isfinite(latent.structure_deviation(lacking, 4))
    nothing = {**subjects[0], "labels": np.zeros_like(labels)}
    assert np.isnan(latent.structure_deviation([nothing, nothing], 4))
    other = lacking[1]["images"].copy()
    other[:, labels == 2] += 100
    assert latent.voxel_deviation([lacking[0], {**lacking[1], "images": other}]) == 0


def test_vectors_that_decide_nothing_and_vectors_that_decide_the_image():
    train = [subject(seed) for seed in range(4)]
    one, another = ({**train[0], "images": train[seed]["images"]} for seed in (0, 3))
    for group, alike in (([one, one], True), ([one, another], False)):
        found = quality.measure_vectors([group, group], train, 3, SETTINGS)
        values = found.set_index(["measure", "reference"])["value"]
        assert (values["vector_sd_voxels", "samples"] == 0) == alike
        assert (values["vector_sd_structures", "samples"] == 0) == alike
        assert (values["vector_ms_ssim", "samples"] > 0.999) == alike
        # independent noise in all subjects
        if not alike:
            ratio = values["vector_sd_voxels", "samples"] / values["vector_sd_voxels", "real"]
            assert ratio == pytest.approx(1, rel=0.05)


def test_the_summary_is_the_mean_over_folds():
    rows = [(fold, kind, "kernel_distance", reference, value) for fold, kind, reference, value in [
        (1, "pgan", "samples", 1.0), (2, "pgan", "samples", 3.0), (1, "pgan", "real", 0.5), (2, "pgan", "real", 0.1),
        (1, "dagan", "samples", 4.0), (2, "dagan", "samples", 4.0),
    ]]  # fmt: skip
    table = sample_table.summary(pd.DataFrame(rows, columns=["fold", "kind", "measure", "reference", "value"]))
    assert list(table.columns) == ["kind", "measure", "samples", "sd_folds", "real", "noise", "blurred"]
    assert list(table["kind"]) == ["pgan", "dagan"]
    assert table.loc[0, ["samples", "sd_folds", "real"]].tolist() == pytest.approx([2, np.sqrt(2), 0.3])
    assert table["noise"].isna().all()
    assert np.isnan(table.loc[1, "real"])


def test_features_have_a_row_a_slice_and_know_no_other_slice(tmp_path):
    training = RdnnTraining(features=[4, 16], flip=False, device="cpu", precision="float32")
    grid = Grid(shape=[16, 16, 16], spacing=8)
    model = RdnnModel(settings=training, recurrent=True, modalities=["T1w", "T2w"], grid=grid)
    structures = pd.DataFrame({"index": range(1, 5)})
    torch.save(rdnn.build(model, 4).state_dict(), tmp_path / "rdnn.pt")
    encode = features.encoder(tmp_path / "rdnn.pt", model, structures)
    first = subject(0)
    brain = first["labels"] > 0
    found = encode(first["images"], brain)
    levels = np.flatnonzero(brain.any(axis=(0, 1)))
    assert found.shape == (len(levels), 16)
    changed = first["images"].copy()
    changed[..., levels[3]] = np.where(brain[..., levels[3]], changed[..., levels[3]] + 1, 0)
    differs = np.abs(encode(changed, brain) - found).max(axis=1) > 1e-5
    assert np.flatnonzero(differs).tolist() == [3]
    with pytest.raises(InputError, match="expected weights of the configured network"):
        features.encoder(tmp_path / "rdnn.pt", model.model_copy(update={"modalities": ["T1w"]}), structures)


def test_a_cohort_reads_its_subjects_when_they_are_asked_for(tmp_path):
    for number in range(3):
        volumes = {bids.preprocessed("T1w"): np.arange(64).reshape(4, 4, 4) + number}
        volumes |= {bids.MASK: np.ones((4, 4, 4)), bids.DSEG: np.full((4, 4, 4), number)}
        for name, data in volumes.items():
            io.save(bids.path(tmp_path, str(number), name), data, np.eye(4))
    read = Subjects(tmp_path, ["T1w"])
    joined = cohort.Joined(cohort.Cohort(read, ["2"]), cohort.Cohort(read, ["0", "1"]))
    assert not read.cache
    assert len(joined) == 3
    assert [each["labels"].max() for each in joined] == [2, 0, 1]
    assert joined[2]["images"][0, 0, 0, 0] == 1
    assert [each["labels"].max() for each in joined[:2]] == [2, 0]
    assert [each["labels"].max() for each in joined.second[1:]] == [1]
    with pytest.raises(IndexError):
        joined[3]
