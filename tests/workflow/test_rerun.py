"""The re-run contract: what one change plans on a finished run, exactly. More fails as less does."""

import pytest
import yaml
from conftest import ROOT, SMOKE, planned, planned_jobs, snakemake
from rerun import (
    AFTER_COHORT,
    AFTER_FOLDS,
    AFTER_LIST,
    AFTER_SYN,
    AFTER_UNET,
    AFTER_UNET_EXTERNAL,
    AUGMENTED,
    COHORT,
    DAGAN,
    EVALUATION,
    EXTERNAL,
    FIGURES,
    MADE_EXTERNAL,
    MEASURED_EXTERNAL,
    OF_SLICES,
    PGAN,
    PREPROCESSING,
    PRETRAINED,
    QUALITY,
    RDNN,
    REPORT,
    RESAMPLED_EXTERNAL,
    RESAMPLING,
    RESULTS,
    ROBUSTNESS,
    SAMPLES_OF_MAPS,
    UNCERTAINTY,
    UNET,
    copy_finished,
    edit,
)

from ganreg.configuration import load_project
from ganreg.configuration.loading import FILES


@pytest.fixture
def project(finished, tmp_path):
    """The finished run, with its own configuration, scripts, package and results to change."""
    return copy_finished(finished, tmp_path)


def change(folder, values):
    """Change values of the configuration that the run resolves to, which a dotted key names."""
    # the preset has the last word
    preset = yaml.safe_load((folder / SMOKE).read_text())
    for key, value in values.items():
        *blocks, last = key.split(".")
        block = preset
        for name in blocks:
            block = block.setdefault(name, {})
        block[last] = value
    (folder / SMOKE).write_text(yaml.safe_dump(preset, sort_keys=False))


def replace(path, content):
    """Give a file, which is a hard link, other content."""
    path.unlink()
    path.write_bytes(content)


def methods_of(jobs, rule):
    """The methods of a rule's planned jobs."""
    return {wildcards["method"] for name, wildcards in jobs if name == rule}


def configured(key):
    """A default value, by its dotted key."""
    value = load_project(ROOT)
    for name in key.split("."):
        value = getattr(value, name)
    return value


def test_a_finished_run_plans_nothing_on_any_number_of_cores(project):
    assert planned(project) == set()
    assert planned(project, cores=7) == set()


CHANGED_VALUES = {
    "the dpi of figures": ({"plot.dpi": 200}, FIGURES),
    "the palette of figures": ({"plot.palette": "Set2"}, FIGURES),
    "the slice shown": ({"plot.slice": 0.4}, OF_SLICES),
    "a structure left out": (
        {"evaluation.exclude": ["brain stem"]},
        REPORT | {"report_robustness", "plot_robustness", "report_external"},
    ),
    "SyN iterations": ({"syn_mi.iterations": [9, 5, 2]}, AFTER_SYN),
    "another seed of the folds": ({"split.seed": 2}, AFTER_FOLDS | {"make_external_folds"} | EXTERNAL),
    "another seed of the cohort": ({"cohort.seed": 2}, AFTER_COHORT),
    "another seed of the patients": ({"external.simulated.seed": 2}, MADE_EXTERNAL | EXTERNAL),
    "one more method for the second data set": (
        {"external.methods": ["syn_mi", "unet_none", "unet_proposed", "voxelmorph1"]},
        {"external/register_voxelmorph", *MEASURED_EXTERNAL, "plot_rulegraph"},
    ),
    "no second data set": ({"external.dataset": None}, {"plot_rulegraph"}),
    "samples of the uncertainty": ({"uncertainty.samples": 4}, UNCERTAINTY),
    "a level of noise": ({"robustness.noise_sd": [2]}, ROBUSTNESS),
    "robustness in all folds": ({"robustness.folds": None}, ROBUSTNESS),
    "robustness of no method": ({"robustness.methods": []}, {"plot_rulegraph"}),
    # as an unordered set of values, nothing would have changed
    "two swapped weights of a loss": (
        {"unet.bending": configured("unet.dice"), "unet.dice": configured("unet.bending")},
        PRETRAINED | AFTER_UNET,
    ),
    "two swapped booleans": (
        {"unet.instance_norm": not configured("unet.instance_norm"), "unet.flip": not configured("unet.flip")},
        PRETRAINED | AFTER_UNET | {"plot_unet"},
    ),
    "greedy's step": ({"greedy_nmi.gradient_step": 0.3}, {"register_greedy", *EVALUATION}),
    "ConvexAdam's weight": ({"convexadam_mind.lambda_weight": 0.8}, {"register_convexadam", *EVALUATION}),
}


@pytest.mark.parametrize("case", CHANGED_VALUES)
def test_a_changed_value_plans_what_depends_on_it(project, case):
    values, expected = CHANGED_VALUES[case]
    change(project, values)
    assert planned(project) == expected


WITH_SAMPLES = {"unet_warped", "unet_random_contrast", "unet_dagan", "unet_proposed"}
# rules, and of some rules the methods or parts whose jobs are planned
NETWORKS = {
    "the U-Net's learning rate": (
        {"unet.learning_rate": 0.01},
        PRETRAINED | AFTER_UNET,
        {"unet_none", *WITH_SAMPLES},
    ),
    "the PGAN's steps": (
        {
            "pgan.stages": [
                {"width": 8, "batch": 4, "fade_in": 0, "steady": 28},
                {"width": 8, "batch": 2, "fade_in": 6, "steady": 6},
                {"width": 8, "batch": 1, "fade_in": 3, "steady": 3},
            ]
        },
        PGAN | {"plot_pgan"} | QUALITY | UNET | EVALUATION | UNCERTAINTY | AFTER_UNET_EXTERNAL,
        {"unet_proposed"},
    ),
    "the RDNN's width": (
        {"rdnn.features": [8, 12]},
        RDNN | {"plot_rdnn"} | PGAN | SAMPLES_OF_MAPS | QUALITY | UNET | EVALUATION | UNCERTAINTY | AFTER_UNET_EXTERNAL,
        WITH_SAMPLES,
    ),
    "the labels of samples": (
        {"pgan.labels": "reference"},
        PGAN | SAMPLES_OF_MAPS | QUALITY | UNET | EVALUATION | UNCERTAINTY | AFTER_UNET_EXTERNAL | {"plot_rulegraph"},
        WITH_SAMPLES,
    ),
    "DAGAN's steps": ({"dagan.steps": 25}, DAGAN | QUALITY | UNET | EVALUATION, {"unet_dagan"}),
}


