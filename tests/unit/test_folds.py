"""Folds and pairs: nobody is tested on what was trained on, everybody is once fixed and once moving."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganreg import io
from ganreg.errors import InputError
from ganreg.evaluate import leakage
from ganreg.split import folds
from ganreg.split.settings import Folds, Task
from ganreg.volumes import bids

SUBJECTS = [f"{number:02d}" for number in range(1, 16)]
SPLIT = Folds(folds=5, validation_subjects=2, seed=1)
TASK = Task()


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
    for fold in folds.make_folds(SUBJECTS, SPLIT, Task(pairs_per_subject=rounds))["folds"]:
        for role in ("fixed", "moving"):
            assert sorted(pair[role] for pair in fold["pairs"]) == sorted(fold["test"] * rounds)
        assert len({pair["pair"] for pair in fold["pairs"]}) == len(fold["pairs"])
        assert all(pair["fixed"] != pair["moving"] for pair in fold["pairs"])


def test_all_ordered_pairs_of_a_fold_come_once_each():
    made = folds.make_folds(SUBJECTS[:14], SPLIT, Task(pairs_per_subject="all"))["folds"]
    assert [len(fold["pairs"]) for fold in made] == [6, 6, 6, 6, 2]
    for fold in made:
        wanted = {(fixed, moving) for fixed in fold["test"] for moving in fold["test"] if fixed != moving}
        assert sorted((pair["fixed"], pair["moving"]) for pair in fold["pairs"]) == sorted(wanted)


def test_the_seed_decides_and_the_order_of_the_listing_does_not(made):
    assert folds.make_folds(SUBJECTS[::-1], SPLIT, TASK) == made
    assert folds.make_folds(SUBJECTS, SPLIT.model_copy(update={"seed": 2}), TASK)["hash"] != made["hash"]


def test_a_single_validation_subject_is_paired_with_a_training_subject():
    for fold in folds.make_folds(SUBJECTS, SPLIT.model_copy(update={"validation_subjects": 1}), TASK)["folds"]:
        (subject,) = fold["validation"]
        for pair in fold["validation_pairs"]:
            assert {pair["fixed"], pair["moving"]} - {subject} <= set(fold["train"])


def test_an_atlas_moves_onto_every_subject_and_is_in_no_fold():
    task = Task(pairs="atlas_to_subject", atlas="07")
    made = folds.make_folds(SUBJECTS, SPLIT, task)
    assert all("07" not in fold["train"] + fold["validation"] + fold["test"] for fold in made["folds"])
    assert {pair["moving"] for fold in made["folds"] for pair in fold["pairs"]} == {"07"}


def test_too_few_subjects_are_refused():
    with pytest.raises(InputError, match="as folds, 5, found 4"):
        folds.make_folds(SUBJECTS[:4], SPLIT, TASK)
    for task in (TASK, Task(pairs_per_subject="all")):
        with pytest.raises(InputError, match="at least 2 subjects to pair with each other, found 1"):
            folds.make_folds(SUBJECTS[:5], SPLIT, task)


def test_a_model_that_saw_a_test_subject_is_refused(made, tmp_path):
    fold = made["folds"][0]
    leaked, harmless = fold["test"][0], fold["train"][0]
    path = tmp_path / "unet_none.json"

    def files_of(subject):
        return [tmp_path / f"sub-{subject}.nii.gz"]

    for subject in SUBJECTS:
        files_of(subject)[0].write_text(f"the image of {subject}")

    def manifest(subject, content):
        opened = f"results/preprocess/sub-{subject}/anat/sub-{subject}_dseg.nii"
        io.write_json(path, {"fold": 1, "opened": {opened: io.sha256(files_of(content)[0])}})

    manifest(harmless, harmless)
    leakage.refuse_leakage([path], made["folds"], files_of)
    # by name, and under the name of a training subject
    for name, content in ((leaked, harmless), (harmless, leaked)):
        manifest(name, content)
        with pytest.raises(InputError, match=rf"unet_none\.json: expected no test subject .* found sub-{leaked}"):
            leakage.refuse_leakage([path], made["folds"], files_of)


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


def test_training_seeds_have_the_same_folds(made):
    assert folds.select(made, "2s3") == folds.select(made, "2")
    assert folds.select(made, "2n4s2") == folds.select(made, "2n4")


def test_training_files_are_a_subjects_images_and_labels(tmp_path):
    for subject in ("01", "02"):
        for name in (bids.preprocessed("T1w"), bids.preprocessed("T2w"), bids.DSEG, bids.MASK, bids.EVALUATION_DSEG):
            io.write_text(bids.path(tmp_path, subject, name), "")
    names = sorted(path.name for path in leakage.training_files(tmp_path, "01"))
    assert names == ["sub-01_desc-preproc_T1w.nii", "sub-01_desc-preproc_T2w.nii", "sub-01_dseg.nii"]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_split_tests_everyone_once_and_leaks_nobody(data):
    count = data.draw(st.integers(2, 6), "folds")
    subjects = [f"{number:02d}" for number in range(data.draw(st.integers(max(8, 2 * count), 30), "subjects"))]
    held, rounds = data.draw(st.integers(1, 2), "held"), data.draw(st.integers(1, len(subjects) // count - 1), "rounds")
    split = Folds(folds=count, validation_subjects=held, seed=data.draw(st.integers(0, 99), "seed"))
    made = folds.make_folds(subjects, split, Task(pairs_per_subject=rounds))
    assert sorted(subject for fold in made["folds"] for subject in fold["test"]) == subjects
    for fold in made["folds"]:
        # every subject is in one set: nobody leaks
        assert sorted(fold["train"] + fold["validation"] + fold["test"]) == subjects
        assert len(fold["validation"]) == held
        assert sorted(fold["drawn"]) == fold["train"]
        assert len({pair["pair"] for pair in fold["pairs"]}) == len(fold["pairs"]) == rounds * len(fold["test"])
        for role in ("fixed", "moving"):
            assert sorted(pair[role] for pair in fold["pairs"]) == sorted(fold["test"] * rounds)
        assert all(pair["fixed"] != pair["moving"] for pair in fold["pairs"] + fold["validation_pairs"])
        tested = {pair[role] for pair in fold["validation_pairs"] for role in ("fixed", "moving")} & {*fold["test"]}
        assert not tested


def test_a_second_data_set_is_divided_and_paired_within_its_folds():
    names = {f"p{number}": ["T2w", "ct", "pet"] for number in range(7)}
    names["p3"] = ["T2w", "pet"]
    content = folds.external_folds(names, ["T2w", "ct"], ["T2w", "ct", "pet"], 3, seed=1)["folds"]
    assert sorted(subject for fold in content for subject in fold["test"]) == sorted(names)
    for fold in content:
        within = [(pair["fixed"], pair["modality"]) for pair in fold["pairs"] if pair["task"] == "within"]
        assert within == [(subject, modality) for subject in fold["test"] for modality in names[subject]]
        between = [pair for pair in fold["pairs"] if pair["task"] == "between"]
        assert all(pair["fixed"] != pair["moving"] and pair["fixed"] in fold["test"] for pair in between)
        assert sorted(pair["moving"] for pair in between if pair["modality"] == "T2w") == fold["test"]
        assert "p3" not in {pair["moving"] for pair in between if pair["modality"] == "ct"}
        assert "pet" not in {pair["modality"] for pair in between}
        assert len({pair["pair"] for pair in fold["pairs"]}) == len(fold["pairs"])


def test_what_is_registered_within_a_subject_of_a_second_data_set_is_chosen():
    names = {f"p{number}": ["T2w", "ct"] for number in range(4)}
    (first, second) = (
        folds.external_folds(names, ["ct"], within, 2, seed=1)["folds"] for within in (["ct"], ["T2w", "ct"])
    )
    for fewer, more in zip(first, second, strict=True):
        assert {pair["modality"] for pair in fewer["pairs"]} == {"ct"}
        assert [pair for pair in more["pairs"] if pair["modality"] == "ct"] == fewer["pairs"]


def test_too_few_subjects_of_a_second_data_set_are_refused():
    with pytest.raises(InputError, match="folds: expected at least 4 subjects for 2 folds, found 3"):
        folds.external_folds({"a": [], "b": [], "c": []}, [], [], 2, seed=1)
