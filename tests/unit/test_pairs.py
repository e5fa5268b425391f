"""Pairs for training: what is read for them, and what their numbers follow from."""

import numpy as np
import pytest
import torch

from ganreg import io
from ganreg.learn.session import batches
from ganreg.preprocess.augment import ClassicAugmentation
from ganreg.preprocess.settings import Augmentation
from ganreg.register.dataset import Pairs, Step, Treatment
from ganreg.register.known import velocities_of
from ganreg.register.settings import KnownDeformation, RegistrationTraining
from ganreg.split.settings import Task
from ganreg.volumes import bids
from ganreg.volumes.subjects import Subjects

SHAPE = (16, 18, 16)
CLASSIC = Treatment(classic=ClassicAugmentation(Augmentation(seed=1, elastic_sd_mm=1)))
KNOWN = Treatment(known=velocities_of(KnownDeformation(), None))
KNOWN_ALONE = Treatment(known=velocities_of(KnownDeformation(), None), labels=False)
MIRRORS = np.array([0, 2, 1], np.uint8)


@pytest.fixture
def folder(tmp_path):
    """Two subjects of noise in a box of two structures."""
    rng = np.random.default_rng(0)
    for subject in ("01", "02"):
        dseg = np.zeros(SHAPE, np.uint8)
        dseg[3:8, 3:15, 3:13], dseg[8:13, 3:15, 3:13] = 1, 2
        for modality in ("T1w", "T2w"):
            image = np.where(dseg, rng.normal(4, 1, SHAPE), 0)
            io.save(bids.path(tmp_path, subject, bids.preprocessed(modality)), image, np.diag([8.0, 8, 8, 1]))
        for name, data in ((bids.MASK, dseg > 0), (bids.DSEG, dseg)):
            io.save(bids.path(tmp_path, subject, name), data, np.diag([8.0, 8, 8, 1]), np.uint8)
    return tmp_path


def pairs_of(folder, treatment, count=4):
    """Pairs of the second stream; fixed T1w of 01, moving T2w of 02."""
    steps = [Step("02", "01", number, added=True) for number in range(count)]
    return Pairs(Subjects(folder, ["T1w", "T2w"]), steps, Task(), MIRRORS, 1, added=treatment)


@pytest.mark.parametrize(
    ("treatment", "fixed", "moving"),
    [
        (Treatment(), ["T1w", "mask", "dseg"], ["T2w", "dseg"]),
        (CLASSIC, ["T1w", "dseg"], ["T2w", "dseg"]),
        (KNOWN, ["T1w", "mask", "dseg"], ["T2w", "mask", "dseg"]),
        (KNOWN_ALONE, ["T1w", "mask"], ["T2w", "mask"]),
    ],
)
def test_a_pair_opens_what_it_needs_and_says_so(folder, treatment, fixed, moving):
    pairs = pairs_of(folder, treatment)
    needed = [
        pairs.subjects.paths(subject)[name] for subject, names in (("01", fixed), ("02", moving)) for name in names
    ]
    for subject in ("01", "02"):
        for path in set(pairs.subjects.paths(subject).values()) - set(needed):
            path.unlink()
    item = pairs.finish(pairs[0])
    assert item["opened"] == {str(path): io.sha256(path) for path in needed} == pairs.opened(pairs.steps)
    assert item["mask"].dtype == torch.float32
    assert ("fixed_labels" in item) == ("moving_labels" in item) == treatment.labels
    assert ("displacement" in item) == (treatment.known is not None)


@pytest.mark.parametrize("treatment", [Treatment(), CLASSIC, KNOWN])
def test_an_item_is_the_same_whoever_reads_it_and_files_are_hashed_by_the_first(folder, monkeypatch, treatment):
    pairs = pairs_of(folder, treatment)
    expected = [pairs.finish(pairs[number]) for number in range(4)]
    again = pairs_of(folder, treatment)
    again.opened(again.steps)

    def hashed_again(path):
        raise AssertionError(path)

    # the loader's process is forked, with the hashes and with this
    monkeypatch.setattr(io, "sha256", hashed_again)
    loader = batches(again, RegistrationTraining(workers=1), torch.device("cpu"), 2)
    for found, wanted in zip(map(again.finish, loader), expected[2:], strict=True):
        assert found.keys() == wanted.keys()
        assert all(
            torch.equal(found[key], value) if torch.is_tensor(value) else found[key] == value
            for key, value in wanted.items()
        )


def test_an_augmented_pair_has_its_labels_as_mask_and_is_another_at_each_number(folder):
    pairs = pairs_of(folder, CLASSIC)
    items = [pairs.finish(pairs[number]) for number in range(4)]
    for item in items:
        assert torch.equal(item["mask"] > 0, item["fixed_labels"] > 0)
        assert (item["fixed"][item["fixed_labels"] == 0] == 0).all()
    assert not torch.equal(items[0]["fixed"], items[1]["fixed"])
