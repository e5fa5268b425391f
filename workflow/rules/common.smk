# Validation of the configuration, and the functions that rules share.

import os
import sys
import time
from math import ceil
from pathlib import Path

WORKFLOW = Path(workflow.basedir) / "workflow"
sys.path.insert(0, str(WORKFLOW))

from ganreg import configuration
from ganreg.configuration import canonical
from ganreg.errors import InputError
from ganreg.fingerprint import fingerprint
from ganreg.get import bids
from ganreg.register import programs

# The interpreter that runs Snakemake runs the scripts, unless a conda environment comes before it; Snakemake drops
# PYTHONPATH from the environment under --use-conda, so the commands bring it along.
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), os.getenv("PATH", os.defpath)]))
# Without these glibc hands the networks' arrays back to the system at every step and asks for them again, which takes a
# twentieth of the processor's time. It changes no number.
MALLOC = "MALLOC_TRIM_THRESHOLD_=1000000000 MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TOP_PAD_=134217728"
shell.prefix(f"set -euo pipefail; export {MALLOC} PYTHONPATH='{WORKFLOW}' SCRIPTS='{WORKFLOW}/scripts'; ")


STARTED = time.time()


onerror:
    # with --quiet rules, as the Makefile has it, Snakemake says nothing of the jobs that failed
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
        sys.exit(f"error: {error}")


def project_file(*parts):
    """A file of the project as seen from the working directory, so that moving both together re-runs nothing."""
    return os.path.relpath(Path(workflow.basedir, *parts))


# where data sets are, and on what terms
ADDRESSES = {name: project_file("resources", f"{name}.tsv") for name in ("datasets", "downloads")}

checked(configuration.validate, config, WORKFLOW / "schemas" / "config.schema.yaml")

EMBEDDED = config["dataset"] == "embedded"
TASK = config["task"]
TASK_MODALITIES = sorted({TASK["fixed"], TASK["moving"]})
# the modality in whose space labels and mask are comes first
REFERENCE = "T1w" if EMBEDDED else config["bids"]["reference"]
MODALITIES = list(dict.fromkeys([REFERENCE, TASK["fixed"], TASK["moving"]]))
OTHERS = MODALITIES[1:]
if EMBEDDED:
    SUBJECTS = [f"{number:02d}" for number in range(1, config["cohort"]["subjects"] + 1)]
    LABEL_TABLE = project_file("resources", "labels", "cerebra.tsv")
    DATASET = f"embedded (simulated, seed {config['cohort']['seed']})"
else:
    SUBJECTS = checked(bids.select_subjects, config["bids"], MODALITIES)
    for modality, lacking in bids.left_out(config["bids"], MODALITIES).items():
        logger.warning(f"No {modality}: left out {', '.join(f'sub-{subject}' for subject in lacking)}.")
    LABEL_TABLE = config["bids"]["label_table"]
    DATASET = config["bids"]["name"]
SILVER = configuration.silver(config)
if SILVER:
    LABEL_TABLE = project_file("resources", "labels", "cerebra.tsv")
    DATASET = f"{DATASET} (silver labels)"
MASK_SOURCE = configuration.mask_source(config)
# the modalities whose bias fields are taken out
CORRECTED = [modality for modality in MODALITIES if modality in config["preprocess"]["bias_correction"]["modalities"]]
ATLAS = [TASK["atlas"]] if TASK["pairs"] == "atlas_to_subject" else []
# the atlas is preprocessed like a subject, but never in a fold
FOLD_SUBJECTS = [subject for subject in SUBJECTS if subject not in ATLAS]
ALL_SUBJECTS = sorted({*SUBJECTS, *ATLAS})
checked(configuration.validate_subjects, config, FOLD_SUBJECTS)
if ATLAS and not EMBEDDED and ATLAS[0] not in SUBJECTS:
    sys.exit(f"error: config: task.atlas: expected one of the subjects, found {ATLAS[0]}")

METHODS = config["registration"]["methods"]
if not programs.find("reg_f3d") and "conda" not in str(workflow.deployment_settings.deployment_method).lower():
    if left_out := [method for method in METHODS if method.startswith("niftyreg")]:
        logger.warning(f"NiftyReg is not installed: left out {', '.join(left_out)} (`make setup` builds it).")
        METHODS = [method for method in METHODS if method not in left_out]
