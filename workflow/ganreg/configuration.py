"""Validation of the configuration and what follows from it; importable without the imaging packages."""

import json
import math
import re
from pathlib import Path

import jsonschema
import yaml

from ganreg.errors import InputError
from ganreg.split.sizes import test_sizes
from ganreg.synthesize.schedule import stage_shapes

SMALLEST_MULTIPLE = 16

# The arms of the experiment: one U-Net, one loss, one number of steps; what differs is what it trains on. `samples`:
# the synthetic subjects beside the real ones; `classic`: classic augmentation on the fly.
ARMS = {
    "unet_none": {"samples": None, "classic": False},
    "unet_classic": {"samples": None, "classic": True},
    "unet_warped": {"samples": "warped", "classic": False},
    "unet_random_contrast": {"samples": "random_contrast", "classic": False},
    "unet_dagan": {"samples": "dagan", "classic": False},
    "unet_pgan": {"samples": "pgan", "classic": False},
    "unet_proposed": {"samples": "pgan", "classic": True},
}

# (arm, arm that lacks one thing): what the thing adds
CONTRASTS = [
    *((arm, "unet_none") for arm in ARMS if arm != "unet_none"),
    ("unet_pgan", "unet_warped"),
    ("unet_proposed", "unet_classic"),
    ("unet_proposed", "unet_random_contrast"),
    ("unet_proposed", "unet_dagan"),
    ("unet_none_refined", "unet_none"),
    ("unet_proposed_refined", "unet_proposed"),
    ("unet_proposed_refined", "unet_none_refined"),
]


REFINED = "_refined"


def network(method):
    """The trained network behind a method: that of unet_none_refined is unet_none."""
    return method.removesuffix(REFINED)


# samples that are made of training subjects' labels, or by a network that learned from them
MADE_OF_LABELS = ("random_contrast", "pgan")


def sees_labels(config, method):
    """Whether a method learned from the training subjects' labels, by its loss or by the samples it was trained on."""
    trained = network(method)
    if not trained.startswith(("voxelmorph", "unet_")):
        return False
    block = config[trained] if trained in config else config["unet"]
    return block["dice"] > 0 or ARMS.get(trained, {"samples": None})["samples"] in MADE_OF_LABELS


def canonical(block):
    """One JSON string for a block, keys sorted: two equal blocks give one string, two different ones never."""
    return json.dumps(block, sort_keys=True, separators=(",", ":"))


def mask_source(config):
    """Where brain masks come from: files (`mask`), stripped images (`image`), `labels`, or brain `extraction`."""
    bids = config["bids"]
    if config["dataset"] == "embedded" or bids["mask"]:
        return "mask"
    if bids["stripped"]:
        return "image"
    return "labels" if bids["labels"] and bids["labels_cover_brain"] else "extraction"


def silver(config):
    """Whether labels are silver: carried over from the template by SyN, because there are none."""
    return config["dataset"] == "bids" and not config["bids"]["labels"]


def makes_labels(method):
    """Whether a method is of the kind that makes silver labels: it is shown on them, but not ranked."""
    return method.startswith("syn_")


def _validate_bids(config):
    """Check the block `bids` and what depends on where masks and labels come from."""
    bids = config["bids"]
    if not bids["root"]:
        raise InputError("config: bids.root: expected the path of a BIDS folder, found null")
    if not silver(config) and not bids["label_table"]:
        raise InputError("config: bids.label_table: expected the path of a dseg.tsv, found null")
    if bids["reference"] != "T1w" and (silver(config) or mask_source(config) == "extraction"):
        message = "expected T1w, which brains are found and labelled in, or bids.mask and bids.labels"
        raise InputError(f"config: bids.reference: {message}, found {bids['reference']}")
    if silver(config):
        if bids["label_table"]:
            message = "expected null where bids.labels is: silver labels have their own"
            raise InputError(f"config: bids.label_table: {message}, found {bids['label_table']}")
        if config["template"]["image"]:
            message = "expected null, the template that has labels, where bids.labels is null"
            raise InputError(f"config: template.image: {message}, found {config['template']['image']}")
        if makes_labels(config["registration"]["reference_method"]):
            message = "expected a method that is ranked on silver labels, which SyN made"
            found = config["registration"]["reference_method"]
            raise InputError(f"config: registration.reference_method: {message}, found {found}")


