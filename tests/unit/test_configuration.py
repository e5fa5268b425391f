"""The configuration: schema and file in step, each mistake one line."""

import copy

import pytest
import yaml

from ganreg import configuration
from ganreg.errors import InputError


@pytest.fixture
def config(root):
    return yaml.safe_load((root / "config.yaml").read_text())


@pytest.fixture
def check(root):
    return lambda config: configuration.validate(config, root / "workflow" / "schemas" / "config.schema.yaml")


def changed(config, key, value):
    result = copy.deepcopy(config)
    *path, last = key.split(".")
    block = result
    for part in path:
        block = block[part]
    block[last] = value
    return result


def leaves(schema, path=()):
    if "properties" in schema and "default" not in schema:
        for key, part in schema["properties"].items():
            yield from leaves(part, (*path, key))
    else:
        yield ".".join(path), schema


def test_defaults_of_the_schema_are_the_values_of_the_file(root, config, check):
    check(config)
    schema = yaml.safe_load((root / "workflow" / "schemas" / "config.schema.yaml").read_text())
    for key, leaf in leaves(schema):
        value = config
        for part in key.split("."):
            value = value[part]
        assert leaf["default"] == value, key
        assert leaf["description"].endswith("."), key


@pytest.mark.parametrize("preset", ["smoke", "bench", "paper"])
def test_presets_are_valid_and_keep_to_their_own_folder(root, config, check, preset):
    overlay = yaml.safe_load((root / "presets" / f"{preset}.yaml").read_text())
    merged = {key: {**value, **overlay.get(key, {})} if isinstance(value, dict) else overlay.get(key, value)
              for key, value in config.items()}  # fmt: skip
    check(merged)
    assert set(overlay) <= set(config)
    assert merged["pathvars"]["results"] == f"results/{preset}"


@pytest.mark.parametrize("preset", [None, "smoke", "bench", "paper"])
def test_both_voxelmorphs_differ_in_their_widths_alone(root, config, preset):
    overlay = yaml.safe_load((root / "presets" / f"{preset}.yaml").read_text()) if preset else {}
    blocks = [{**config[name], **overlay.get(name, {})} for name in ("voxelmorph1", "voxelmorph2")]
    assert {key for key in blocks[0] if blocks[0][key] != blocks[1][key]} == {"encoder", "decoder"}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("unet.stepz", 3, "unet: expected one of .*, found stepz"),
        ("registration.methods", ["initial", "elastix"], "registration.methods.1: expected one of .*found 'elastix'"),
        ("preprocess.shape", [48, 50, 48], r"multiples of 16.*found \[48, 50, 48\]"),
        ("split.folds", 1, "split.folds: expected minimum 2, found 1"),
        ("unet.learning_rate", "fast", "unet.learning_rate: expected type number, found 'fast'"),
        ("registration.reference_method", "syn_mi", None),
        ("dataset", "bids", "bids.root: expected the path of a BIDS folder, found null"),
        ("template.image", "a.nii.gz", "expected image and mask, or neither"),
        ("unet.validate_every", 10**6, "validate_every: expected at most"),
        ("voxelmorph1.decoder", [8, 8], "voxelmorph1.decoder: expected more stages than the encoder"),
        ("voxelmorph2.decoder", [8, 8], "voxelmorph2.decoder: expected more stages than the encoder"),
        ("voxelmorph2.encoder", [8] * 5, "voxelmorph2.encoder: expected at most 4 stages, found 5"),
        ("unet.features", [8] * 5, r"unet: expected features and halvings that leave .*found 5 in all"),
        ("unet.halvings", 1, r"leave whole voxels of \[48, 48, 48\], 2 at least, found 5 in all"),
        ("greedy_nmi.metric", "NCC", "greedy_nmi: expected one of .*, found metric"),
        ("convexadam_mind.selected_smooth", 4, "expected one of 0, 3, 5, found 4"),
        ("robustness.methods", ["syn_cc"], "robustness.methods: expected some of registration.methods, found syn_cc"),
        ("robustness.folds", 6, "robustness.folds: expected at most the 5 folds, found 6"),
        ("dicom.series", {"T1w": "t1("}, r"dicom.series.T1w: expected a regular expression, found 't1\('"),
        ("rire.series", ["mr_T3"], "rire.series.0: expected one of ct, pet, .*, found 'mr_T3'"),
        ("robustness.noise_sd", [0], "robustness.noise_sd.0: expected exclusiveMinimum 0, found 0"),
        ("patients.seed", 1, "patients.seed: expected another seed than the cohort's, found 1 twice"),
        (
            "preprocess.bias_correction.modalities",
            ["T1"],
            "bias_correction.modalities: expected some of the modalities in use, T1w, T2w, found T1",
        ),
    ],
)
def test_a_mistake_is_one_line(config, check, key, value, message):
    config = changed(config, key, value)
    if message is None:
        check(config)
        return
    with pytest.raises(InputError, match=message) as caught:
        check(config)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("bids", "source", "silver"),
    [
        ({"mask": "m.nii", "stripped": True}, "mask", False),
        ({"stripped": True}, "image", False),
        ({}, "labels", False),
        ({"labels_cover_brain": False}, "extraction", False),
        ({"labels": None, "label_table": None}, "extraction", True),
        ({"labels": None, "label_table": None, "stripped": True}, "image", True),
    ],
)
def test_masks_and_labels_come_from_the_first_there_is(config, check, bids, source, silver):
    config = changed(config, "bids", {**config["bids"], "root": ".", "label_table": "t.tsv", **bids})
    config["dataset"] = "bids"
    check(config)
    assert configuration.mask_source(config) == source
    assert configuration.silver(config) == silver
    assert configuration.mask_source({**config, "dataset": "embedded"}) == "mask"
    assert not configuration.silver({**config, "dataset": "embedded"})


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("bids.label_table", "t.tsv", r"bids\.label_table: expected null where bids\.labels is.*found t\.tsv"),
        ("bids.reference", "T2w", r"bids\.reference: expected T1w, which brains are found and labelled in.*found T2w"),
        ("template", {"image": "a", "mask": "b"}, r"template\.image: expected null, the template that has labels"),
        ("registration.reference_method", "syn_mi", r"expected a method that is ranked on silver labels.*found syn_mi"),
    ],
)
def test_what_silver_labels_cannot_do_is_one_line(config, check, key, value, message):
    config["dataset"] = "bids"
    config["bids"] |= {"root": ".", "labels": None}
    check(config)
    with pytest.raises(InputError, match=message):
        check(changed(config, key, value))


