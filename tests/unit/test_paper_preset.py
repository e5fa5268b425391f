"""The paper preset as the paper writes it: its values against the paper's numbers, item by item."""

import json

import pandas as pd
import pytest

from ganreg.configuration.loading import load_project
from ganreg.register.methods import METHODS
from ganreg.split.sizes import test_sizes as sizes_of_tests

IXI = 577
EPOCHS = 500


@pytest.fixture(scope="module")
def preset(root):
    return load_project(root, ["presets/paper.yaml"])


@pytest.fixture(scope="module")
def numbers(root):
    return pd.read_csv(root / "tests" / "paper_numbers.tsv", sep="\t", dtype=str)


def value_of(config, key):
    """A value by its dotted key."""
    for name in key.split("."):
        config = getattr(config, name)
    return config


def expected_of(text):
    """A value as the table has it: JSON, or plain text."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def test_every_value_is_the_papers(preset, numbers):
    assert numbers.notna().all(axis=None)
    found = {row.item: value_of(preset, row.key) for row in numbers.itertuples()}
    assert found == {row.item: expected_of(row.value) for row in numbers.itertuples()}


def test_bending_energy_stands_beside_diffusion(preset):
    for name in ("unet", "voxelmorph2"):
        assert preset.block(name).diffusion > 0
        assert preset.block(name).bending > 0


def test_steps_are_the_epochs_of_the_training_pairs(preset, numbers):
    # each training subject is once fixed in an epoch, one pair a step
    largest = max(sizes_of_tests(IXI, preset.split.folds))
    training = IXI - largest - preset.split.validation_subjects
    steps = dict(zip(numbers["key"], numbers["value"], strict=True))["unet.steps"]
    assert int(steps) == EPOCHS * training == EPOCHS * 346


def test_the_papers_methods_run(preset):
    papers = {"syn_msq", "syn_cc", "niftyreg_ssd", "voxelmorph2", "unet_dagan", "unet_proposed"}
    assert papers <= {*preset.registration.methods}
    assert {*preset.external.methods} <= {*preset.registration.methods}


def test_what_made_the_silver_labels_or_learned_from_them_is_not_ranked(preset):
    assert preset.bids.labels is None
    ranked = {
        method
        for method in preset.registration.methods
        if METHODS[method].ranked_on_silver(
            preset.block(METHODS[method].block) if METHODS[method].block else METHODS[method].settings
        )
    }
    assert ranked == {"initial", "niftyreg_ssd", "niftyreg_nmi"}
    assert preset.registration.reference_method in ranked


def test_a_network_without_labels_is_ranked_on_silver_ones():
    unet = METHODS["unet_none"]
    assert not unet.ranked_on_silver(unet.settings)
    assert unet.ranked_on_silver(unet.settings.model_copy(update={"dice": 0}))
    # the PGAN's samples are made of labels
    proposed = METHODS["unet_proposed"]
    assert not proposed.ranked_on_silver(proposed.settings.model_copy(update={"dice": 0}))


def test_what_cannot_be_had_is_named(root):
    assert "XCAT" in (root / "presets" / "paper.yaml").read_text(encoding="utf-8")
    assert "XCAT" in (root / "docs" / "differences.md").read_text(encoding="utf-8")
