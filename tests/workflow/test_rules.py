"""The rules as Snakemake itself knows them: scripts, environments, threads, GPUs, and the cluster's profile."""

import json
import re

import pytest
import yaml
from conftest import ROOT, read_workflow
from snakemake.iocontainers import Wildcards

from ganreg import fingerprint
from ganreg.register import methods

# every method and every kind of figure
OVERLAY = {
    "registration": {"methods": [each for each in methods.METHODS if not each.startswith("voxelmorph2_")]},
    "split": {"training_sizes": [3]},
    "robustness": {"methods": ["syn_mi", "unet_none"]},
    "external": {"dataset": "simulated"},
    "uncertainty": {"method": "unet_proposed"},
    "deformation": {"components": 2},
    "runtime": {"threads": 3},
}
# of jobs that are not short: their logs tell what they do
NO_BENCHMARK = re.compile("make_|list_|get_(ixi|rire|dicom)|plot_|report_|collect_|write_")
SCRIPT = re.compile(r"\$SCRIPTS/([\w{}.]+)\.py")


class Read:
    """What tests ask of a rule, read once."""

    def __init__(self, rule):
        self.name, self.docstring, self.shell = rule.name, rule.docstring, rule.shellcmd
        self.params = dict(rule.params.items())
        self.log, self.benchmark = list(rule.log), rule.benchmark
        found = SCRIPT.search(rule.shellcmd)[1]
        self.script = self.params["script"] if found == "{params.script}" else found
        self.environment = re.search(r"envs/(\w+)\.yaml$", str(rule.conda_env))[1]
        # `rule.group` is what it is on a cluster alone
        self.group = rule._group
        self.gpu = rule.resources["gpu"].value if "gpu" in rule.resources else None
        self._threads = rule.resources["_cores"]
        chosen = rule.wildcard_constraints.get("method", "")
        self.methods = (
            chosen.split("|") if chosen in ("none", "") or set(chosen.split("|")) <= {*methods.METHODS} else [""]
        )
        tool = next((each for each in methods.TOOLS if each.module == self.params.get("tool")), None)
        named = ("register", "PACKAGES", tool.settings.__name__) if tool else ()
        self.extra = [f"{tool.module}.{name}" for name in named]

    def jobs(self):
        """(threads, options) of a job of each method; options None where a rule has none."""
        for method in self.methods:
            values = {"set": "", "fold": "1", "method": method, "part": "all", "ablation": "", "subject": "01"}
            values |= {"batch": "1", "modality": "T1w", "network": "unet"}
            wildcards = Wildcards(fromdict=values)
            options = self.params.get("options")
            options = options(wildcards) if callable(options) else options
            threads = self._threads.evaluate(wildcards) if self._threads.is_evaluable() else self._threads
            yield threads.value, json.loads(options) if options else None

    @property
    def path(self):
        return ROOT / "workflow" / "scripts" / f"{self.script}.py"

    def modules(self):
        """Third-party modules that the script imports."""
        return fingerprint.imports(self.path, ROOT / "workflow", *self.extra)[1]

    def definitions(self):
        """What of the package the script uses."""
        return fingerprint.definitions(self.path, ROOT / "workflow", *self.extra)


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    """Name -> what there is to know of every rule with a command, with every method run."""
    overlay = tmp_path_factory.mktemp("overlay") / "overlay.yaml"
    overlay.write_text(yaml.safe_dump(OVERLAY))
    with read_workflow(ROOT, overlay) as workflow:
        found = {rule.name: Read(rule) for rule in workflow.rules if rule.shellcmd}
        for rule in found.values():
            rule.planned = [job for job in rule.jobs() if rule.methods != ["none"]]
    return found


@pytest.fixture(scope="module")
def profile():
    return yaml.safe_load((ROOT / "profiles" / "slurm" / "config.yaml").read_text())


def test_every_tool_and_family_of_networks_has_its_rules(rules):
    wanted = {f"register_{tool.id}" for tool in methods.TOOLS}
    wanted |= {f"{verb}_{network.family}" for network in methods.NETWORKS for verb in ("train", "register")}
    assert wanted <= {*rules}