def _validate_patients(config):
    """Check what the second data set asks of the rest; nothing where there is none."""
    source, task = config["patients"]["dataset"], config["task"]
    if source == "simulated" and config["dataset"] == "embedded":
        # a subject is drawn from the seed and its number: equal seeds would give the training subjects' anatomies
        if config["patients"]["seed"] == config["cohort"]["seed"]:
            found = config["patients"]["seed"]
            raise InputError(f"config: patients.seed: expected another seed than the cohort's, found {found} twice")
    elif source == "rire":
        if task["fixed"] != "T1w" or task["pairs"] != "inter_subject":
            message = "expected task.fixed T1w and task.pairs inter_subject, which patients are registered by"
            raise InputError(f"config: patients.dataset: {message}, found {task['fixed']} and {task['pairs']}")
        if config["template"]["image"]:
            message = "expected null, the template that patients' silver labels come from"
            raise InputError(f"config: template.image: {message}, found {config['template']['image']}")
        root = config["bids"]["root"]
        if config["dataset"] == "bids" and Path(root).resolve() == Path("data/rire").resolve():
            raise InputError(f"config: patients.dataset: expected other people than in bids.root, found {root} as both")


def validate_patients(config, patients):
    """Check that every fold has two patients to pair.

    Raises
    ------
    InputError
    """
    needed, source = 2 * config["split"]["folds"], config["patients"]["dataset"]
    if len(patients) < needed:
        raise InputError(f"config: patients: expected at least {needed}, two a fold, found {len(patients)} ({source})")


def _one_line(error):
    place = ".".join(str(part) for part in error.absolute_path) or "top level"
    if error.validator == "additionalProperties":
        known = set(error.schema["properties"])
        unknown = sorted(set(error.instance) - known)
        return f"config: {place}: expected one of {', '.join(sorted(known))}, found {', '.join(unknown)}"
    if error.validator == "enum":
        return (
            f"config: {place}: expected one of {', '.join(map(str, error.validator_value))}, found {error.instance!r}"
        )
    return f"config: {place}: expected {error.validator} {error.validator_value}, found {error.instance!r}"