# SyN made the silver labels: it is shown on them, but not ranked
UNRANKED = [method for method in METHODS if SILVER and configuration.makes_labels(method)]
SYN = [method for method in METHODS if method.startswith("syn_")]
BATCHED = [method for method in METHODS if method.startswith(("syn_", "niftyreg_", "greedy_", "convexadam_"))]
VOXELMORPH = [method for method in METHODS if method.startswith("voxelmorph")]
# the networks behind the methods: that of a refined one is the one that is refined
UNET = list(dict.fromkeys(configuration.network(method) for method in METHODS if method.startswith("unet_")))
# the network whose uncertainty is sampled; none where it is not among those that are trained
UNCERTAIN = [method for method in UNET if method == config["uncertainty"]["method"]]
KINDS = list(dict.fromkeys(kind for method in UNET if (kind := configuration.ARMS[method]["samples"])))
CONTRASTS = [pair for pair in configuration.CONTRASTS if {*pair} <= {*METHODS}]

# the arms with fewer training subjects: unet_proposed_n3
SIZES = config["split"]["training_sizes"]
COMPARED_SIZES = ["unet_none", "unet_proposed"]
SIZED = [f"{method}_n{size}" for size in SIZES for method in COMPARED_SIZES if {*COMPARED_SIZES} <= {*METHODS}]

# the methods whose moving images are degraded, and under how many conditions, the untouched image included
ROBUST = [method for method in config["robustness"]["methods"] if method in METHODS]
DEGRADATION = {key: value for key, value in config["robustness"].items() if key != "methods"}
CONDITIONS = 1 + sum(len(DEGRADATION[kind]) for kind in ("noise_sd", "bias_sd", "rotation_deg"))

# the patients of the second data set, each with its modalities, T1w first: what the others are registered to
PATIENT_MODALITIES = bids.PATIENT_MODALITIES
# a simulated one stands beside the simulated cohort alone; the networks must register between subjects to T1w
PATIENT_SOURCE = config["patients"]["dataset"] if TASK["fixed"] == "T1w" and TASK["pairs"] == "inter_subject" else None
PATIENT_ROOT = "<results>/patients/bids"
PATIENT_DATASET = f"RIRE-like (simulated, seed {config['patients']['seed']})"
PATIENTS = {}
if PATIENT_SOURCE == "simulated" and EMBEDDED:
    PATIENTS = {f"p{number:02d}": PATIENT_MODALITIES for number in range(1, config["patients"]["count"] + 1)}
elif PATIENT_SOURCE == "rire":
    PATIENT_ROOT, PATIENT_DATASET = "data/rire", "RIRE (silver labels)"
    PATIENTS = checked(bids.listed_modalities, Path(PATIENT_ROOT, "participants.tsv"), PATIENT_MODALITIES)
if PATIENTS or PATIENT_SOURCE == "rire":
    checked(configuration.validate_patients, config, PATIENTS)
PATIENT_METHODS = ["initial", *(method for method in config["patients"]["methods"] if method in METHODS)]

# what intervals over subjects are drawn with
BOOTSTRAP = {key: config["evaluation"][key] for key in ("bootstrap", "seed")}

FOLDS = range(1, config["split"]["folds"] + 1)
PAIRS_PER_FOLD = configuration.pairs_per_fold(config, len(FOLD_SUBJECTS))
GRIDS = configuration.grids(config)


wildcard_constraints:
    subject="[A-Za-z0-9]+",
    # a fold, or a fold with a subset of its training subjects: 1n3
    fold="[0-9]+(n[0-9]+)?",
    batch="[0-9]+",
    modality="[A-Za-z0-9]+",
    method="[a-z0-9_]+",


def code(script, env):
    """Fingerprint of a script's logic and tools, for a rule's params."""
    return fingerprint(WORKFLOW / "scripts" / f"{script}.py", WORKFLOW, Path(workflow.basedir) / "envs" / f"{env}.yaml")


def with_pytorch(env):
    """A network's environment file, or its sibling with PyTorch for GPUs; the fingerprint is the first one's."""
    return env.replace(".yaml", "_gpu.yaml") if config["conda_pytorch"] == "gpu" else env


def raw_file(subject, kind):
    """A subject's raw file. Kinds: a modality, labels, mask (an empty list where there is none).

    Labels and masks that have to be found are those that were found.
    """
    found = f"<results>/preprocess/sub-{subject}/anat/sub-{subject}_space-{REFERENCE}"
    if kind == "labels" and SILVER:
        return f"{found}_desc-silver_dseg.nii.gz"
    if kind == "mask" and MASK_SOURCE == "extraction":
        return f"{found}_desc-extracted_mask.nii.gz"
    if EMBEDDED:
        truth = f"<results>/bids/derivatives/truth/sub-{subject}/anat/sub-{subject}"
        derived = {"labels": f"{truth}_dseg.nii.gz", "mask": f"{truth}_desc-brain_mask.nii.gz"}
        return derived.get(kind) or f"<results>/bids/sub-{subject}/anat/sub-{subject}_{kind}.nii.gz"
    pattern = config["bids"][kind] if kind in ("labels", "mask") else config["bids"]["image"]
    return str(Path(config["bids"]["root"]) / pattern.format(subject=subject, modality=kind)) if pattern else []


