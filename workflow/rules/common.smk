# The configuration, what follows from it, and the functions that rules share.

import os
import sys
import time
from math import ceil
from pathlib import Path

WORKFLOW = Path(workflow.basedir) / "workflow"
sys.path.insert(0, str(WORKFLOW))

from ganreg import configuration
from ganreg.configuration import sets, validation
from ganreg.errors import InputError
from ganreg.fingerprint import fingerprint
from ganreg.get import bids as index
from ganreg.register import methods
from ganreg.settings import canonical
from ganreg.tools import programs
from ganreg.volumes import bids

# The interpreter that runs Snakemake runs the scripts, unless a conda environment comes before it; Snakemake drops
# PYTHONPATH from the environment under --use-conda, so the commands bring it along.
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), os.getenv("PATH", os.defpath)]))
# Without these glibc hands the networks' arrays back to the system at every step and asks for them again, which takes a
# twentieth of the processor's time. It changes no number.
MALLOC = "MALLOC_TRIM_THRESHOLD_=1000000000 MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TOP_PAD_=134217728"
shell.prefix(f"set -euo pipefail; export {MALLOC} PYTHONPATH='{WORKFLOW}' SCRIPTS='{WORKFLOW}/scripts'; ")


STARTED = time.time()


onerror:
    # quiet about rules, Snakemake says nothing of the jobs that failed
    logs = Path(config["pathvars"]["results"], "logs")
    for path in sorted(logs.rglob("*.log"), key=lambda path: path.stat().st_mtime):
        if path.stat().st_mtime >= STARTED and (lines := path.read_text(errors="replace").splitlines()):
            if "error: " in lines[-1] or any(line.startswith("Traceback") for line in lines):
                print(f"{path}: {lines[-1]}", file=sys.stderr)
    print(f"What each job said is in {logs}; a job that was killed says nothing.", file=sys.stderr)


def checked(function, *arguments):
    """Call a function of the configuration; a problem ends the run with its one line."""
    try:
        return function(*arguments)
    except InputError as error:
        known = [name for name in index.GETTABLE if f"data/{name}: expected participants.tsv" in str(error)]
        hint = f" (`make data DATA={known[0]}`)" if known else ""
        sys.exit(f"error: {error}{hint}")


def project_file(*parts):
    """A file of the project as seen from the working directory, so that moving both together re-runs nothing."""
    return os.path.relpath(Path(workflow.basedir, *parts))


CONFIG = checked(configuration.load, config)
TASK = CONFIG.task
TASK_MODALITIES = sorted({TASK.fixed, TASK.moving})
GRIDS = sets.grids(CONFIG)

# where data sets are, and on what terms
ADDRESSES = {name: project_file("resources", f"{name}.tsv") for name in ("datasets", "downloads")}
TEMPLATE_LABELS = project_file("resources", "labels", "cerebra.tsv")

# The sets of subjects by the folder that each has in the results: the experiment's own, and a second data set. The third
# one, degraded copies of the first one's test subjects, comes preprocessed.
MAIN = checked(sets.main_set, CONFIG, "<results>/bids", TEMPLATE_LABELS)
EXTERNAL = checked(sets.external_set, CONFIG, "<results>/external/bids", TEMPLATE_LABELS)
SETS = {"": MAIN} | ({"external/": EXTERNAL} if EXTERNAL else {})
DEGRADED = "robustness/"
if CONFIG.dataset == "bids":
    for modality, lacking in index.left_out(CONFIG.bids, MAIN.modalities[MAIN.subjects[0]]).items():
        logger.warning(f"No {modality}: left out {', '.join(f'sub-{subject}' for subject in lacking)}.")
# the atlas is preprocessed like a subject, but never in a fold
ATLAS = [TASK.atlas] if TASK.pairs == "atlas_to_subject" else []
FOLD_SUBJECTS = [subject for subject in MAIN.subjects if subject not in ATLAS]
checked(validation.validate_subjects, CONFIG, FOLD_SUBJECTS)

METHODS = [methods.METHODS[method] for method in CONFIG.registration.methods]
if "conda" not in str(workflow.deployment_settings.deployment_method).lower():
    missing = [each for each in METHODS if each.tool and each.tool.program and not programs.find(each.tool.program)]
    for program in dict.fromkeys(each.tool.program for each in missing):
        without = ", ".join(each.id for each in missing if each.tool.program == program)
        logger.warning(f"{program} is not installed: left out {without} (`make setup` builds NiftyReg).")
    METHODS = [each for each in METHODS if each not in missing]
IDS = [each.id for each in METHODS]
if CONFIG.registration.reference_method not in IDS:
    sys.exit(
        "error: config: registration.reference_method: expected a method whose program is installed, "
        f"found {CONFIG.registration.reference_method}"
    )
# the networks behind the methods: that of a refined one is the one that is refined
TRAINED = list(dict.fromkeys(each.trained for each in METHODS if each.trained))
# the network whose uncertainty is sampled; none where it is not among those that are trained
UNCERTAIN = [method for method in TRAINED if method == CONFIG.uncertainty.method]
KINDS = list(dict.fromkeys(each.arm.samples for each in METHODS if each.arm and each.arm.samples))
CONTRASTS = methods.contrasts(IDS)

