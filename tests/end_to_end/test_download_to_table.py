"""IXI's archives, made of simulated subjects, from a server on this machine to Table 1."""

import hashlib
import shutil

import pandas as pd
import pytest
import yaml
from conftest import copy_project, snakemake
from loopback import packed

# in IXI's archives -> in the simulated cohort
NAMES = {
    "IXI002-Guys-0828": "01",
    "IXI012-HH-1211": "02",
    "IXI013-HH-1212": "03",
    "IXI014-HH-1236": "04",
    "IXI035-IOP-0873": "05",
    "IXI036-Guys-0736": "06",
}
T1_ALONE = "IXI037-Guys-0704"
OVERLAY = {
    "dataset": "bids",
    "pathvars": {"results": "results/ixi"},
    "ixi": {"accept_licence": True},
    "bids": {
        "name": "IXI (simulated)",
        "root": "data/ixi",
        "labels": "derivatives/labels/sub-{subject}_dseg.nii.gz",
        "label_table": "resources/labels/cerebra.tsv",
        "stripped": True,
        "labels_cover_brain": False,
    },
    "preprocess": {"spacing": 8, "shape": [32, 32, 32]},
    "evaluation": {"spacing": 4},
    "split": {"folds": 2, "validation_subjects": 1},
    "registration": {"methods": ["initial", "syn_mi", "unet_none"], "reference_method": "unet_none"},
    "syn_mi": {"iterations": [10, 5, 2]},
    "unet": {"pretraining": 4, "steps": 10, "validate_every": 5},
}


@pytest.fixture
def project(finished, server, tmp_path):
    """A copy of the project whose addresses are the server's, which has IXI, and labels that the user has put there."""
    folder, cohort = copy_project(tmp_path), finished / "results" / "smoke" / "bids"
    for modality in ("T1", "T2"):
        image = f"sub-{{0}}/anat/sub-{{0}}_{modality}w.nii.gz"
        entries = [(f"{name}-{modality}.nii.gz", (cohort / image.format(number)).read_bytes())
                   for name, number in NAMES.items()]  # fmt: skip
        if modality == "T1":
            entries.append((f"{T1_ALONE}-T1.nii.gz", entries[0][1]))
        server.files[f"IXI-{modality}.tar"] = packed(*entries)
    labels = folder / "data" / "ixi" / "derivatives" / "labels"
    labels.mkdir(parents=True)
    for name, number in NAMES.items():
        dseg = cohort / "derivatives" / "truth" / f"sub-{number}" / "anat" / f"sub-{number}_dseg.nii.gz"
        shutil.copyfile(dseg, labels / f"sub-{name[:6]}_dseg.nii.gz")
    datasets = pd.read_csv(folder / "resources" / "datasets.tsv", sep="\t")
    datasets["url"] = server.url("")
    datasets.to_csv(folder / "resources" / "datasets.tsv", sep="\t", index=False)
    lines = [["ixi", name, hashlib.md5(content).hexdigest(), ""] for name, content in server.files.items()]
    downloads = pd.DataFrame(lines, columns=["dataset", "path", "md5", "megabytes"])
    downloads.to_csv(folder / "resources" / "downloads.tsv", sep="\t", index=False)
    (folder / "overlay.yaml").write_text(yaml.safe_dump(OVERLAY))
    return folder


def test_ixi_goes_from_the_server_to_table_1(project, server):
    # until there is a listing, one line says how to get it
    result = snakemake(project, "--configfile", "overlay.yaml", "--dry-run")
    assert result.returncode != 0
    line = "error: data/ixi: expected participants.tsv, the last file of a complete download, found none "
    line += "(`make data DATA=ixi`)"
    assert line in result.stderr.splitlines()

    server.faults = ["cut"]
    arguments = ("--configfile", "overlay.yaml", "--quiet", "rules")
    result = snakemake(project, *arguments, "--config", "dataset=embedded", "--", "get_ixi")
    assert result.returncode == 0, result.stdout + result.stderr
    # the first archive was cut off in the middle and gone on with
    assert len(server.asked) == 3
    assert f"sub-{T1_ALONE[:6]} (Guys) is left out" in (project / "results/ixi/logs/get_ixi.log").read_text()

    (project / "data/ixi/sub-IXI099/anat").mkdir(parents=True)
    (project / "data/ixi/sub-IXI099/anat/sub-IXI099_T1w.nii.gz").touch()
    result = snakemake(project, *arguments, "--", "results/ixi/tables/table1.csv")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "No T2w: left out sub-IXI099." in result.stdout + result.stderr
    table = pd.read_csv(project / "results" / "ixi" / "tables" / "table1.csv").set_index("method")
    assert list(table.index) == ["initial", "syn_mi", "unet_none"]
    assert set(table["dataset"]) == {"IXI (simulated)"}
    assert set(table["n_subjects"]) == {6}
    assert table["dice_mean"].between(0.3, 0.9).all()
