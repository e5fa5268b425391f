# The list of figures: what each is drawn from, by which script, and with what. A new one is a line here, a script and a
# caption in workflow/report.

import shlex
from typing import NamedTuple


class Figure(NamedTuple):
    """A figure of the report."""

    script: str
    inputs: dict
    """Named as the script's arguments; of a list of preprocessed subjects the script gets the folder."""
    options: dict
    environment: str = "report"


def arguments_of(wildcards, input):
    """A figure's inputs as its script's arguments."""
    words = []
    for name, value in input.items():
        paths = [str(Path(value).parent)] if name == "subjects" else [value] if isinstance(value, str) else value
        words += [f"--{name.replace('_', '-')}", *map(shlex.quote, paths)]
    return " ".join(words)


def rulegraph_options(wildcards):
    """What the graph of rules follows from; the rules are all known once the Snakefile is read."""
    stages = {}
    for each in workflow.rules:
        stage = {"figures": "report"}.get(Path(each.snakefile).stem, Path(each.snakefile).stem)
        stages.setdefault(stage, []).append(each.name)
    return canonical(
        {
            "plot": STYLE,
            "stages": [[stage, names] for stage, names in stages.items() if stage != "Snakefile"],
            "depends_on": {
                "sets": {name: [each.simulated, each.silver, each.mask_source] for name, each in SETS.items()},
                "corrected": CONFIG.preprocess.bias_correction.modalities,
                "methods": IDS,
                "pairs": TASK.pairs,
                "uncertain": UNCERTAIN,
                "robust": ROBUST,
                "smaller": SMALLER,
                "labels": CONFIG.pgan.labels,
                "external": EXTERNAL_METHODS if EXTERNAL else [],
            },
        }
    )


SHOWN = FOLD_SUBJECTS[:5]
FIRST = FOLD_SUBJECTS[0]
MEASURED_SEGMENTATION = "<results>/metrics/segmentation.csv"
ROLES = {"fixed": TASK.fixed, "moving": TASK.moving}

FIGURES = {
    "fig02_normalization": Figure(
        "plot_normalization",
        {
            "raw": [raw_file("", subject, modality) for subject in SHOWN for modality in TASK_MODALITIES],
            "normalized": [f"<results>/normalize/sub-{subject}" for subject in SHOWN],
        },
        {"plot": PLOT, "subjects": SHOWN, "modalities": TASK_MODALITIES},
    ),
    "fig03_resampling": Figure(
        "plot_resampling",
        {
            "subjects": PREPROCESSED,
            "normalized": f"<results>/normalize/sub-{FIRST}",
            "aligned": f"<results>/align/sub-{FIRST}",
        },
        {"plot": PLOT, "subject": FIRST, "reference": MAIN.reference, "modalities": TASK_MODALITIES},
    ),
    "fig18_cohort": Figure(
        "plot_cohort",
        {
            "fixed": [raw_file("", subject, TASK.fixed) for subject in SHOWN],
            "moving": [raw_file("", subject, TASK.moving) for subject in SHOWN],
            "labels": [raw_file("", subject, "labels") for subject in SHOWN],
        },
        {"plot": PLOT},
    ),
    "fig04_augmentation": Figure(
        "plot_augmentation",
        {"subjects": PREPROCESSED, "augmented": f"<results>/augment/sub-{FIRST}"},
        {"plot": PLOT, "subject": FIRST, "modality": TASK.fixed},
    ),
    "fig10_registration": Figure(
        "plot_registration",
        {
            "folds": "<results>/split/folds.json",
            "subjects": PREPROCESSED,
            "measured": "<results>/metrics/structures.csv",
            "transforms": [path for each in SHOWN_METHODS for path in transforms_of(each, folds=[1], seeds=[1])],
        },
        {"plot": PLOT, "methods": SHOWN_METHODS, **ROLES},
        "torch",
    ),
    "fig19_comparison": Figure(
        "plot_comparison",
        {"table": "<results>/tables/table1.csv", "structures": "<results>/metrics/structures.csv"},
        {"plot": STYLE},
    ),
    "fig16_subjects": Figure(
        "plot_subjects",
        {"subjects": PREPROCESSED, "measured": "<results>/metrics/subjects.csv"},
        {"plot": PLOT, "modality": TASK.fixed},
    ),
}
if KINDS:
    FIGURES |= {
        "fig06_rdnn": Figure(
            "plot_rdnn",
            {"structures": "<results>/preprocess/dseg.tsv"},
            {"plot": STYLE, "settings": RDNN_MODEL, "modalities": TASK_MODALITIES, "shape": GRIDS.work.shape},
            "torch",
        ),
        "fig05_segmentation": Figure(
            "plot_segmentation",
            {
                "folds": "<results>/split/folds.json",
                "subjects": PREPROCESSED,
                "maps": "<results>/segment/fold1",
                "measured": MEASURED_SEGMENTATION,
            },
            {"plot": PLOT, "modalities": TASK_MODALITIES},
        ),
        "fig20_segmentation_dice": Figure(
            "plot_segmentation_dice",
            {"measured": MEASURED_SEGMENTATION},
            {"plot": STYLE, "folds": len(FOLDS)},
        ),
    }
