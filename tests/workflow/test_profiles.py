"""The cluster's profile and the rules: each names all that the other has."""

import re

import pytest
import yaml

from ganreg import fingerprint

# they import the training module beside what they use, and run no network
NO_NETWORK = {"evaluate_segmentation", "sample_random_contrast", "sample_warped"}


@pytest.fixture(scope="module")
def profile(root):
    return yaml.safe_load((root / "profiles" / "slurm" / "config.yaml").read_text())


@pytest.fixture(scope="module")
def blocks(root):
    """Rule -> its text; one that is made of another has that one's text."""
    found = {}
    for path in sorted((root / "workflow" / "rules").glob("*.smk")):
        for block in re.split(r"^ *(?=(?:use )?rule \w)", path.read_text(), flags=re.MULTILINE)[1:]:
            original, name = re.match(r"(?:use rule (\w+) as|rule) (\w+)", block).groups()
            found[name] = original or block
    return {name: found.get(block, block) for name, block in found.items()}


def gpu_rules(blocks):
    return {rule for rule, block in blocks.items() if re.search(r"^\s+gpu=1,$", block, re.MULTILINE)}


def test_rules_that_run_networks_ask_for_a_gpu_and_no_others(root, blocks):
    training = root / "workflow" / "ganreg" / "training.py"
    running = set()
    for rule, block in blocks.items():
        if script := re.search(r"\$SCRIPTS/(\w+)\.py", block):
            files, _ = fingerprint.imports(root / "workflow" / "scripts" / f"{script[1]}.py", root / "workflow")
            if training in files and script[1] not in NO_NETWORK:
                running.add(rule)
    assert {"train_unet", "register_unet_degraded", "measure_samples"} <= running
    assert gpu_rules(blocks) == running


def test_gpu_rules_go_to_the_gpu_partition_and_no_others(profile, blocks):
    on_gpu = {rule for rule, asked in profile["set-resources"].items() if asked.get("slurm_partition") == "gpu"}
    assert on_gpu == gpu_rules(blocks)


def test_gpu_rules_may_have_pytorch_for_gpus_and_no_others(blocks):
    assert {rule for rule, block in blocks.items() if "with_pytorch(" in block} == gpu_rules(blocks)


@pytest.mark.parametrize("key", ["set-resources", "groups"])
def test_the_profile_names_no_rule_that_there_is_not(profile, blocks, key):
    assert set(profile[key]) <= set(blocks)


def test_batches_hold_no_gpu_rule_and_every_figure(profile, blocks):
    assert not set(profile["groups"]) & gpu_rules(blocks)
    assert {rule for rule in blocks if rule.startswith(("plot_", "report_"))} <= set(profile["groups"])
    assert set(profile["group-components"]) == set(profile["groups"].values())


def test_memory_and_runtime_grow_on_retry(profile):
    for asked in [profile["default-resources"], *profile["set-resources"].values()]:
        assert {"mem_mb", "runtime"} & set(asked)
        for name in ("mem_mb", "runtime"):
            assert name not in asked or re.fullmatch(r"\d+ \* attempt", asked[name])
