"""Which segmentation network makes whose maps."""

from ganreg.segment import crossfit

FOLD = {"fold": 1, "train": ["c", "a", "e", "b", "d"], "validation": ["v"], "test": ["t", "u"]}


def test_in_the_cross_fit_no_training_subject_is_segmented_by_a_model_that_saw_it():
    parts, models = crossfit.parts(FOLD), crossfit.models_of_subjects(FOLD, cross_fit=True)
    halves = {"half1": ["a", "b", "c"], "half2": ["d", "e"]}
    assert parts == {"all": ["a", "b", "c", "d", "e"], **halves, "validation": ["v"]}
    assert set(models) == {*FOLD["train"], *FOLD["validation"], *FOLD["test"]}
    for subject in FOLD["train"]:
        assert models[subject] != "all"
        assert subject not in parts[models[subject]]
    assert {models[subject] for subject in ("v", "t", "u")} == {"all"}
    assert crossfit.models_of_subjects(FOLD, cross_fit=False) == dict.fromkeys(models, "all")
