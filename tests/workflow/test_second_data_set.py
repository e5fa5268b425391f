"""A second data set of real patients: what is planned, and what is said where they have not been fetched."""

import yaml
from conftest import SMOKE, copy_project, planned_jobs, snakemake

PAPER = "presets/paper.yaml"
RIRE = {"dataset": "bids", "bids": {"name": "RIRE", "root": "data/rire", "labels": None, "partial": True}}


def with_rire(folder):
    (folder / "overlay.yaml").write_text(yaml.safe_dump({"external": RIRE}))
    return folder


def test_patients_are_prepared_with_the_modalities_that_they_have(tmp_path):
    folder = with_rire(copy_project(tmp_path))
    root = folder / "data" / "rire"
    lines = ["participant_id\tcase\tct\tpet\tT1w\tT2w\tPDw"]
    has = {"p001": "yes yes yes yes yes", "p002": "yes no yes yes no", "p008": "no yes yes yes yes"}
    has |= {"p103": "yes no yes no no", "p104": "yes no no yes no"}
    for patient, flags in has.items():
        lines.append("\t".join([f"sub-{patient}", "case", *flags.split()]))
        for name, flag in zip(("ct", "pet", "T1w", "T2w", "PDw"), flags.split(), strict=True):
            if flag == "yes":
                image = root / f"sub-{patient}" / "anat" / f"sub-{patient}_{name}.nii.gz"
                image.parent.mkdir(parents=True, exist_ok=True)
                image.touch()
    (root / "participants.tsv").write_text("\n".join(lines) + "\n")
    jobs = planned_jobs(folder, SMOKE, "overlay.yaml")
    rules = {rule for rule, _ in jobs}
    assert {"external/extract_brain", "external/propagate_labels", "external/register_unet", "plot_external"} <= rules
    assert "get_patient" not in rules
    # p104 has no T1w to register to
    prepared = {wildcards["subject"] for rule, wildcards in jobs if rule == "external/resample_bspline"}
    assert prepared == {"p001", "p002", "p008", "p103"}


def test_the_paper_preset_plans_its_experiment_once_the_data_are_there(tmp_path):
    folder = copy_project(tmp_path)
    (folder / "overlay.yaml").write_text(yaml.safe_dump({"split": {"validation_subjects": 3}}))
    result = snakemake(folder, "--configfile", PAPER, "overlay.yaml", "--dry-run", "--nolock")
    assert result.returncode != 0
    expected = "expected participants.tsv, the last file of a complete download, found none"
    assert f"error: data/ixi: {expected} (`make data DATA=ixi`)" in result.stderr
    for name, subjects, modalities in (("ixi", 15, ["T1w", "T2w"]), ("rire", 10, ["T1w", "T2w", "ct", "pet"])):
        lines = ["\t".join(["participant_id", *modalities])]
        for number in range(1, subjects + 1):
            subject = f"sub-{number:03d}"
            lines.append("\t".join([subject, *["yes"] * len(modalities)]))
            for modality in modalities:
                image = folder / "data" / name / subject / "anat" / f"{subject}_{modality}.nii.gz"
                image.parent.mkdir(parents=True, exist_ok=True)
                image.touch()
        (folder / "data" / name / "participants.tsv").write_text("\n".join(lines) + "\n")
    jobs = planned_jobs(folder, PAPER, "overlay.yaml")
    rules = [rule for rule, _ in jobs]
    assert rules.count("extract_brain") == rules.count("propagate_labels") == 15
    assert rules.count("train_pgan") == rules.count("train_dagan") == rules.count("segment_rdnn") // 2 == 5
    assert {"report_dice", "report_samples", "report_external", "plot_uncertainty"} <= set(rules)
    assert not {"get_cohort", "get_patient"} & set(rules)


def test_patients_that_were_not_fetched_are_one_line(tmp_path):
    result = snakemake(
        with_rire(copy_project(tmp_path)), "--configfile", SMOKE, "overlay.yaml", "--dry-run", "--nolock"
    )
    assert result.returncode != 0
    (line,) = [line for line in result.stderr.splitlines() if "participants.tsv" in line]
    expected = "data/rire: expected participants.tsv, the last file of a complete download, found none"
    assert line == f"error: {expected} (`make data DATA=rire`)"


def test_a_second_data_set_has_the_start_though_the_main_one_has_not(tmp_path):
    folder = copy_project(tmp_path)
    content = {"registration": {"methods": ["unet_none"], "reference_method": "unet_none"}}
    content |= {"external": {"methods": ["unet_none"]}, "robustness": {"methods": []}}
    (folder / "overlay.yaml").write_text(yaml.safe_dump(content))
    rules = {rule for rule, _ in planned_jobs(folder, SMOKE, "overlay.yaml")}
    assert {"external/register_initial", "external/register_unet", "register_unet"} <= rules
    assert "register_initial" not in rules