# the arms with fewer training subjects: unet_proposed_n3
COMPARED_SIZES = [*validation.COMPARED_SIZES]
SMALLER = [
    f"{each}_n{size}" for size in CONFIG.split.training_sizes for each in COMPARED_SIZES if {*COMPARED_SIZES} <= {*IDS}
]

# the methods of the other sets of subjects
ROBUST = [method for method in CONFIG.robustness.methods if method in IDS]
EXTERNAL_METHODS = list(dict.fromkeys(["initial", *(method for method in CONFIG.external.methods if method in IDS)]))

FOLDS = range(1, CONFIG.split.folds + 1)
SEEDS = range(1, CONFIG.registration.training_seeds + 1)
# pairs of each fold, by set: at most so many
PAIRS = {"": sets.pairs_per_fold(CONFIG, len(FOLD_SUBJECTS))}
PAIRS[DEGRADED] = [count * sets.conditions(CONFIG) for count in PAIRS[""]]
if EXTERNAL:
    PAIRS["external/"] = sets.most_external_pairs_per_fold(CONFIG, len(EXTERNAL.subjects))


def any_of(names):
    """A wildcard's constraint: one of some names, of which there may be none."""
    names = [*names]
    return "|".join(names) if names else "none"


wildcard_constraints:
    # a set of subjects, by its folder
    set=f"({any_of(['external/', DEGRADED])})?",
    subject="[A-Za-z0-9]+",
    # a fold, perhaps with a subset of its training subjects, 1n3, or a further training seed, 1s2
    fold="[0-9]+(n[0-9]+)?(s[0-9]+)?",
    batch="[0-9]+",
    modality="[A-Za-z0-9]+",
    method="[a-z0-9_]+",


def code(script, env, *definitions):
    """Fingerprint of a script's logic and tools, for a rule's params; `definitions` are what it imports by name."""
    path = WORKFLOW / "scripts" / f"{script}.py"
    return fingerprint(path, WORKFLOW, Path(workflow.basedir) / "envs" / f"{env}.yaml", *definitions)


def with_pytorch(env):
    """A network's environment file, or its sibling with PyTorch for GPUs; the fingerprint is the first one's."""
    return env.replace(".yaml", "_gpu.yaml") if CONFIG.conda_pytorch == "gpu" else env


def derived(name):
    """A file that is found from a subject's raw ones (wildcards `set` and `subject`)."""
    return str(bids.path("<results>/{set}derivatives", "{subject}", name))


def raw_file(folder, subject, kind):
    """A subject's raw file. Kinds: a modality, labels, mask (an empty list where there is none).

    Labels and masks that have to be found are those that were found.
    """
    chosen = SETS[folder]
    found = {}
    if chosen.silver:
        found["labels"] = "desc-silver_dseg.nii.gz"
    if chosen.mask_source == "extraction":
        found["mask"] = "desc-extracted_mask.nii.gz"
    if kind in found:
        return derived(found[kind]).format(set=folder, subject=subject)
    return chosen.file(subject, kind) or []


def raw(kind):
    """Input function of `raw_file`; kinds as there, and `reference`, `others`, and `brain`: what tells where it is."""

    def path(wildcards):
        chosen = SETS[wildcards.set]
        if kind == "others":
            others = chosen.modalities[wildcards.subject][1:]
            return [raw_file(wildcards.set, wildcards.subject, modality) for modality in others]
        source = "labels" if chosen.mask_source == "labels" else "mask"
        wanted = {"reference": chosen.reference, "brain": source}.get(kind, kind)
        return raw_file(wildcards.set, wildcards.subject, wanted)

    return path


def is_corrected(modality):
    """Whether the bias field of a modality is taken out."""
    return modality in CONFIG.preprocess.bias_correction.modalities


def corrected(wildcards):
    """A subject's images, without their bias fields where that is asked for."""
    name = derived("desc-corrected_{modality}.nii.gz")
    return [
        (
            name.format(**wildcards, modality=modality)
            if is_corrected(modality)
            else raw_file(wildcards.set, wildcards.subject, modality)
        )
        for modality in SETS[wildcards.set].modalities[wildcards.subject]
    ]


def label_table(wildcards):
    """The label table of a set."""
    return SETS[wildcards.set].description.label_table or TEMPLATE_LABELS


def of_subject(folder, name):
    """A param: a file in the folder of a subject (an input), `name` of `volumes.bids`, or a function of the set."""

    def path(wildcards, input):
        named = name(SETS[wildcards.set].reference) if callable(name) else name
        return str(bids.path(Path(input[folder]).parent, wildcards.subject, named))

    return path


def template_to(reference):
    """Name of the affine alignment of the template to a set's reference."""
    return bids.linear("template", reference)


# The list of all preprocessed files. Stages after read the files through it: a job for each fold and method with each
# subject's files among its inputs would take Snakemake minutes to plan.
PREPROCESSED = "<results>/preprocess/subjects.tsv"


