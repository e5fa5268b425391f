"""What blocks of the configuration ask of each other; the limits of single values are the models' own."""

import re
from pathlib import Path

from ganreg.configuration.model import Whole
from ganreg.errors import InputError
from ganreg.get.settings import Bids
from ganreg.learn.settings import Supervised
from ganreg.register.methods import METHODS, NETWORKS
from ganreg.register.settings import Unrolled, VelocityTraining, Voxelmorph
from ganreg.segment.settings import RdnnTraining
from ganreg.simulate.settings import COHORT_MODALITIES
from ganreg.split.sizes import rounds, test_sizes
from ganreg.synthesize.schedule import stage_shapes

SMALLEST_MULTIPLE = 8
# the arms of the curve of Dice against training subjects
COMPARED_SIZES = ("unet_none", "unet_proposed")


def _refuse(place: str, expected: str, found: object) -> None:
    raise InputError(f"config: {place}: expected {expected}, found {found}")


def validate(config: Whole) -> None:
    """Check the combinations that the limits of single values cannot express.

    Raises
    ------
    InputError
        With the first problem, in one line.
    """
    _validate_grid(config)
    _validate_methods(config)
    if config.dataset == "embedded":
        for name in ("fixed", "moving"):
            if (found := getattr(config.task, name)) not in COHORT_MODALITIES:
                _refuse(f"task.{name}", f"{' or '.join(COHORT_MODALITIES)}, which the simulated cohort has", found)
    else:
        _validate_bids(config, config.bids, "bids")
        reference = METHODS[config.registration.reference_method]
        settings = config.block(reference.block) if reference.block else reference.settings
        if silver(config.bids) and not reference.ranked_on_silver(settings):
            expected = (
                "a method that is ranked on silver labels, as niftyreg_nmi: SyN made them, networks learn from them"
            )
            _refuse("registration.reference_method", expected, reference.id)
    _validate_external(config)
    _validate_modalities(config)
    if (config.template.image is None) != (config.template.mask is None):
        _refuse("template", "image and mask, or neither", "one of them")
    _validate_networks(config)


def _validate_grid(config: Whole) -> None:
    shape = config.preprocess.shape
    if any(side % SMALLEST_MULTIPLE for side in shape):
        expected = f"multiples of {SMALLEST_MULTIPLE}, which networks can halve three times"
        _refuse("preprocess.shape", expected, shape)
    try:
        stage_shapes(shape, len(config.pgan.stages))
    except InputError as error:
        raise InputError(f"config: pgan.stages: {error}") from None


def _validate_methods(config: Whole) -> None:
    methods, reference = config.registration.methods, config.registration.reference_method
    if reference not in methods:
        _refuse("registration.reference_method", "one of the methods", reference)
    missing = [each for each in COMPARED_SIZES if each not in methods]
    if config.split.training_sizes and missing:
        _refuse("split.training_sizes", f"{', '.join(missing)} among registration.methods", "none")
    if unknown := [each for each in config.robustness.methods if each not in methods]:
        _refuse("robustness.methods", "some of registration.methods", unknown[0])
    if (config.robustness.folds or 1) > config.split.folds:
        _refuse("robustness.folds", f"at most the {config.split.folds} folds", config.robustness.folds)
    if (
        config.dataset == "bids"
        and config.bids.partial
        and (config.robustness.methods or config.uncertainty.method in methods)
    ):
        expected = "false where robustness.methods or uncertainty.method is set: they do not know how far scans reach"
        _refuse("bids.partial", expected, "true")
    sampled = config.uncertainty.method and METHODS[config.uncertainty.method]
    if sampled and (sampled.refined or not isinstance(sampled.settings, VelocityTraining)):
        _refuse("uncertainty.method", "a network of a velocity without refinement, which has dropout", sampled.id)


def silver(description: Bids) -> bool:
    """Whether labels are silver: propagated from the template by SyN, because there are none."""
    return not description.labels


def mask_source(description: Bids) -> str:
    """Where brain masks come from: files (`mask`), stripped images (`image`), `labels`, or brain `extraction`."""
    if description.mask:
        return "mask"
    if description.stripped:
        return "image"
    return "labels" if description.labels and description.labels_cover_brain else "extraction"


def _validate_bids(config: Whole, description: Bids, place: str) -> None:
    """Check a BIDS description and what depends on where its masks and labels come from."""
    if not description.root:
        _refuse(f"{place}.root", "the path of a BIDS folder", "null")
    if not silver(description) and not description.label_table:
        _refuse(f"{place}.label_table", "the path of a dseg.tsv", "null")
    if description.reference != "T1w" and (silver(description) or mask_source(description) == "extraction"):
        expected = f"T1w, which brains are found and labeled in, or {place}.mask and {place}.labels"
        _refuse(f"{place}.reference", expected, description.reference)
    if silver(description) and description.label_table:
        expected = f"null where {place}.labels is: silver labels have their own"
        _refuse(f"{place}.label_table", expected, description.label_table)
    if silver(description) and config.template.image:
        expected = f"null, the template that has labels, where {place}.labels is null"
        _refuse("template.image", expected, config.template.image)


