"""The scripts that train networks and register pairs, on subjects of a few voxels."""

import importlib.util
import itertools
import json
import re

import numpy as np
import pandas as pd
import pytest
import torch

from ganreg import io
from ganreg.errors import InputError
from ganreg.preprocess.settings import Augmentation
from ganreg.register import learned
from ganreg.register.cost import COST_FILE
from ganreg.register.recipe import Recipe
from ganreg.register.settings import KnownDeformation, Refinement, Unet, Voxelmorph
from ganreg.settings import canonical
from ganreg.spatial import transform_file
from ganreg.split.folds import make_folds
from ganreg.split.settings import Folds, Task
from ganreg.synthesize.settings import Synthetic
from ganreg.volumes import bids
from ganreg.volumes.labels import REST

SHAPE, AFFINE = (16, 16, 16), np.diag([4.0, 4, 4, 1])
SUBJECTS = ["01", "02", "03", "04", "05", "06"]
UNET = Unet(features=[4, 8], steps=4, pretraining=2, validate_every=2, dice_structures=2, device="cpu")
IMAGES = {"fixed": "T1w", "moving": "T2w"}


def write_subject(rng, folder, subject):
    labels = np.zeros(SHAPE, np.uint8)
    labels[4:12, 3:13, 4:12] = rng.integers(1, 4, (8, 10, 8))
    for modality in IMAGES.values():
        image = np.where(labels > 0, rng.normal(4, 1, SHAPE), 0)
        io.save(bids.path(folder, subject, bids.preprocessed(modality)), image, AFFINE)
        io.save(bids.path(folder, subject, bids.field_of_view(modality)), np.ones(SHAPE), AFFINE, np.uint8)
    io.save(bids.path(folder, subject, bids.MASK), labels > 0, AFFINE, np.uint8)
    io.save(bids.path(folder, subject, bids.DSEG), labels, AFFINE, np.uint8)


@pytest.fixture
def study(tmp_path):
    """A folder with preprocessed subjects, synthetic ones, their structures and folds."""
    rng = np.random.default_rng(0)
    for folder, subjects in (("preprocess", SUBJECTS), ("pgan", ["pgan1", "pgan2", "pgan3"])):
        for subject in subjects:
            write_subject(rng, tmp_path / folder, subject)
    listed = pd.DataFrame({"index": [1, 2, 3], "name": ["left", "right", REST], "mirror": [2, 1, 3]})
    io.write_table(tmp_path / "dseg.tsv", listed, "\t")
    io.write_json(tmp_path / "folds.json", make_folds(SUBJECTS, Folds(folds=2, validation_subjects=1), Task()))
    io.write_json(tmp_path / "pgan.json", {"opened": {"seen by the GAN": "hash"}})
    return tmp_path


@pytest.fixture
def run(study, root):
    """A function that runs a script on the study's first fold."""

    def run_script(name, options, **arguments):
        path = root / "workflow" / "scripts" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(name, path)
        script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(script)
        inputs = {"folds": study / "folds.json", "subjects": study / "preprocess", "fold": 1, "code": "code"}
        given = {"options": canonical(options), **inputs, **arguments}
        script.main([text for key, value in given.items() for text in (f"--{key.replace('_', '-')}", str(value))])

    return run_script


@pytest.fixture
def train(study, run):
    """A function that trains a U-Net, and returns its history and its manifest."""

    def train_network(method, paths=None, **changed):
        outputs = {"weights": f"{method}.pt", "history": f"{method}.jsonl", "manifest": f"{method}.json"}
        options = {"settings": UNET, "recipe": Recipe(task=Task(), known=KnownDeformation(), **changed)}
        files = {key: study / name for key, name in outputs.items()}
        run("train_network", options, method=method, structures=study / "dseg.tsv", **files, **(paths or {}))
        history = [json.loads(line) for line in files["history"].read_text().splitlines()]
        return history, io.read_json(files["manifest"])

    return train_network


def opened_subjects(manifest):
    return {bids.subject_of(path) for path in manifest["opened"]} - {None}


def test_a_network_is_trained_on_the_training_subjects_of_its_fold(train, study):
    history, manifest = train("unet_none")
    assert [line["step"] for line in history] == [2, 4]
    assert manifest["best"] == max(line["validation_dice"] for line in history)
    assert manifest["options"]["settings"]["features"] == [4, 8]
    fold = io.read_json(study / "folds.json")["folds"][0]
    assert opened_subjects(manifest) <= {*fold["train"], *fold["validation"]}
    assert {*fold["validation"]} <= opened_subjects(manifest)
    weights = torch.load(study / "unet_none.pt", weights_only=True)
    assert weights["flow.weight"].abs().max() > 0
    train("again")
    again = torch.load(study / "again.pt", weights_only=True)
    assert all((weights[key] == again[key]).all() for key in weights)


