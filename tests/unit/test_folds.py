"""Folds and pairs: nobody is tested on what was trained on, everybody is once fixed and once moving."""

import pytest

from ganreg.errors import InputError
from ganreg.evaluate import pairs
from ganreg.split import folds

SUBJECTS = [f"{number:02d}" for number in range(1, 16)]
SPLIT = {"folds": 5, "validation_subjects": 2, "seed": 1}
TASK = {"pairs": "inter_subject", "pairs_per_subject": 1, "atlas": "atlas"}


@pytest.fixture
def made():
    return folds.make_folds(SUBJECTS, SPLIT, TASK)


def test_sets_are_disjoint_and_every_subject_is_tested_once(made):
    tested = [subject for fold in made["folds"] for subject in fold["test"]]
    assert sorted(tested) == SUBJECTS
    for fold in made["folds"]:
        assert sorted(fold["train"] + fold["validation"] + fold["test"]) == SUBJECTS


@pytest.mark.parametrize("rounds", [1, 2])
def test_each_test_subject_is_fixed_and_moving_equally_often(rounds):
    for fold in folds.make_folds(SUBJECTS, SPLIT, {**TASK, "pairs_per_subject": rounds})["folds"]:
        for role in ("fixed", "moving"):
            assert sorted(pair[role] for pair in fold["pairs"]) == sorted(fold["test"] * rounds)
        assert len({pair["pair"] for pair in fold["pairs"]}) == len(fold["pairs"])
        assert all(pair["fixed"] != pair["moving"] for pair in fold["pairs"])


def test_the_seed_decides_and_the_order_of_the_listing_does_not(made):
    assert folds.make_folds(SUBJECTS[::-1], SPLIT, TASK) == made
    assert folds.make_folds(SUBJECTS, {**SPLIT, "seed": 2}, TASK)["hash"] != made["hash"]


def test_a_single_validation_subject_is_paired_with_a_training_subject():
    for fold in folds.make_folds(SUBJECTS, {**SPLIT, "validation_subjects": 1}, TASK)["folds"]:
        (subject,) = fold["validation"]
        for pair in fold["validation_pairs"]:
            assert {pair["fixed"], pair["moving"]} - {subject} <= set(fold["train"])


def test_an_atlas_moves_onto_every_subject_and_is_in_no_fold():
    task = {**TASK, "pairs": "atlas_to_subject", "atlas": "07"}
    made = folds.make_folds(SUBJECTS, SPLIT, task)
    assert all("07" not in fold["train"] + fold["validation"] + fold["test"] for fold in made["folds"])
    assert {pair["moving"] for fold in made["folds"] for pair in fold["pairs"]} == {"07"}


def test_too_few_subjects_are_refused():
    with pytest.raises(InputError, match="as folds, 5, found 4"):
        folds.make_folds(SUBJECTS[:4], SPLIT, TASK)
    with pytest.raises(InputError, match="at least 2 subjects to pair with each other, found 1"):
        folds.make_folds(SUBJECTS[:5], SPLIT, TASK)


def test_a_model_that_saw_a_test_subject_is_refused(made, tmp_path):
    fold = made["folds"][0]
    leaked, harmless = fold["test"][0], fold["train"][0]
    path = tmp_path / "unet_none.json"

    def files_of(subject):
        return [tmp_path / f"sub-{subject}.nii.gz"]

    for subject in SUBJECTS:
        files_of(subject)[0].write_text(f"the image of {subject}")

    def manifest(subject, content):
        opened = f"results/preprocess/sub-{subject}/anat/sub-{subject}_dseg.nii.gz"
        pairs.io.write_json(path, {"fold": 1, "opened": {opened: pairs.io.sha256(files_of(content)[0])}})

    manifest(harmless, harmless)
    pairs.refuse_leakage([path], made["folds"], files_of)
    # by name, and under the name of a training subject
    for name, content in ((leaked, harmless), (harmless, leaked)):
        manifest(name, content)
        with pytest.raises(InputError, match=rf"unet_none\.json: expected no test subject .* found sub-{leaked}"):
            pairs.refuse_leakage([path], made["folds"], files_of)


def test_smaller_training_sets_are_nested_and_change_nothing_else_of_a_fold(made):
    for number in range(1, 6):
        whole, six, three = (folds.select(made, f"{number}{size}") for size in ("", "n6", "n3"))
        assert len(three["train"]) == 3
        assert len(six["train"]) == 6
        assert set(three["train"]) < set(six["train"]) < set(whole["train"])
        assert three["test"] == whole["test"]
        assert three["fold"] == number
    for name in ("1n99", "6"):
        with pytest.raises(InputError, match=f"expected fold {name}, found"):
            folds.select(made, name)
