"""What several tests of the re-run contract share: groups of rules, and a finished run to change."""

import os
import shutil

from conftest import ROOT

RESULTS = "results/smoke"

# groups of rules that stand or fall together; each line of the contract is a union of some
COHORT = {"get_cohort"}
RESAMPLING = {"resample_bspline", "list_subjects", "measure_subjects", "plot_subjects", "plot_resampling"}
PREPROCESSING = {"align_subject", "normalize_intensity", *RESAMPLING}
FOLDS = {"make_folds"}
RDNN = {"train_rdnn", "segment_rdnn", "evaluate_segmentation", "plot_segmentation", "plot_segmentation_dice"}
PGAN = {"train_pgan", "sample_pgan", "plot_pgan_stages", "plot_samples", "plot_pipeline"}
CONTROLS = {"sample_warped", "sample_random_contrast"}
DAGAN = {"train_dagan", "sample_dagan"}
QUALITY = {"measure_samples", "report_samples"}
AFTER_TRAINING = {"plot_losses", "measure_network", "report_networks"}
UNET = {"train_unet", "register_unet", *AFTER_TRAINING}
PRETRAINED = {"pretrain_unet"}
UNROLLED = {"train_unrolled", "register_unrolled", *AFTER_TRAINING}
VOXELMORPH = {"train_voxelmorph", "register_voxelmorph", *AFTER_TRAINING}
CLASSICAL = {"register_initial", "register_syn", "register_niftyreg", "register_greedy"}
CLASSICAL |= {"register_convexadam", "register_instance"}
UNCERTAINTY = {"sample_transforms", "evaluate_uncertainty", "report_uncertainty", "plot_uncertainty"}
# from the long tables on
REPORT = {"collect_metrics", "report_dice", "plot_registration", "plot_comparison", "plot_rivals", "plot_tables"}
EVALUATION = {"evaluate_pairs", *REPORT}
# the degraded copies, and the second data set: the same rules in their own folders
MEASURED_ROBUSTNESS = {"robustness/evaluate_pairs", "report_robustness", "plot_robustness"}
ROBUSTNESS = {"degrade_subjects", "robustness/register_syn", "robustness/register_unet", *MEASURED_ROBUSTNESS}
RESAMPLED_EXTERNAL = {"external/resample_bspline", "external/list_subjects"}
MADE_EXTERNAL = {"get_patient", "external/align_subject", "external/normalize_intensity", *RESAMPLED_EXTERNAL}
MEASURED_EXTERNAL = {"external/evaluate_pairs", "report_external", "plot_external"}
EXTERNAL = {"external/register_initial", "external/register_syn", "external/register_unet", *MEASURED_EXTERNAL}
AFTER_UNET_EXTERNAL = {"external/register_unet", *MEASURED_EXTERNAL}
AFTER_SYN = {"register_syn", *EVALUATION, "robustness/register_syn", *MEASURED_ROBUSTNESS}
AFTER_SYN |= {"external/register_syn", *MEASURED_EXTERNAL}
# pictures of one subject
AUGMENTED = {"augment_classic", "plot_augmentation", "plot_pipeline"}

REGISTERED = (
    PRETRAINED | UNET | UNROLLED | VOXELMORPH | CLASSICAL | EVALUATION | UNCERTAINTY | ROBUSTNESS | AFTER_UNET_EXTERNAL
)
AFTER_UNET = UNET | EVALUATION | UNCERTAINTY | ROBUSTNESS - {"degrade_subjects", "robustness/register_syn"}
AFTER_UNET |= AFTER_UNET_EXTERNAL | {"plot_pipeline"}
# samples are all made from the segmentation network's maps
SAMPLES_OF_MAPS = {"sample_pgan", "sample_dagan", *CONTROLS}
# networks whose weights validation subjects choose, and what follows; the GANs have loops of their own
TRAINED_BY_THE_LOOP = RDNN | PGAN | SAMPLES_OF_MAPS | QUALITY | VOXELMORPH | UNROLLED | PRETRAINED | AFTER_UNET
AFTER_FOLDS = FOLDS | RDNN | PGAN | CONTROLS | DAGAN | QUALITY | REGISTERED
AFTER_LIST = AUGMENTED | AFTER_FOLDS - FOLDS
AFTER_COHORT = COHORT | {"plot_cohort", "plot_normalization"} | PREPROCESSING | AFTER_LIST

OF_SLICES = {"plot_cohort", "plot_augmentation", "plot_segmentation", "plot_pgan_stages", "plot_samples"}
OF_SLICES |= {"plot_uncertainty", "plot_registration", "plot_external", "plot_subjects", "plot_normalization"}
OF_SLICES |= {"plot_resampling", "plot_pipeline", "plot_rivals"}
# all that the smoke preset draws
FIGURES = {path.stem for path in (ROOT / "workflow" / "scripts").glob("plot_*.py")} - {"plot_training_sizes"}


# what a newcomer could write in, and what the workflow is read from
SOURCES = ("README.md", "config.yaml", "config", "presets", "workflow", "Snakefile", "envs", "resources", "profiles")


def copy_finished(finished, folder):
    """A finished run with sources of its own; results are hard links, to be replaced and not written into."""
    for name in finished.iterdir():
        if name.name == "results":
            # what is replaced here stays as it was there
            shutil.copytree(name, folder / name.name, copy_function=os.link)
        elif name.name == ".snakemake":
            # what a test runs in earnest is recorded here, not there
            shutil.copytree(name, folder / name.name, ignore=shutil.ignore_patterns("conda*", "log"))
        elif name.name in SOURCES:
            (shutil.copytree if name.is_dir() else shutil.copy2)(name, folder / name.name)
        else:
            (folder / name.name).symlink_to(name)
    return folder


def edit(folder, name, old, new):
    """Replace one place of a file."""
    path = folder / name
    text = path.read_text()
    assert text.count(old) == 1, (name, old)
    path.write_text(text.replace(old, new))