def test_every_rule_has_script_docstring_and_log_and_long_ones_a_benchmark(rules):
    assert len(rules) >= 50
    for name, rule in rules.items():
        assert rule.path.is_file(), name
        # rules that are made of a list share a script
        assert rule.script in (name, "register_tool", "train_network", "register_network"), name
        assert rule.docstring, name
        assert "\n" not in rule.docstring, name
        assert len(rule.log) == 1, name
        assert bool(rule.benchmark) != bool(NO_BENCHMARK.match(name)), name


def test_the_code_param_is_the_fingerprint_of_the_rules_own_script_and_environment(rules):
    for name, rule in rules.items():
        environment = ROOT / "envs" / f"{rule.environment}.yaml"
        expected = fingerprint.fingerprint(rule.path, ROOT / "workflow", environment, *rule.extra)
        assert rule.params["code"] == expected, name


def test_every_import_is_in_the_rules_environment(rules):
    for name, rule in rules.items():
        pins = fingerprint.env_pins(ROOT / "envs" / f"{rule.environment}.yaml")
        for module in rule.modules():
            distribution = fingerprint.DISTRIBUTIONS.get(module, module).lower()
            assert distribution in pins, f"{name}: {module} is not in {rule.environment}.yaml"


def settings_with_threads(block):
    """Every value of a key `threads` in nested blocks."""
    if isinstance(block, dict):
        yield from ([block["threads"]] if "threads" in block else [])
        for value in block.values():
            yield from settings_with_threads(value)


def test_every_rule_asks_for_the_threads_that_its_script_uses(rules):
    checked = 0
    for name, rule in rules.items():
        for threads, options in rule.planned:
            used = [*settings_with_threads(options)] or [1]
            assert used == [threads], name
            checked += used == [3]
    # networks and NiftyReg
    assert checked >= 15


def test_rules_that_run_networks_ask_for_a_gpu_and_no_others(rules):
    running = {name for name, rule in rules.items() if "ganreg.learn.devices.choose_device" in rule.definitions()}
    assert {"train_unet", "register_unet", "train_pgan", "measure_samples"} <= running
    assert {name for name, rule in rules.items() if rule.gpu == 1} == running


def test_gpu_rules_go_to_the_gpu_partition_and_no_others(profile, rules):
    on_gpu = {rule for rule, asked in profile["set-resources"].items() if asked.get("slurm_partition") == "gpu"}
    assert on_gpu == {name for name, rule in rules.items() if rule.gpu}


def test_gpu_rules_may_have_pytorch_for_gpus_and_no_others(rules, tmp_path):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(yaml.safe_dump({**OVERLAY, "conda_pytorch": "gpu"}))
    with read_workflow(ROOT, overlay) as workflow:
        variant = {rule.name for rule in workflow.rules if str(rule.conda_env).endswith("torch_gpu.yaml")}
    assert variant == {name for name, rule in rules.items() if rule.gpu}


@pytest.mark.parametrize("key", ["set-resources", "groups"])
def test_the_profile_names_no_rule_that_there_is_not(profile, rules, key):
    assert set(profile[key]) <= set(rules)


def test_batches_hold_no_gpu_rule_and_every_table(profile, rules):
    assert not set(profile["groups"]) & {name for name, rule in rules.items() if rule.gpu}
    batched = {name for name, rule in rules.items() if name in profile["groups"] or rule.group == "report"}
    assert {name for name in rules if name.startswith(("report_", "plot_"))} <= batched
    assert set(profile["group-components"]) == set(profile["groups"].values())


def test_memory_and_runtime_grow_on_retry(profile):
    for asked in [profile["default-resources"], *profile["set-resources"].values()]:
        assert {"mem_mb", "runtime"} & set(asked)
        for name in ("mem_mb", "runtime"):
            assert name not in asked or re.fullmatch(r"\d+ \* attempt", asked[name])