def validate(config, schema_path):
    """Check a configuration against its schema, and the combinations that a schema cannot express.

    Raises
    ------
    InputError
        With the first problem, in one line.
    """
    schema = yaml.safe_load(Path(schema_path).read_text())
    validator = jsonschema.Draft202012Validator(schema)
    if errors := sorted(validator.iter_errors(config), key=lambda error: list(map(str, error.absolute_path))):
        raise InputError(_one_line(errors[0]))
    for side in config["preprocess"]["shape"]:
        if side % SMALLEST_MULTIPLE:
            message = (
                f"config: preprocess.shape: expected multiples of {SMALLEST_MULTIPLE}, which the networks can halve"
            )
            raise InputError(f"{message} four times, found {config['preprocess']['shape']}")
    stage_shapes(config["preprocess"]["shape"], len(config["pgan"]["stages"]))
    registration = config["registration"]
    if registration["reference_method"] not in registration["methods"]:
        found = registration["reference_method"]
        raise InputError(f"config: registration.reference_method: expected one of the methods, found {found}")
    compared = {"unet_none", "unet_proposed"}
    if config["split"]["training_sizes"] and not compared <= {*registration["methods"]}:
        missing = ", ".join(sorted(compared - {*registration["methods"]}))
        raise InputError(f"config: split.training_sizes: expected {missing} among registration.methods, found none")
    if strangers := [each for each in config["robustness"]["methods"] if each not in registration["methods"]]:
        raise InputError(f"config: robustness.methods: expected some of registration.methods, found {strangers[0]}")
    if (config["robustness"]["folds"] or 1) > config["split"]["folds"]:
        expected, found = config["split"]["folds"], config["robustness"]["folds"]
        raise InputError(f"config: robustness.folds: expected at most the {expected} folds, found {found}")
    if config["dataset"] == "bids":
        _validate_bids(config)
    _validate_patients(config)
    modalities = {config["bids"]["reference"], config["task"]["fixed"], config["task"]["moving"]}
    if unknown := [each for each in config["preprocess"]["bias_correction"]["modalities"] if each not in modalities]:
        expected = ", ".join(sorted(modalities))
        message = f"expected some of the modalities in use, {expected}"
        raise InputError(f"config: preprocess.bias_correction.modalities: {message}, found {unknown[0]}")
    for suffix, pattern in config["dicom"]["series"].items():
        try:
            re.compile(pattern or "")
        except re.error as error:
            message = f"config: dicom.series.{suffix}: expected a regular expression"
            raise InputError(f"{message}, found {pattern!r} ({error})") from None
    if (config["template"]["image"] is None) != (config["template"]["mask"] is None):
        raise InputError("config: template: expected image and mask, or neither, found one of them")
    for name in ("rdnn", "voxelmorph1", "voxelmorph2", "unet"):
        if config[name]["validate_every"] > config[name]["steps"]:
            raise InputError(f"config: {name}.validate_every: expected at most the {config[name]['steps']} steps")
    halved = len(config["unet"]["features"]) + config["unet"]["halvings"]
    # a single voxel has no deviation to be normalised by
    if any(side % 2**halved or side // 2**halved < 2 for side in config["preprocess"]["shape"]):
        message = (
            f"expected features and halvings that leave whole voxels of {config['preprocess']['shape']}, 2 at least"
        )
        raise InputError(f"config: unet: {message}, found {halved} in all")
    for name in ("voxelmorph1", "voxelmorph2"):
        if len(config[name]["encoder"]) > 4:
            raise InputError(f"config: {name}.encoder: expected at most 4 stages, found {len(config[name]['encoder'])}")
        if len(config[name]["decoder"]) <= len(config[name]["encoder"]):
            message = "expected more stages than the encoder has, found as many or fewer"
            raise InputError(f"config: {name}.decoder: {message}")


def validate_subjects(config, subjects):
    """Check that the subjects are enough for the split and the task.

    Raises
    ------
    InputError
    """
    folds, held = config["split"]["folds"], config["split"]["validation_subjects"]
    count = len(subjects)
    if folds > count:
        raise InputError(f"config: split.folds: expected at most as many folds as subjects, {count}, found {folds}")
    smallest, largest = min(test_sizes(count, folds)), max(test_sizes(count, folds))
    rounds = config["task"]["pairs_per_subject"]
    if config["task"]["pairs"] == "inter_subject" and smallest <= rounds:
        message = f"config: split.folds: expected more than {rounds} test subjects in each fold to pair"
        raise InputError(f"{message}, found {smallest} ({count} subjects in {folds} folds)")
    left = count - largest - held
    if left < 2:
        raise InputError(f"config: split.validation_subjects: expected at least 2 training subjects, found {left}")
    if too_large := [size for size in config["split"]["training_sizes"] if size >= left]:
        message = f"config: split.training_sizes: expected fewer than the {left} training subjects"
        raise InputError(f"{message}, found {too_large[0]}")


def pairs_per_fold(config, subjects):
    """Number of test pairs of each fold, known before the folds are made."""
    factor = config["task"]["pairs_per_subject"] if config["task"]["pairs"] == "inter_subject" else 1
    return [size * factor for size in test_sizes(subjects, config["split"]["folds"])]


def grids(config):
    """Shape and spacing (mm) of the working and the evaluation grid; both cover the same box."""
    shape, spacing = config["preprocess"]["shape"], config["preprocess"]["spacing"]
    fine = config["evaluation"]["spacing"]
    return {
        "work": {"shape": shape, "spacing": spacing},
        "evaluation": {"shape": [math.ceil(side * spacing / fine) for side in shape], "spacing": fine},
    }
