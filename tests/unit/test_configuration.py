"""The configuration: files written from the typed models, and each mistake one line."""

import copy

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ganreg import configuration
from ganreg.configuration import loading, validation, writing
from ganreg.errors import InputError
from ganreg.register import methods
from ganreg.register.settings import Unet
from ganreg.settings import canonical

PRESETS = ["smoke", "bench", "paper"]


@pytest.fixture(scope="module")
def config(root):
    """The values of all files."""
    content = {}
    for name in loading.FILES:
        content |= yaml.safe_load((root / name).read_text())
    return content


def changed(config, key, value):
    result = copy.deepcopy(config)
    *path, last = key.split(".")
    block = result
    for part in path:
        block = block[part]
    block[last] = value
    return result


def test_files_and_schema_are_what_the_models_write(root):
    for name, text in writing.texts((root / "README.md").read_text()).items():
        assert (root / name).read_text() == text, f"{name}: `make config` writes it anew"


def test_the_files_hold_every_default_and_nothing_else(config):
    assert configuration.load(config) == configuration.load({})
    # what a block takes from `runtime` is said there alone
    assert set(config) == set(configuration.Config.model_fields)
    assert "seed" not in config["unet"]
    assert config["runtime"]["seed"] == configuration.load({}).unet.seed


def test_every_setting_is_described():
    def undescribed(model, place):
        for name, part in model["properties"].items():
            if "description" not in part and "$ref" not in part:
                yield f"{place}.{name}"

    schema = writing.schema()
    runtime = {"seed", "device", "precision", "threads", "workers"}
    found = [
        each for name, model in schema["$defs"].items() if "properties" in model for each in undescribed(model, name)
    ]
    assert [each for each in found if each.split(".")[1] not in runtime] == []


@pytest.mark.parametrize("preset", [None, *PRESETS])
def test_presets_are_valid_and_the_schema_says_so_too(root, config, preset):
    overlay = yaml.safe_load((root / "presets" / f"{preset}.yaml").read_text()) if preset else {}
    merged = loading.merged(config, overlay)
    found = configuration.load(merged)
    jsonschema.Draft202012Validator(writing.schema()).validate(merged)
    assert found.pathvars.results == (f"results/{preset}" if preset else "results")
    assert configuration.load_project(root, [f"presets/{preset}.yaml"] if preset else []) == found


@pytest.mark.parametrize("preset", [None, *PRESETS])
def test_both_voxelmorphs_differ_in_their_widths_alone(root, preset):
    found = configuration.load_project(root, [f"presets/{preset}.yaml"] if preset else [])
    blocks = [found.block(name).model_dump() for name in ("voxelmorph1", "voxelmorph2")]
    assert {key for key in blocks[0] if blocks[0][key] != blocks[1][key]} == {"encoder", "decoder"}