def _validate_external(config: Whole) -> None:
    """Check what the second data set asks of the rest; nothing where there is none."""
    external, task = config.external, config.task
    if external.dataset and not (external.between or external.within):
        _refuse("external.between", "a modality here or in external.within", "none")
    reference = external.bids.reference if external.dataset == "bids" else "T1w"
    for name in ("between", "within"):
        if reference in getattr(external, name):
            _refuse(f"external.{name}", f"modalities that are registered to {reference}", reference)
    if external.dataset == "simulated" and config.dataset == "embedded":
        # a subject is drawn from the seed and its number: equal seeds would give the training subjects' anatomies
        if external.simulated.seed == config.cohort.seed:
            _refuse("external.simulated.seed", "another seed than the cohort's", f"{config.cohort.seed} twice")
    elif external.dataset == "bids":
        description = external.bids
        _validate_bids(config, description, "external.bids")
        if task.fixed != description.reference or task.pairs != "inter_subject":
            expected = f"task.fixed {description.reference} and task.pairs inter_subject, which it is registered by"
            _refuse("external.dataset", expected, f"{task.fixed} and {task.pairs}")
        if config.dataset == "bids" and Path(str(config.bids.root)).resolve() == Path(str(description.root)).resolve():
            _refuse("external.bids.root", "other people than in bids.root", f"{config.bids.root} as both")


def _validate_modalities(config: Whole) -> None:
    reference = config.bids.reference if config.dataset == "bids" else "T1w"
    modalities = {reference, config.task.fixed, config.task.moving}
    chosen = config.preprocess.bias_correction.modalities
    if unknown := [each for each in chosen if each not in modalities]:
        expected = f"some of the modalities in use, {', '.join(sorted(modalities))}"
        _refuse("preprocess.bias_correction.modalities", expected, unknown[0])
    for suffix, pattern in config.dicom.series.items():
        try:
            re.compile(pattern or "")
        except re.error as error:
            _refuse(f"dicom.series.{suffix}", "a regular expression", f"{pattern!r} ({error})")


def _validate_networks(config: Whole) -> None:
    shape = config.preprocess.shape
    for name in ("rdnn", *(network.id for network in NETWORKS)):
        block = config.block(name)
        if isinstance(block, Supervised) and block.validate_every > block.steps:
            _refuse(f"{name}.validate_every", f"at most the {block.steps} steps", block.validate_every)
        if isinstance(block, VelocityTraining):
            first = 1 + (block.halvings if isinstance(block, Unrolled) else 0)
            halved = first + len(block.features) - 1
            # the velocity's grid is doubled to the images'; a single voxel has no deviation to be normalized by
            if any(side % 2**first or side <= 2**halved for side in shape):
                expected = f"features and halvings that leave 2 voxels or more of {shape}, the halvings whole ones"
                _refuse(name, expected, f"{halved} in all")
        if isinstance(block, RdnnTraining) and any(side % 2 ** (len(block.features) - 1) for side in shape):
            expected = f"features that halve {shape} to whole voxels"
            _refuse(f"{name}.features", expected, f"{len(block.features)} stages")
        if isinstance(block, Voxelmorph) and len(block.decoder) <= len(block.encoder):
            _refuse(f"{name}.decoder", "more stages than the encoder has", "as many or fewer")


def validate_subjects(config: Whole, subjects: list[str]) -> None:
    """Check that the subjects are enough for the split and the task.

    Raises
    ------
    InputError
    """
    folds, held, count = config.split.folds, config.split.validation_subjects, len(subjects)
    if folds > count:
        _refuse("split.folds", f"at most as many folds as subjects, {count}", folds)
    smallest, largest = min(test_sizes(count, folds)), max(test_sizes(count, folds))
    paired = max(rounds(config.task.pairs_per_subject, smallest), 1)
    if config.task.pairs == "inter_subject" and smallest <= paired:
        expected = f"more than {paired} test subjects in each fold to pair"
        _refuse("split.folds", expected, f"{smallest} ({count} subjects in {folds} folds)")
    left = count - largest - held
    if left < 2:
        _refuse("split.validation_subjects", "at least 2 training subjects", left)
    if too_large := [size for size in config.split.training_sizes if size >= left]:
        _refuse("split.training_sizes", f"fewer than the {left} training subjects", too_large[0])


def validate_external_subjects(config: Whole, subjects: list[str]) -> None:
    """Check that every fold has two subjects of the second data set to pair.

    Raises
    ------
    InputError
    """
    needed = 2 * config.split.folds
    if len(subjects) < needed:
        _refuse("external", f"at least {needed} subjects, two a fold", f"{len(subjects)} ({config.external.dataset})")