def raw(*kinds):
    """Input function of `raw_file` for the wildcard `subject`."""
    return lambda wildcards: [path for kind in kinds if (path := raw_file(wildcards.subject, kind))]


def corrected(modality):
    """A subject's image (wildcard), without its bias field where that is asked for."""
    if modality in CORRECTED:
        return preprocessed(f"desc-corrected_{modality}.nii.gz")
    return raw_file("{subject}", modality)


def preprocessed(name, subjects=None):
    """A preprocessed file of one subject (wildcard), or of several."""
    pattern = f"<results>/preprocess/sub-{{subject}}/anat/sub-{{subject}}_{name}"
    return pattern if subjects is None else expand(pattern, subject=subjects)


# The list of all preprocessed files. Stages after read the files through it: a job for each fold and method with each
# subject's files among its inputs would take Snakemake minutes to plan.
PREPROCESSED = "<results>/preprocess/subjects.tsv"


def subjects_folder(wildcards, input):
    """Folder of the preprocessed subjects."""
    return str(Path(input.subjects).parent)


def degraded_folder(wildcards, input):
    """Folder of the degraded subjects, in the layout of preprocessed ones."""
    return input.subjects


def truth_folder(wildcards, input):
    """Folder of the cohort's true fields; empty where there is no truth."""
    return str(Path(input.truth[0]).parents[2]) if input.truth else ""


# the cohort's true fields, where there is a truth
TRUTH = expand(
    "<results>/bids/derivatives/truth/sub-{subject}/anat/sub-{subject}_{ends}_desc-true_xfm.nii.gz",
    subject=ALL_SUBJECTS if EMBEDDED else [],
    ends=["from-T1w_to-template", "from-template_to-T1w"],
)


def in_folds(pattern, method):
    """A pattern with {fold} and {method} in all folds; the method may have fewer training subjects: unet_none_n3."""
    method, _, size = method.rpartition("_n") if method in SIZED else (method, "", "")
    return expand(pattern, fold=[f"{fold}n{size}" if size else fold for fold in FOLDS], method=method)


def transforms_of(method, folds=FOLDS, root="<results>/transforms", conditions=1):
    """Folders with the transforms of a method, each pair under so many conditions."""
    if method in SIZED:
        return in_folds(f"{root}/fold{{fold}}/{{method}}", method)
    if method not in BATCHED:
        return expand(f"{root}/fold{{fold}}/{{method}}", fold=folds, method=method)
    size = config["registration"]["pairs_per_batch"]
    return [
        f"{root}/fold{fold}/{method}/batch{batch}"
        for fold in folds
        for batch in range(1, ceil(PAIRS_PER_FOLD[fold - 1] * conditions / size) + 1)
    ]


def aligned_patient(name):
    """A file of a patient's T1w on the road to the working grid."""
    return f"<results>/patients/aligned/sub-{{subject}}/anat/sub-{{subject}}_{name}"


def patient_file(kind):
    """A patient's file. Kinds: a modality, mask, labels; real patients' masks and labels are made."""
    if kind in PATIENT_MODALITIES:
        return f"{PATIENT_ROOT}/sub-{{subject}}/anat/sub-{{subject}}_{kind}.nii.gz"
    if PATIENT_SOURCE == "rire":
        return aligned_patient({"mask": "desc-extracted_mask.nii.gz", "labels": "desc-silver_dseg.nii.gz"}[kind])
    name = {"mask": "desc-brain_mask", "labels": "dseg"}[kind]
    return f"{PATIENT_ROOT}/derivatives/truth/sub-{{subject}}/anat/sub-{{subject}}_{name}.nii.gz"


def patient_truth():
    """Files with the true rigid transforms between a patient's volumes; of real patients those that there are."""
    ends = "derivatives/truth/sub-{subject}/anat/sub-{subject}_from-T1w_to-{modality}_desc-true_xfm.txt"
    if PATIENT_SOURCE == "rire":
        return sorted(map(str, Path(PATIENT_ROOT).glob("derivatives/truth/sub-*/anat/*_xfm.txt")))
    return expand(f"{PATIENT_ROOT}/{ends}", subject=PATIENTS, modality=PATIENT_MODALITIES[1:])


def patient_folder(wildcards, input):
    """Folder of the preprocessed patients, from the first of a rule's folders."""
    return str(Path(input.patients[0]).parent)


def patient_transforms(method):
    """Folders with the transforms of a method between and within patients, one a fold."""
    folder = "<results>/patients/transforms/fold{fold}/{method}"
    return expand(f"{folder}/batch1" if method in BATCHED else folder, fold=FOLDS, method=method)