if "pgan" in KINDS:
    FIGURES |= {
        "fig01_pipeline": Figure(
            "plot_pipeline",
            {
                "raw": [raw_file("", FIRST, modality) for modality in ROLES.values()],
                "normalized": f"<results>/normalize/sub-{FIRST}",
                "subjects": PREPROCESSED,
                "augmented": f"<results>/augment/sub-{FIRST}",
                "maps": "<results>/segment/fold1",
                "samples": "<results>/synthesize/fold1/pgan",
                "folds": "<results>/split/folds.json",
                "transforms": transforms_of(PROPOSED, folds=[1]),
            },
            {"plot": PLOT, "subject": FIRST, "method": PROPOSED, **ROLES},
            "torch",
        ),
        "fig07_pgan": Figure(
            "plot_pgan",
            {"structures": "<results>/preprocess/dseg.tsv"},
            {"plot": STYLE, "settings": PGAN_MODEL, "modalities": TASK_MODALITIES, "shape": GRIDS.work.shape},
            "torch",
        ),
        "fig21_pgan_stages": Figure(
            "plot_pgan_stages",
            {"subjects": PREPROCESSED, "previews": "<results>/models/fold1/pgan_stages.npz"},
            {"plot": PLOT},
        ),
        "fig08_samples": Figure(
            "plot_samples",
            {
                "subjects": PREPROCESSED,
                "folds": "<results>/split/folds.json",
                "samples": "<results>/synthesize/fold1/pgan",
                "vectors": "<results>/synthesize/fold1/pgan_z",
            },
            {"plot": PLOT, "modalities": TASK_MODALITIES, "fold": 1},
            "torch",
        ),
    }
if TRAINED:
    histories = expand("<results>/models/fold{fold}/{method}_history.jsonl", fold=FOLDS, method=TRAINED)
    FIGURES["fig12_losses"] = Figure("plot_losses", {"histories": histories}, {"plot": STYLE})
if SMALLER:
    FIGURES["fig13_training_sizes"] = Figure(
        "plot_training_sizes",
        {
            "folds": "<results>/split/folds.json",
            "structures": measured("", "structures", [*SMALLER, *COMPARED_SIZES]),
        },
        {
            "plot": STYLE,
            "compared": COMPARED_SIZES,
            "exclude": CONFIG.evaluation.exclude,
            "design": design_of([*SMALLER, *COMPARED_SIZES]),
        },
    )
if any(methods.METHODS[each].block == "unet" for each in TRAINED):
    FIGURES["fig09_unet"] = Figure(
        "plot_unet", {}, {"plot": STYLE, "settings": UNET_MODEL, "shape": GRIDS.work.shape}, "torch"
    )
if {*RIVALS} <= {*IDS}:
    FIGURES["fig11_rivals"] = Figure(
        "plot_rivals",
        {
            "folds": "<results>/split/folds.json",
            "subjects": PREPROCESSED,
            "measured": "<results>/metrics/structures.csv",
            "transforms": [folder for method in RIVALS for folder in transforms_of(method, folds=[1])],
        },
        {"plot": PLOT, "methods": RIVALS, **ROLES},
        "torch",
    )
if UNCERTAIN:
    FIGURES["fig14_uncertainty"] = Figure(
        "plot_uncertainty",
        {
            "folds": "<results>/split/folds.json",
            "subjects": PREPROCESSED,
            "transforms": transforms_of(UNCERTAIN[0], folds=[1], seeds=[1]),
            "sampled": f"<results>/uncertainty/fold1/{UNCERTAIN[0]}",
            "pairs": "<results>/metrics/uncertainty.csv",
            "reliability": "<results>/metrics/reliability.csv",
        },
        {"plot": PLOT, **ROLES},
        "torch",
    )
if ROBUST:
    FIGURES["fig15_robustness"] = Figure(
        "plot_robustness", {"table": "<results>/tables/robustness.csv"}, {"plot": STYLE}
    )
if EXTERNAL:
    subject = EXTERNAL.subjects[0]
    FIGURES["fig17_external"] = Figure(
        "plot_external",
        {
            "pairs": measured("external/", "pairs", EXTERNAL_METHODS),
            "images": [raw_file("external/", subject, modality) for modality in EXTERNAL.modalities[subject]],
            "subjects": "<results>/external/preprocess/subjects.tsv",
        },
        {"plot": PLOT, "subject": subject, "modalities": EXTERNAL.modalities[subject]},
    )