@pytest.mark.parametrize("case", NETWORKS)
def test_a_changed_network_plans_the_arms_that_build_on_it_alone(project, case):
    values, expected, arms = NETWORKS[case]
    change(project, values)
    jobs = planned_jobs(project)
    assert {rule for rule, _ in jobs} == expected
    assert methods_of(jobs, "train_unet") == arms
    refined = {f"{arm}_refined" for arm in arms & {"unet_proposed"}}
    assert methods_of(jobs, "register_unet") == methods_of(jobs, "evaluate_pairs") == arms | refined


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("greedy_nmi", REPORT | {"plot_rulegraph"}),
        # one of the kinds of samples in their table, too
        ("unet_dagan", REPORT - {"plot_rivals"} | QUALITY | {"plot_rulegraph", "plot_losses", "report_networks"}),
    ],
)
def test_a_method_taken_out_plans_tables_and_figures(project, method, expected):
    edit(project, SMOKE, f"    - {method}\n", "")
    assert planned(project) == expected


def test_reordered_keys_plan_nothing(project):
    for name in (*FILES, SMOKE):
        path = project / name
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()), sort_keys=True))
    assert planned(project) == set()


def test_settings_of_what_known_masks_and_labels_make_needless_plan_nothing(project):
    change(project, {"preprocess.bias_correction.spacing_mm": 8, "propagation.spacing": 2})
    assert planned(project) == set()


def test_a_touched_input_plans_nothing(project):
    raw = project / RESULTS / "bids"
    # the true field is the largest of all
    for path in [project / "resources" / "labels" / "cerebra.tsv", *raw.rglob("sub-01*.nii.gz")]:
        content = path.read_bytes()
        replace(path, content)
    assert planned(project) == set()


def test_other_labels_in_the_table_plan_what_reads_them(project):
    with open(project / "resources" / "labels" / "cerebra.tsv", "a") as table:
        table.write("\n")
    listed = {"list_structures", "external/list_structures", "plot_rdnn", "plot_pgan"}
    assert planned(project) == listed | RESAMPLING | AFTER_LIST | RESAMPLED_EXTERNAL | EXTERNAL


def test_another_image_plans_its_subjects_preprocessing_and_what_follows(project):
    image = project / RESULTS / "bids/sub-03/anat/sub-03_T2w.nii.gz"
    replace(image, (project / RESULTS / "bids/sub-04/anat/sub-04_T2w.nii.gz").read_bytes())
    jobs = planned_jobs(project)
    assert {rule for rule, _ in jobs} == AFTER_COHORT - COHORT
    assert {wildcards["subject"] for _, wildcards in jobs if "subject" in wildcards} == {"03"}


def test_one_more_subject_plans_its_own_preprocessing_and_all_after_the_folds(project):
    change(project, {"cohort.subjects": 7})
    jobs = planned_jobs(project)
    assert {rule for rule, _ in jobs} == COHORT | PREPROCESSING | AUGMENTED | AFTER_FOLDS
    assert {wildcards["subject"] for _, wildcards in jobs if "subject" in wildcards} == {"07"}


def test_smaller_training_sets_leave_the_folds_and_their_networks_alone(project):
    # with three training subjects a fold, of which two can be taken
    change(project, {"cohort.subjects": 8, "registration.methods": ["unet_none", "unet_proposed"]})
    change(project, {"robustness.methods": [], "external.dataset": None})
    folds = f"{RESULTS}/split/folds.json"
    assert snakemake(project, folds, "--configfile", SMOKE).returncode == 0
    before = planned_jobs(project)
    change(project, {"split.training_sizes": [2]})
    more = [job for job in planned_jobs(project) if job not in before]
    trained = {(rule, wildcards["fold"]) for rule, wildcards in more if rule.startswith("train_")}
    assert trained == {(f"train_{network}", f"{fold}n2") for network in ("rdnn", "pgan", "unet") for fold in (1, 2)}
    assert "plot_training_sizes" in {rule for rule, _ in more}
    assert "make_folds" not in {rule for rule, _ in before + more}


@pytest.mark.parametrize("method", [None, "unet_classic"])
def test_uncertainty_of_no_method_that_is_run_plans_none(project, method):
    overlay = {"uncertainty": {"method": method}, "pathvars": {"results": "results/anew"}}
    (project / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    rules = planned(project, SMOKE, "overlay.yaml")
    assert "register_unet" in rules
    assert not rules & UNCERTAINTY


def test_a_mistake_in_the_configuration_is_one_line(project):
    edit(project, SMOKE, "    - syn_mi\n", "    - elastix\n")
    result = snakemake(project, "--configfile", SMOKE, "--dry-run", "--nolock")
    assert result.returncode != 0
    lines = [line for line in result.stderr.splitlines() if "elastix" in line]
    assert len(lines) == 1
    assert lines[0].startswith("error: config: registration.methods.1: expected one of initial, syn_msq, ")
    assert lines[0].endswith(", found 'elastix'")
    assert "Traceback" not in result.stderr