def test_runtime_reaches_every_block_that_does_not_differ():
    found = configuration.load({"runtime": {"seed": 7, "threads": 3, "precision": "bfloat16"}, "rdnn": {"seed": 2}})
    assert (found.cohort.seed, found.split.seed, found.rdnn.seed) == (7, 7, 2)
    assert (found.pgan.threads, found.block("niftyreg_nmi").threads) == (3, 3)
    assert (found.pgan.precision, found.block("unrolled").precision) == ("bfloat16", "float32")
    assert found.external.simulated.seed == 101


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("unet.stepz", 3, "unet: expected one of .*steps.*, found stepz"),
        ("registration.methods", ["initial", "elastix"], "registration.methods.1: expected one of .*found 'elastix'"),
        ("registration.methods", ["initial"] * 2, "registration.methods: expected each value once, found 'initial'"),
        ("preprocess.shape", [48, 52, 48], r"multiples of 8.*found \[48, 52, 48\]"),
        ("preprocess.shape", [16, 16, 16], r"pgan.stages: .*\[16, 16, 16\].*found 4 stages"),
        ("split.folds", 1, "split.folds: expected 2 or more, found 1"),
        ("task.pairs_per_subject", "some", "task.pairs_per_subject: expected a valid integer or all, found 'some'"),
        ("task.pairs_per_subject", 0, "task.pairs_per_subject: expected 1 or more or all, found 0"),
        ("split.folds", True, "split.folds: expected a valid integer, found True"),
        ("unet.learning_rate", "fast", "unet.learning_rate: expected a valid number, found 'fast'"),
        ("unet.learning_rate", float("nan"), "unet.learning_rate: expected a finite number, found nan"),
        ("dataset", "bids", "bids.root: expected the path of a BIDS folder, found null"),
        ("template.image", "a.nii.gz", "expected image and mask, or neither"),
        ("unet.validate_every", 10**6, "validate_every: expected at most"),
        ("voxelmorph1.decoder", [8, 8], "voxelmorph1.decoder: expected more stages than the encoder"),
        ("voxelmorph2.decoder", [8, 8], "voxelmorph2.decoder: expected more stages than the encoder"),
        ("voxelmorph2.encoder", [8] * 5, "voxelmorph2.encoder: expected 4 entries or fewer"),
        ("unet.features", [8] * 6, r"unet: expected features and halvings that leave .*found 6 in all"),
        ("unrolled.halvings", 2, r"leave 2 voxels or more of \[40, 48, 40\].*found 6 in all"),
        ("rdnn.features", [8] * 5, r"rdnn.features: expected .* halve \[40, 48, 40\] to whole voxels, found 5 stages"),
        ("greedy_nmi.metric", "NCC", "greedy_nmi: expected one of .*, found metric"),
        ("convexadam_mind.selected_smooth", 4, "selected_smooth: expected one of 0, 3, 5, found 4"),
        (
            "robustness.methods",
            ["greedy_nmi"],
            "robustness.methods: expected some of registration.methods, found greedy_nmi",
        ),
        ("robustness.folds", 6, "robustness.folds: expected at most the 5 folds, found 6"),
        (
            "uncertainty.method",
            "voxelmorph1",
            "uncertainty.method: expected a network of a velocity without refinement.*voxelmorph1",
        ),
        ("dicom.series", {"T1w": "t1("}, r"dicom.series.T1w: expected a regular expression, found 't1\('"),
        ("rire.series", ["mr_T3"], "rire.series.0: expected one of ct, pet, .*, found 'mr_T3'"),
        ("robustness.noise_sd", [0], "robustness.noise_sd.0: expected more than 0.0, found 0"),
        ("task.fixed", "T1", "task.fixed: expected T1w or T2w, which the simulated cohort has, found T1"),
        ("task.moving", "FLAIR", "task.moving: expected T1w or T2w, .*, found FLAIR"),
        ("runtime.seed", "x", "runtime.seed: expected a valid integer, found 'x'"),
        ("bids.image", "{subject}/ses-{x}/{modality}.nii", r"bids.image: expected a pattern of .*, found \{x\} in"),
        ("bids.image", "/data/{subject}_{modality}.nii", "bids.image: expected a pattern below the root, found /data"),
        ("bids.mask", "mask.nii.gz", "bids.mask: expected text like .*subject.*, found 'mask.nii.gz'"),
        ("bids.labels", "{subject}_{modality}.nii", r"bids.labels: expected a pattern of \{subject\} alone, found"),
        ("external.between", ["T1w"], "external.between: expected modalities that are registered to T1w, found T1w"),
        (
            "external",
            {"dataset": "simulated", "between": [], "within": []},
            "external.between: expected a modality here or in .*found none",
        ),
        ("external", {"dataset": "simulated", "simulated": {"seed": 1}}, "expected another seed than the cohort's"),
        (
            "preprocess.bias_correction.modalities",
            ["T1"],
            "bias_correction.modalities: expected some of the modalities in use, T1w, T2w, found T1",
        ),
    ],
)
def test_a_mistake_is_one_line(config, key, value, message):
    with pytest.raises(InputError, match=message) as caught:
        configuration.load(changed(config, key, value))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("config: ")


def problem_of(content):
    """The line that a configuration is refused with; None where it is not."""
    try:
        configuration.load(content)
    except InputError as error:
        return str(error)
    return None


@settings(max_examples=60, deadline=None)
@given(
    key=st.sampled_from(
        ["unet.steps", "split.folds", "dataset", "cohort", "registration.methods", "bids.root", "plot"]
    ),
    value=st.one_of(
        st.none(), st.booleans(), st.integers(-3, 3), st.text(max_size=8), st.lists(st.integers(), max_size=2)
    ),
)
def test_whatever_a_value_is_there_is_a_configuration_or_one_line(config, key, value):
    content = changed(config, key, value)
    if not (message := problem_of(content)):
        configuration.load(content)
        return
    assert message.startswith("config: ")
    assert "\n" not in message


MAIN_BIDS = {"root": ".", "label_table": "t.tsv"}