def test_an_arm_adds_its_synthetic_subjects_and_its_augmentation(train, study):
    samples = {"samples": study / "pgan", "origins": study / "pgan.json"}
    augmentation, synthetic = Augmentation(), Synthetic(subjects=2)
    history, manifest = train("unet_pgan", samples, synthetic=synthetic)
    # as often, and after as many real steps, as without them
    assert [line["step"] for line in history] == [4, 8]
    assert {"pgan1", "pgan2"} <= opened_subjects(manifest)
    assert "pgan3" not in opened_subjects(manifest)
    assert manifest["opened"]["seen by the GAN"] == "hash"
    train("unet_pgan_post", samples, synthetic=synthetic, post_processing=augmentation)
    train("both", samples, synthetic=synthetic, post_processing=augmentation, augmentation=augmentation)
    train("moved", samples, synthetic=synthetic.model_copy(update={"supervision": "both"}))
    found = [
        torch.load(study / f"{name}.pt", weights_only=True)["flow.weight"]
        for name in ("unet_pgan", "unet_pgan_post", "both", "moved")
    ]
    assert not any((one == other).all() for one, other in itertools.combinations(found, 2))


def test_arms_start_from_the_network_that_pretraining_left(train, study):
    history, manifest = train("unet_pretrained", pretraining=True)
    assert [line["step"] for line in history] == [2]
    fold = io.read_json(study / "folds.json")["folds"][0]
    assert opened_subjects(manifest) <= {*fold["train"], *fold["validation"]}
    start = {"start": study / "unet_pretrained.pt", "origins": study / "unet_pretrained.json"}
    train("unet_none")
    train("started", start)
    plain, started = (
        torch.load(study / f"{name}.pt", weights_only=True)["flow.weight"] for name in ("unet_none", "started")
    )
    assert (plain != started).any()


@pytest.mark.parametrize("before", [0.2, float("nan")])
def test_an_arm_is_as_flat_as_what_it_started_from(train, study, before):
    train("unet_pretrained", pretraining=True)
    io.write_json(study / "start.json", {"opened": {}, "late_gain": before})
    _, manifest = train("started", {"start": study / "unet_pretrained.pt", "origins": study / "start.json"})
    np.testing.assert_equal(manifest["late_gain"], before)
    assert manifest["under_trained"]


@pytest.mark.parametrize("refinement", [None, Refinement(steps=2)])
def test_a_network_registers_the_test_pairs_of_its_fold(train, run, study, refinement):
    train("unet_none")
    options = {"settings": UNET, **IMAGES, "partial": True, "refinement": refinement}
    output = study / "transforms"
    run("register_network", options, method="unet_none", weights=study / "unet_none.pt", output=output)
    pairs = io.read_json(study / "folds.json")["folds"][0]["pairs"]
    table = pd.read_csv(output / COST_FILE)
    assert sorted(table["pair"]) == sorted(pair["pair"] for pair in pairs)
    for pair in pairs:
        displacement, affine = transform_file.read_transform(output / f"{pair['pair']}.nii.gz")
        assert displacement.shape == (*SHAPE, 3)
        assert np.abs(displacement).max() > 0
        np.testing.assert_allclose(affine, AFFINE)


def test_a_network_without_a_velocity_cannot_be_refined(tmp_path):
    with pytest.raises(InputError, match="refinement: expected a network of a velocity, found VoxelMorph"):
        learned.registrar(tmp_path / "weights.pt", Voxelmorph(), Refinement())


def test_a_tool_registers_the_pairs_of_a_batch(run, study):
    pairs = sorted(pair["pair"] for pair in io.read_json(study / "folds.json")["folds"][0]["pairs"])
    options = {"settings": {}, **IMAGES, "pairs_per_batch": 2, "partial": False}
    found = []
    for number in (1, 2, 3):
        output = study / f"batch{number}"
        run("register_tool", options, method="initial", tool="ganreg.tools.identity", batch=number, output=output)
        table = pd.read_csv(output / COST_FILE)
        found.append(table["pair"].tolist())
        for pair in found[-1]:
            assert (transform_file.read_transform(output / f"{pair}.nii.gz")[0] == 0).all()
    assert [len(each) for each in found] == [2, 1, 0]
    assert sorted(pair for each in found for pair in each) == pairs


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"tool": "os"}, "argument --tool: expected a module of ganreg, found os"),
        ({"settings": {"metric": "NCC"}}, "argument --options: settings.metric: Extra inputs are not permitted"),
    ],
)
def test_a_mistake_in_what_a_tool_is_handed_is_one_line(run, study, capsys, changed, message):
    options = {"settings": {}, **IMAGES, "pairs_per_batch": 2, "partial": False}
    options |= {key: value for key, value in changed.items() if key in options}
    tool = changed.get("tool", "ganreg.tools.greedy")
    with pytest.raises(SystemExit):
        run("register_tool", options, method="greedy_nmi", tool=tool, output=study / "out")
    assert re.search(message, capsys.readouterr().err)
