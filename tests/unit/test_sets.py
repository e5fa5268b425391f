"""Sets of subjects: which there are, with which modalities, and where their files lie."""

import pytest

from ganreg import configuration
from ganreg.configuration import sets, validation
from ganreg.errors import InputError
from ganreg.split import folds


@pytest.mark.parametrize(
    ("overlay", "expected"),
    [
        ({"external": {"dataset": "simulated"}}, ("RIRE-like (simulated, seed 101)", 10)),
        ({}, None),
        ({"external": {"dataset": "simulated"}, "task": {"pairs": "within_subject"}}, None),
        ({"external": {"dataset": "simulated"}, "task": {"fixed": "T2w"}}, None),
    ],
)
def test_simulated_patients_stand_beside_what_they_can_be_registered_by(overlay, expected):
    found = sets.external_set(configuration.load(overlay), "root", "labels.tsv")
    assert (found and (found.name, len(found.subjects))) == expected


def test_files_of_a_set_follow_its_patterns():
    main = sets.main_set(configuration.load({}), "root", "labels.tsv")
    assert main.file("01", "T2w") == "root/sub-01/anat/sub-01_T2w.nii.gz"
    assert main.file("{subject}", "mask").startswith("root/derivatives/truth/sub-{subject}/anat/sub-{subject}_")
    assert main.modalities["15"] == ["T1w", "T2w"]
    atlas = sets.main_set(configuration.load({"task": {"pairs": "atlas_to_subject"}}), "root", "labels.tsv")
    assert {*atlas.subjects} - {*main.subjects} == {"atlas"}


@pytest.mark.parametrize("pairs", [1, 2, "all"])
@pytest.mark.parametrize("task", ["inter_subject", "within_subject"])
def test_as_many_pairs_are_planned_as_folds_have(task, pairs):
    config = configuration.load({"task": {"pairs": task, "pairs_per_subject": pairs}})
    # the folds have 4, 4, 3, 3 and 3 test subjects
    made = folds.make_folds([f"{number:02d}" for number in range(17)], config.split, config.task)
    assert sets.pairs_per_fold(config, 17) == [len(fold["pairs"]) for fold in made["folds"]]


@pytest.fixture
def patients(tmp_path):
    """A folder of patients who have not all the modalities."""
    for number in range(10):
        for modality in ("T1w", "T2w", "ct")[: 1 + number % 3]:
            image = tmp_path / f"sub-{number}" / "anat" / f"sub-{number}_{modality}.nii.gz"
            image.parent.mkdir(parents=True, exist_ok=True)
            image.touch()
    return tmp_path


def test_every_subject_of_a_second_data_set_has_the_reference_first(patients):
    bids = {"root": str(patients), "labels": None, "partial": True}
    content = {"external": {"dataset": "bids", "between": ["ct"], "within": ["T2w", "ct"], "bids": bids}}
    found = sets.external_set(configuration.load(content), "root", "labels.tsv")
    assert [found.modalities[subject] for subject in "012"] == [["T1w"], ["T1w", "T2w"], ["T1w", "ct", "T2w"]]


def test_labels_may_lie_elsewhere_than_the_images(patients):
    for number in range(10):
        (patients / f"labels{number}.nii.gz").touch()
    labels, table = f"{patients}/labels{{subject}}.nii.gz", "labels.tsv"
    bids = {"root": f"{patients}/../{patients.name}", "labels": labels, "label_table": table}
    content = {"external": {"dataset": "bids", "bids": bids}}
    found = sets.external_set(configuration.load(content), "root", table)
    assert found.file("3", "labels") == f"{patients}/labels3.nii.gz"


def test_both_grids_cover_the_same_box():
    found = sets.grids(configuration.load({"preprocess": {"spacing": 3, "shape": [64, 64, 64]}}))
    assert (found.evaluation.shape, found.evaluation.spacing) == ([96, 96, 96], 2)


def test_each_fold_needs_two_subjects_of_the_second_data_set():
    found = configuration.load({"external": {"dataset": "simulated"}})
    validation.validate_external_subjects(found, [str(number) for number in range(10)])
    with pytest.raises(InputError, match=r"external: expected at least 10 subjects, two a fold, found 9 \(simulated\)"):
        validation.validate_external_subjects(found, [str(number) for number in range(9)])