def test_a_reference_that_is_not_run_is_refused(config, check):
    with pytest.raises(InputError, match="reference_method: expected one of the methods"):
        check(changed(config, "registration.methods", ["initial", "syn_mi"]))


@pytest.mark.parametrize(
    ("folds", "subjects", "message"),
    [
        (6, 5, "at most as many folds as subjects, 5, found 6"),
        (5, 8, "more than 1 test subjects in each fold to pair, found 1"),
        (2, 5, "expected at least 2 training subjects, found 0"),
    ],
)
def test_impossible_splits_are_refused(config, folds, subjects, message):
    with pytest.raises(InputError, match=message):
        configuration.validate_subjects(changed(config, "split.folds", folds), [str(n) for n in range(subjects)])


def test_training_sets_that_are_no_smaller_are_refused(config):
    sized = changed(config, "split.training_sizes", [3, 10])
    with pytest.raises(InputError, match="training_sizes: expected fewer than the 10 training subjects, found 10"):
        configuration.validate_subjects(sized, [str(n) for n in range(15)])


def test_canonical_strings_ignore_order_and_nothing_else():
    assert configuration.canonical({"a": 1, "b": True}) == configuration.canonical({"b": True, "a": 1})
    assert configuration.canonical({"a": True, "b": False}) != configuration.canonical({"a": False, "b": True})


def test_both_grids_cover_the_same_box(config):
    grids = configuration.grids(changed(config, "preprocess", {"spacing": 3, "shape": [64, 64, 64]}))
    assert grids["evaluation"] == {"shape": [96, 96, 96], "spacing": 2}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("task.fixed", "T2w", "patients.dataset: expected task.fixed T1w and .* found T2w and inter_subject"),
        ("task.pairs", "within_subject", "expected .* task.pairs inter_subject, .* found T1w and within_subject"),
        ("template", {"image": "a.nii", "mask": "b.nii"}, "template.image: expected null, .* found a.nii"),
    ],
)
def test_what_real_patients_cannot_do_is_one_line(config, check, key, value, message):
    config = changed(changed(config, "patients.dataset", "rire"), key, value)
    with pytest.raises(InputError, match=message):
        check(config)


def test_training_subjects_cannot_be_the_patients(config, check):
    config = changed(changed(config, "patients.dataset", "rire"), "dataset", "bids")
    bids = {"root": "./data/rire", "label_table": "dseg.tsv"}
    with pytest.raises(InputError, match=r"expected other people than in bids\.root, found \./data/rire as both"):
        check({**config, "bids": {**config["bids"], **bids}})


def test_each_fold_needs_two_patients(config):
    configuration.validate_patients(config, range(10))
    with pytest.raises(InputError, match="patients: expected at least 10, two a fold, found 9"):
        configuration.validate_patients(config, range(9))


@pytest.mark.parametrize(
    ("dice", "expected"),
    [(0.3, {"voxelmorph1", "unet_none_refined", "unet_dagan", "unet_proposed"}), (0, {"unet_proposed"})],
)
def test_labels_reach_a_network_by_its_loss_or_by_its_samples(config, dice, expected):
    for block in ("unet", "voxelmorph1"):
        config = changed(config, f"{block}.dice", dice)
    methods = ["syn_mi", "voxelmorph1", "unet_none_refined", "unet_dagan", "unet_proposed"]
    assert {method for method in methods if configuration.sees_labels(config, method)} == expected
