"""Several training seeds: what they plan beside a run of one, and what they leave alone."""

import re

import pytest
import yaml
from conftest import ROOT, SMOKE, copy_project, planned_jobs, read_workflow
from snakemake.iocontainers import Wildcards

from ganreg import configuration


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The project with two overlays: smaller training sets, and the same with two training seeds."""
    folder = copy_project(tmp_path_factory.mktemp("seeds"))
    one = {"split": {"training_sizes": [2]}, "cohort": {"subjects": 8}}
    (folder / "one.yaml").write_text(yaml.safe_dump(one))
    (folder / "two.yaml").write_text(yaml.safe_dump({**one, "registration": {"training_seeds": 2}}))
    return folder


def test_a_further_seed_trains_and_registers_networks_and_nothing_else(project):
    one, two = (planned_jobs(project, SMOKE, name) for name in ("one.yaml", "two.yaml"))
    assert all(job in two for job in one)
    assert not any("s" in wildcards.get("fold", "") for _, wildcards in one)
    more = [(rule, wildcards) for rule, wildcards in two if (rule, wildcards) not in one]
    assert all(re.fullmatch(r"[12](n2)?s2", wildcards["fold"]) for _, wildcards in more)
    networks = {f"{verb}_{network}" for verb in ("train", "register") for network in ("unet", "unrolled", "voxelmorph")}
    networks.add("pretrain_unet")
    # the other sets of subjects are registered by each seed, too
    assert {rule for rule, _ in more} == networks | {"robustness/register_unet", "external/register_unet"}
    for method in ("unet_none", "unet_proposed"):
        trained = {
            wildcards["fold"] for rule, wildcards in more if (rule, wildcards.get("method")) == ("train_unet", method)
        }
        assert trained == {"1s2", "2s2", "1n2s2", "2n2s2"}


def test_a_further_seed_has_its_own_number_and_the_samples_of_the_first(project, tmp_path):
    seed = configuration.load_project(ROOT).block("unet").seed
    with read_workflow(project, SMOKE, project / "two.yaml") as workflow:
        rule = next(rule for rule in workflow.rules if rule.name == "train_unet")
        options, samples, found = rule.params["options"], dict(rule.input.items())["samples"], {}
        for fold in ("1", "1s2", "1n2s2"):
            wildcards = Wildcards(fromdict={"fold": fold, "method": "unet_proposed"})
            found[fold] = options(wildcards), samples(wildcards)
    assert f'"seed":{seed}' in found["1"][0]
    assert found["1s2"][0] == found["1"][0].replace(f'"seed":{seed},"sharpening"', f'"seed":{seed + 1},"sharpening"')
    assert found["1s2"][1] == found["1"][1] != found["1n2s2"][1]
