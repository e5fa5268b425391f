"""The sets of subjects that methods register: the main one, its degraded copies, and a second data set.

All go the same road; a set is told apart by a folder of its own in the results, which the workflow has as a wildcard.
"""

import math
from dataclasses import dataclass
from pathlib import Path

from ganreg.configuration.model import Whole
from ganreg.configuration.validation import mask_source, silver, validate_external_subjects
from ganreg.errors import InputError
from ganreg.get import bids as index
from ganreg.get.settings import Bids
from ganreg.preprocess.settings import Grid, Grids
from ganreg.simulate.settings import PATIENT_MODALITIES
from ganreg.split.sizes import rounds, test_sizes
from ganreg.volumes import bids

# where a simulated subject's mask, labels and truth lie in its folder
TRUTH = "derivatives/truth"
SIMULATED = Bids(
    mask=str(bids.path(TRUTH, "{subject}", bids.RAW_MASK)), labels=str(bids.path(TRUTH, "{subject}", bids.RAW_DSEG))
)


@dataclass(frozen=True)
class SubjectSet:
    """A set of subjects as raw BIDS, whoever wrote it."""

    description: Bids
    """Its root, patterns, reference and so on."""
    name: str
    """In tables."""
    modalities: dict[str, list[str]]
    """Subject -> its modalities, the reference first."""
    simulated: bool

    @property
    def subjects(self) -> list[str]:
        """Labels, sorted."""
        return sorted(self.modalities)

    @property
    def reference(self) -> str:
        """The modality in whose space masks and labels are."""
        return self.description.reference

    @property
    def silver(self) -> bool:
        """Whether its labels are propagated from the template by SyN."""
        return silver(self.description)

    @property
    def mask_source(self) -> str:
        """Where its brain masks come from, as `validation.mask_source` has it."""
        return mask_source(self.description)

    def file(self, subject: str, kind: str) -> str | None:
        """A raw file of a subject. Kinds: a modality, `labels`, `mask`; None where there is none of its own."""
        own = {"labels": self.description.labels, "mask": self.description.mask}
        pattern = own.get(kind, self.description.image)
        # an absolute pattern leads elsewhere than below the root
        root = Path(str(self.description.root))
        return str(root / pattern.format(subject=subject, modality=kind)) if pattern else None

    def truth(self, subject: str, name: str) -> str:
        """A file of a subject's truth."""
        return str(bids.path(f"{self.description.root}/{TRUTH}", subject, name))


def _ordered(reference: str, *others: str) -> list[str]:
    return list(dict.fromkeys([reference, *others]))


def _named(description: Bids) -> str:
    return f"{description.name} (silver labels)" if silver(description) else description.name


def main_set(config: Whole, root: str, template_labels: str) -> SubjectSet:
    """The subjects of the experiment, an atlas among them.

    Parameters
    ----------
    root : str, folder of the simulated cohort
    template_labels : str, the label table of the template

    Raises
    ------
    InputError
        If a subject or file is missing.
    """
    task = config.task
    if config.dataset == "embedded":
        names = [f"{number:02d}" for number in range(1, config.cohort.subjects + 1)]
        names += [task.atlas] if task.pairs == "atlas_to_subject" else []
        description = SIMULATED.model_copy(update={"root": root, "label_table": template_labels})
        name = f"embedded (simulated, seed {config.cohort.seed})"
        modalities = _ordered(description.reference, task.fixed, task.moving)
        return SubjectSet(description, name, dict.fromkeys(names, modalities), simulated=True)
    modalities = _ordered(config.bids.reference, task.fixed, task.moving)
    subjects = index.select_subjects(config.bids, modalities)
    if task.pairs == "atlas_to_subject" and task.atlas not in subjects:
        raise InputError(f"config: task.atlas: expected one of the subjects, found {task.atlas}")
    return SubjectSet(config.bids, _named(config.bids), dict.fromkeys(subjects, modalities), simulated=False)


def external_set(config: Whole, root: str, template_labels: str) -> SubjectSet | None:
    """The second data set; None where there is none, or none that goes with the experiment.

    Parameters
    ----------
    root : str, folder of the simulated patients
    template_labels : str, the label table of the template

    Raises
    ------
    InputError
        If a subject or file is missing, or there are fewer than two subjects a fold.
    """
    external, task = config.external, config.task
    if external.dataset == "bids":
        description = external.bids
        subjects = index.select_subjects(description, [description.reference])
        wanted = _ordered(description.reference, *external.between, *external.within)
        found = index.modalities_of(description, subjects, wanted)
        result = SubjectSet(description, _named(description), found, simulated=False)
    elif external.dataset == "simulated" and config.dataset == "embedded":
        # patients are registered to T1w, between subjects
        if task.fixed != "T1w" or task.pairs != "inter_subject":
            return None
        patients = external.simulated
        name = f"RIRE-like (simulated, seed {patients.seed})"
        own = {"name": name, "root": root, "label_table": template_labels, "partial": True}
        description = SIMULATED.model_copy(update=own)
        names = [f"p{number:02d}" for number in range(1, patients.count + 1)]
        result = SubjectSet(description, name, dict.fromkeys(names, PATIENT_MODALITIES), simulated=True)
    else:
        return None
    validate_external_subjects(config, result.subjects)
    return result


def pairs_per_fold(config: Whole, subjects: int) -> list[int]:
    """Number of test pairs of each fold of the main set, known before the folds are made."""
    sizes = test_sizes(subjects, config.split.folds)
    if config.task.pairs != "inter_subject":
        return sizes
    return [size * rounds(config.task.pairs_per_subject, size) for size in sizes]


def most_external_pairs_per_fold(config: Whole, subjects: int) -> list[int]:
    """At most so many pairs has each fold of the second data set: its subjects may lack modalities."""
    factor = len(config.external.between) + len(config.external.within)
    return [size * factor for size in test_sizes(subjects, config.split.folds)]


def conditions(config: Whole) -> int:
    """Under how many conditions each pair is registered whose moving image is degraded, the untouched included."""
    degradation = config.robustness
    return 1 + len(degradation.noise_sd) + len(degradation.bias_sd) + len(degradation.rotation_deg)


def grids(config: Whole) -> Grids:
    """The working and the evaluation grid; both cover the same box."""
    shape, spacing, fine = config.preprocess.shape, config.preprocess.spacing, config.evaluation.spacing
    return Grids(
        work=Grid(shape=shape, spacing=spacing),
        evaluation=Grid(shape=[math.ceil(side * spacing / fine) for side in shape], spacing=fine),
    )