def degraded_transforms(wildcards):
    """Folders with a method's transforms of the degraded pairs."""
    folds = FOLDS[: config["robustness"]["folds"]]
    return transforms_of(wildcards.method, folds, "<results>/robustness/transforms", CONDITIONS)


def weights_of(wildcards):
    """Weights of the network behind a method."""
    return f"<results>/models/fold{wildcards.fold}/{configuration.network(wildcards.method)}.pt"


def arm_of(method):
    """What an arm of the experiment adds to the real training subjects."""
    arm = configuration.ARMS[method]
    added = {"augmentation": config["augmentation"]} if arm["classic"] else {}
    synthetic = {key: config["registration"][key] for key in ("synthetic_share", "synthetic_subjects")}
    return added | (synthetic if arm["samples"] else {})


def samples_of(ends=""):
    """Input function: an arm's synthetic subjects, or with `ends` their manifest; an empty list where it has none."""

    def path(wildcards):
        kind = configuration.ARMS[wildcards.method]["samples"]
        return f"<results>/synthesize/fold{wildcards.fold}/{kind}{ends}" if kind else []

    return path


def network_of(method):
    """The configuration block of a method's network."""
    return config["unet" if method.startswith("unet_") else method]


def manifests_of(methods):
    """Manifests of the trained models of some methods."""
    networks = dict.fromkeys(map(configuration.network, methods))
    trained = [method for method in networks if method in VOXELMORPH + UNET + SIZED]
    return [path for method in trained for path in in_folds("<results>/models/fold{fold}/{method}.json", method)]


def registration_options(settings, batched=False, **more):
    """What a register script is handed, as one string; the method's own block and what both images are."""
    block = {"settings": settings, "fixed": TASK["fixed"], "moving": TASK["moving"], **more}
    if batched:
        block["pairs_per_batch"] = config["registration"]["pairs_per_batch"]
    return canonical(block)


def refinement_of(method):
    """The block `refinement`, where the method has one."""
    return {} if configuration.network(method) == method else {"refinement": config["refinement"]}


def transforms_output(path):
    """A folder of transforms, kept or not as the configuration says."""
    return directory(path) if config["registration"]["keep_transforms"] else temp(directory(path))


# The resolved configuration, for the figure that asks Snakemake for its own graph, and for the record of the run.
os.environ.update(GANREG_CONFIG=canonical(config | {"registration": config["registration"] | {"methods": METHODS}}))

# Fig. 10 shows the fairest SyN there is, and the method that others are compared with.
FAIREST_SYN = [method for method in ("syn_mi", *SYN) if method in METHODS][:1]
SHOWN_METHODS = list(dict.fromkeys([*FAIREST_SYN, config["registration"]["reference_method"]]))


def plot_options(*keys, **more):
    """The part of the block `plot` that a figure uses, and what else it needs."""
    return canonical({"plot": {key: config["plot"][key] for key in ("dpi", "palette", "font_size", *keys)}, **more})


# all: the training subjects; half1, half2: the cross-fit; norecurrence: the ablation, on all of them.
CROSS_FIT = ["all", "half1", "half2"]
ABLATIONS = ["", "_norecurrence"] if config["rdnn"]["ablation"] else [""]


def rdnn_options(model, **more):
    """What the RDNN's scripts are handed, as one string."""
    settings = {key: value for key, value in config["rdnn"].items() if key != "ablation"}
    block = {"settings": {**settings, "recurrent": model != "norecurrence"}, "modalities": TASK_MODALITIES}
    grid = {key: config["preprocess"][key] for key in ("shape", "spacing")}
    return canonical({**block, **grid, **more})


def rdnn_models(ends):
    """Input function: files of the models that make a fold's maps, or those of the ablation."""

    def paths(wildcards):
        parts = ["norecurrence"] if wildcards.ablation else CROSS_FIT
        return [f"<results>/models/fold{wildcards.fold}/rdnn_{part}{ends}" for part in parts]

    return paths


PGAN = {key: value for key, value in config["pgan"].items() if key != "samples"}


def sampling_options(**settings):
    """What a sampler without a GAN is handed: as many samples as the GAN's, under the same deformations."""
    drawn = {"samples": config["pgan"]["samples"], "deformation": config["deformation"]}
    return canonical({**drawn, "modalities": TASK_MODALITIES, **settings})


def dagan_options(*left_out):
    """The block `dagan` without what a rule does not use, and the modalities."""
    settings = {key: value for key, value in config["dagan"].items() if key not in left_out}
    return canonical({"settings": settings, "modalities": TASK_MODALITIES})


def judge_of(ends):
    """Input function: the RDNN of the next fold, which has not been made for this one."""
    return lambda wildcards: f"<results>/models/fold{int(wildcards.fold) % len(FOLDS) + 1}/rdnn_all{ends}"
