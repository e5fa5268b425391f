"""What a change runs again: `snakemake -n` on a finished run plans exactly the rules that depend on it."""

import shutil

import pytest
import yaml
from conftest import SMOKE, planned, snakemake

FIGURES = {"plot_rulegraph", "plot_cohort", "plot_augmentation", "plot_registration", "plot_comparison", "plot_losses"}
FIGURES |= {"plot_tables", "plot_segmentation", "plot_segmentation_dice", "plot_pgan_stages", "plot_samples"}
FIGURES |= {"plot_uncertainty"}
FIGURES |= {"plot_robustness", "plot_subjects"}
ROBUSTNESS = {"evaluate_degraded", "report_robustness", "plot_robustness"}
OF_SLICES = {"plot_cohort", "plot_augmentation", "plot_segmentation", "plot_pgan_stages", "plot_samples"}
OF_SLICES |= {"plot_uncertainty", "plot_subjects"}
UNCERTAINTY = {"sample_transforms", "evaluate_uncertainty", "report_uncertainty", "plot_uncertainty"}
AFTER_UNET = {"register_unet", "evaluate_pairs", "collect_metrics", "report_dice", "plot_registration", "plot_losses"}
AFTER_UNET |= {"plot_comparison", "plot_tables", *UNCERTAINTY}


@pytest.fixture
def project(finished, tmp_path):
    """The finished run, with its own configuration, scripts and package to change."""
    for name in finished.iterdir():
        if name.name in ("config.yaml", "presets", "workflow", "Snakefile"):
            (shutil.copytree if name.is_dir() else shutil.copy2)(name, tmp_path / name.name)
        else:
            (tmp_path / name.name).symlink_to(name)
    return tmp_path


def change(folder, key, value):
    """Change one value of the configuration that the run resolves to."""
    path = folder / "config.yaml"
    config = yaml.safe_load(path.read_text())
    *blocks, last = key.split(".")
    block = config
    for name in blocks:
        block = block[name]
    block[last] = value
    path.write_text(yaml.safe_dump(config, sort_keys=False))


def test_a_finished_run_plans_nothing(project):
    assert planned(project) == set()


def test_reordered_keys_plan_nothing(project):
    path = project / "config.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()), sort_keys=True))
    assert planned(project) == set()


def test_a_plotting_value_plans_figures_only(project):
    change(project, "plot.dpi", 200)
    assert planned(project) == FIGURES


def test_the_slice_shown_plans_the_figures_of_slices(project):
    change(project, "plot.slice", 0.4)
    assert planned(project) == {*OF_SLICES, "plot_registration"}


def test_a_learning_rate_plans_its_network_and_what_follows(project):
    change(project, "unet.learning_rate", 0.01)
    assert planned(project) == {"train_unet", *AFTER_UNET, "register_unet_degraded", *ROBUSTNESS}


def test_syn_settings_plan_syn_and_what_follows(project):
    change(project, "syn_mi.gradient_step", 0.3)
    expected = {"register_syn", *AFTER_UNET, "register_syn_degraded", *ROBUSTNESS}
    assert planned(project) == expected - {"register_unet", "plot_losses", *UNCERTAINTY}


def test_a_level_of_noise_plans_the_degraded_pairs_alone(project):
    preset = project / "presets" / "smoke.yaml"
    preset.write_text(preset.read_text().replace("noise_sd: [1]", "noise_sd: [2]"))
    registered = {"register_syn_degraded", "register_unet_degraded"}
    assert planned(project) == {"degrade_subjects", *registered, *ROBUSTNESS}


def test_no_methods_plan_no_degradation(project):
    preset = project / "presets" / "smoke.yaml"
    preset.write_text(
        preset.read_text().replace("robustness: {methods: [syn_mi, unet_none]", "robustness: {methods: []")
    )
    assert planned(project) == set()


def test_settings_of_what_known_masks_and_labels_make_needless_plan_nothing(project):
    change(project, "preprocess.bias_correction.spacing_mm", 8)
    change(project, "propagation.spacing", 2)
    assert planned(project) == set()


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("greedy_nmi.gradient_step", 0.3, "register_greedy"),
        ("convexadam_mind.lambda_weight", 0.8, "register_convexadam"),
    ],
)
def test_settings_of_a_batched_method_plan_it_alone(project, key, value, rule):
    change(project, key, value)
    registering = {name for name in planned(project) if name.startswith(("register_", "train_"))}
    assert registering == {rule}


def test_the_steps_of_a_gan_plan_it_its_samples_and_the_arms_that_train_on_them(project):
    change(project, "pgan.learning_rate", 0.002)
    expected = {"train_pgan", "sample_pgan", "measure_samples", "report_samples", "plot_pgan_stages", "plot_samples"}
    assert planned(project) == {*expected, "train_unet", *AFTER_UNET}


def test_the_number_of_samples_plans_the_uncertainty_alone(project):
    (project / "overlay.yaml").write_text(yaml.safe_dump({"uncertainty": {"samples": 4}}))
    assert planned(project, SMOKE, "overlay.yaml") == UNCERTAINTY


@pytest.mark.parametrize("method", [None, "unet_classic"])
def test_uncertainty_of_no_method_that_is_run_plans_none(project, method):
    overlay = {"uncertainty": {"method": method}, "pathvars": {"results": "results/anew"}}
    (project / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    rules = planned(project, SMOKE, "overlay.yaml")
    assert "register_unet" in rules
    assert not rules & UNCERTAINTY


def test_two_swapped_values_in_a_block_plan_what_uses_it(project):
    # as an unordered set of values, nothing would have changed
    config = yaml.safe_load((project / "config.yaml").read_text())["unet"]
    assert config["bending"] != config["dice"]
    change(project, "unet.bending", config["dice"])
    change(project, "unet.dice", config["bending"])
    assert planned(project) == {"train_unet", *AFTER_UNET, "register_unet_degraded", *ROBUSTNESS}


def test_a_structure_left_out_plans_evaluation_and_after(project):
    change(project, "evaluation.exclude", ["brain stem"])
    expected = {"collect_metrics", "report_dice", "plot_registration", "plot_comparison", "plot_tables"}
    expected |= {"report_robustness", "plot_robustness"}
    assert planned(project) == expected


def test_words_in_scripts_and_modules_plan_nothing(project):
    for name in ("scripts/register_syn.py", "scripts/get_cohort.py", "ganreg/spatial/warp.py", "ganreg/training.py"):
        path = project / "workflow" / name
        text = path.read_text()
        path.write_text(text.replace('"""', '"""More words. ', 1) + "\n# a comment\n")
    assert planned(project) == set()


def test_logic_in_a_module_plans_those_who_import_it(project):
    path = project / "workflow" / "ganreg" / "register" / "syn.py"
    path.write_text(path.read_text().replace("SEED = 1", "SEED = 2"))
    rules = planned(project)
    assert "register_syn" in rules
    assert not rules & {"register_niftyreg", "train_unet", "resample_bspline", "get_cohort"}


def test_a_mistake_in_the_configuration_is_one_line(project):
    preset = project / "presets" / "smoke.yaml"
    preset.write_text(preset.read_text().replace("    - syn_mi\n", "    - elastix\n"))
    result = snakemake(project, "--configfile", "presets/smoke.yaml", "--dry-run", "--nolock")
    assert result.returncode != 0
    lines = [line for line in result.stderr.splitlines() if "elastix" in line]
    assert len(lines) == 1
    assert lines[0].startswith("error: config: registration.methods.1: expected one of initial, syn_msq, ")
    assert lines[0].endswith(", found 'elastix'")
    assert "Traceback" not in result.stderr