def subjects_folder(wildcards, input):
    """Folder of the preprocessed subjects."""
    return str(Path(input.subjects).parent)


def truth_of(folder):
    """Files with what is true of a set's subjects: fields of the cohort, rigid transforms of a second data set."""
    if folder == "" and MAIN.simulated:
        return [
            MAIN.truth(subject, name) for name in (bids.TO_TEMPLATE, bids.FROM_TEMPLATE) for subject in MAIN.subjects
        ]
    if folder != "external/" or not EXTERNAL:
        return []
    if not EXTERNAL.simulated:
        return sorted(map(str, Path(EXTERNAL.description.root).glob(f"{sets.TRUTH}/sub-*/anat/*_xfm.txt")))
    pairs = [(subject, each) for subject, names in EXTERNAL.modalities.items() for each in names[1:]]
    return [EXTERNAL.truth(subject, bids.true_rigid(EXTERNAL.reference, each)) for subject, each in pairs]


def truth_folder(wildcards, input):
    """Folder of the truth; empty where there is none."""
    return str(Path(input.truth[0]).parents[2]) if input.truth else ""


def in_folds(pattern, method, folds=FOLDS, seeds=SEEDS):
    """A network's pattern with {fold} and {method} in some folds, for each training seed.

    The method may have fewer training subjects: unet_none_n3.
    """
    method, _, size = method.rpartition("_n") if method in SMALLER else (method, "", "")
    subset = f"n{size}" if size else ""
    names = [f"{fold}{subset}{'' if seed == 1 else f's{seed}'}" for fold in folds for seed in seeds]
    return expand(pattern, fold=names, method=method)


def transforms_of(method, folder="", folds=FOLDS, seeds=SEEDS):
    """Folders with a method's transforms of a set's pairs; a network's for each training seed."""
    root = f"<results>/{folder}transforms"
    if method in SMALLER or not methods.METHODS[method].tool:
        return in_folds(f"{root}/fold{{fold}}/{{method}}", method, folds, seeds)
    size = CONFIG.registration.pairs_per_batch
    return [
        f"{root}/fold{fold}/{method}/batch{batch}"
        for fold in folds
        for batch in range(1, ceil(PAIRS[folder][fold - 1] / size) + 1)
    ]


def measured_transforms(wildcards):
    """Folders with the transforms of a set's pairs that are measured."""
    folds = FOLDS[: CONFIG.robustness.folds] if wildcards.set == DEGRADED else FOLDS
    return transforms_of(wildcards.method, wildcards.set, folds)


def measured(folder, kind, names):
    """Tables of some methods' measurements of a set's pairs. Kinds: structures, pairs."""
    return expand(f"<results>/{folder}metrics/methods/{{method}}_{kind}.csv", method=names)


def network_of(method):
    """The configuration block of a method's network."""
    return CONFIG.block(methods.METHODS[method].block)


def weights_of(wildcards):
    """Weights of the network behind a method."""
    return f"<results>/models/fold{wildcards.fold}/{methods.METHODS[wildcards.method].trained}.pt"


def samples_of(ends=""):
    """Input function: an arm's synthetic subjects, or with `ends` their manifest; an empty list where it has none.

    All training seeds have the same ones.
    """

    def path(wildcards):
        kind, fold = methods.METHODS[wildcards.method].arm.samples, wildcards.fold.partition("s")[0]
        return f"<results>/synthesize/fold{fold}/{kind}{ends}" if kind else []

    return path


def manifests_of(names, seeds=SEEDS):
    """Manifests of the trained models of some methods, for each training seed."""
    networks = dict.fromkeys(methods.METHODS[each].trained if each in methods.METHODS else each for each in names)
    trained = [each for each in networks if each in TRAINED + SMALLER]
    return [
        path for each in trained for path in in_folds("<results>/models/fold{fold}/{method}.json", each, seeds=seeds)
    ]


def transforms_output(path):
    """A folder of transforms, kept or not as the configuration says."""
    return directory(path) if CONFIG.registration.keep_transforms else temp(directory(path))


# The resolved configuration, for the figure that asks Snakemake for its own graph, and for the record of the run.
RESOLVED = CONFIG.model_dump(mode="json")
RESOLVED["registration"]["methods"] = IDS
os.environ.update(GANREG_CONFIG=canonical(RESOLVED))


def set_of(wildcards):
    """The set of subjects of a rule's wildcards; degraded copies are copies of the experiment's."""
    return SETS.get(wildcards.set, MAIN)


def structures_of(wildcards):
    """The list of structures of a set."""
    return f"<results>/{wildcards.set if wildcards.set in SETS else ''}preprocess/dseg.tsv"


def raw_files(folder):
    """All raw files of a set, its label table and those that were found for it included."""
    chosen = SETS[folder]
    kinds = [(subject, kind) for subject in chosen.subjects for kind in (*chosen.modalities[subject], "labels", "mask")]
    files = [path for subject, kind in kinds if (path := raw_file(folder, subject, kind))]
    return [chosen.description.label_table or TEMPLATE_LABELS, *files]