@pytest.mark.parametrize(
    ("bids", "source", "silver"),
    [
        ({"mask": "{subject}.nii", "stripped": True}, "mask", False),
        ({"stripped": True}, "image", False),
        ({}, "labels", False),
        ({"labels_cover_brain": False}, "extraction", False),
        ({"labels": None, "label_table": None}, "extraction", True),
        ({"labels": None, "label_table": None, "stripped": True}, "image", True),
    ],
)
def test_masks_and_labels_come_from_the_first_there_is(bids, source, silver):
    reference = {"reference_method": "niftyreg_nmi"}
    found = configuration.load({"dataset": "bids", "bids": {**MAIN_BIDS, **bids}, "registration": reference})
    assert validation.mask_source(found.bids) == source
    assert validation.silver(found.bids) == silver


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("bids.label_table", "t.tsv", r"bids\.label_table: expected null where bids\.labels is.*found t\.tsv"),
        ("bids.reference", "T2w", r"bids\.reference: expected T1w, which brains are found and labeled in.*found T2w"),
        ("template", {"image": "a", "mask": "b"}, r"template\.image: expected null, the template that has labels"),
        ("registration.reference_method", "syn_mi", r"expected a method that is ranked on silver labels.*found syn_mi"),
        ("registration.reference_method", "unet_none", r"networks learn from them, found unet_none"),
    ],
)
def test_what_silver_labels_cannot_do_is_one_line(config, key, value, message):
    silver = changed(changed(changed(config, "dataset", "bids"), "bids.root", "."), "bids.labels", None)
    silver = changed(silver, "registration.reference_method", "niftyreg_nmi")
    configuration.load(silver)
    with pytest.raises(InputError, match=message):
        configuration.load(changed(silver, key, value))


@pytest.mark.parametrize(
    ("block", "value"), [("robustness", {"methods": ["initial"]}), ("uncertainty", {"method": "unet_proposed"})]
)
def test_parts_of_heads_are_neither_degraded_nor_sampled(config, block, value):
    parts = changed(changed(config, "dataset", "bids"), "bids", {"root": ".", "label_table": "t.tsv", "partial": True})
    parts |= {"robustness": {"methods": []}, "uncertainty": {"method": None}}
    configuration.load(parts)
    with pytest.raises(InputError, match=r"bids\.partial: expected false where .*, found true"):
        configuration.load({**parts, block: value})


def test_a_reference_that_is_not_run_is_refused(config):
    with pytest.raises(InputError, match="reference_method: expected one of the methods"):
        configuration.load(changed(config, "registration.methods", ["initial", "syn_mi"]))


@pytest.mark.parametrize(
    ("folds", "subjects", "message"),
    [
        (6, 5, "at most as many folds as subjects, 5, found 6"),
        (5, 8, "more than 1 test subjects in each fold to pair, found 1"),
        (2, 5, "expected at least 2 training subjects, found 0"),
    ],
)
def test_impossible_splits_are_refused(folds, subjects, message):
    for pairs in (1, "all"):
        found = configuration.load({"split": {"folds": folds}, "task": {"pairs_per_subject": pairs}})
        with pytest.raises(InputError, match=message):
            validation.validate_subjects(found, [str(n) for n in range(subjects)])


def test_training_sets_that_are_no_smaller_are_refused():
    smaller = configuration.load({"split": {"training_sizes": [3, 10]}})
    with pytest.raises(InputError, match="training_sizes: expected fewer than the 10 training subjects, found 10"):
        validation.validate_subjects(smaller, [str(n) for n in range(15)])


def test_canonical_strings_ignore_order_and_nothing_else():
    assert canonical({"a": 1, "b": True}) == canonical({"b": True, "a": 1})
    assert canonical({"a": True, "b": False}) != canonical({"a": False, "b": True})
    # a value that a user repeats is the default
    assert canonical(Unet(diffusion=0.3, bending=0)) == canonical(Unet())


RIRE = {"dataset": "bids", "bids": {"name": "RIRE", "root": "data/rire", "labels": None, "partial": True}}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("task.fixed", "T2w", "external.dataset: expected task.fixed T1w and .* found T2w and inter_subject"),
        ("task.pairs", "within_subject", "expected .* task.pairs inter_subject, .* found T1w and within_subject"),
        ("template", {"image": "a.nii", "mask": "b.nii"}, "template.image: expected null, .* found a.nii"),
        ("external.bids.root", None, "external.bids.root: expected the path of a BIDS folder, found null"),
    ],
)
def test_what_a_second_data_set_cannot_do_is_one_line(config, key, value, message):
    with_rire = loading.merged(config, {"external": RIRE})
    configuration.load(with_rire)
    with pytest.raises(InputError, match=message):
        configuration.load(changed(with_rire, key, value))


def test_training_subjects_cannot_be_those_of_the_second_data_set(config):
    content = loading.merged(config, {"external": RIRE, "dataset": "bids"})
    content["bids"] |= {"root": "./data/rire", "label_table": "dseg.tsv"}
    with pytest.raises(InputError, match=r"expected other people than in bids\.root, found \./data/rire as both"):
        configuration.load(content)


def test_a_method_of_every_network_and_arm_can_run():
    found = configuration.load({"registration": {"methods": [*methods.METHODS]}})
    assert found.registration.methods == [*methods.METHODS]
