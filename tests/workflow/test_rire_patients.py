"""Real patients instead of simulated ones: what is planned, and what is said where they have not been fetched."""

import yaml
from conftest import SMOKE, copy_project, planned_jobs, snakemake


def with_rire(folder):
    (folder / "overlay.yaml").write_text(yaml.safe_dump({"patients": {"dataset": "rire"}}))
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
    assert {"extract_patient_brain", "propagate_patient_labels", "register_unet_patients", "plot_patients"} <= rules
    assert "get_patient" not in rules
    # p104 has no T1w to register to
    prepared = {wildcards["subject"] for rule, wildcards in jobs if rule == "preprocess_patient"}
    assert prepared == {"p001", "p002", "p008", "p103"}


def test_patients_that_were_not_fetched_are_one_line(tmp_path):
    result = snakemake(
        with_rire(copy_project(tmp_path)), "--configfile", SMOKE, "overlay.yaml", "--dry-run", "--nolock"
    )
    assert result.returncode != 0
    (line,) = [line for line in result.stderr.splitlines() if "participants.tsv" in line]
    expected = "data/rire/participants.tsv: expected the list that `make data DATA=rire` writes, found none"
    assert line == f"error: {expected}"
