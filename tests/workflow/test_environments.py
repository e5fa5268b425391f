"""Each rule's conda environment holds what its script imports, in the versions of the lock file."""

import re

import pytest
import yaml

from ganreg import fingerprint

RULE_FILES = ("get", "preprocess", "split", "segment", "synthesize", "register", "evaluate", "report")
# conda-forge has an earlier release of NiftyReg than the source package on PyPI; Python is the user's
DIFFER_ON_PURPOSE = {"python", "niftyreg"}
PYPI_NAMES = {"pytorch": "torch", "snakemake-minimal": "snakemake"}


def scripts_and_environments(root):
    """(script, environment file) of every rule."""
    found = []
    for name in RULE_FILES:
        text = (root / "workflow" / "rules" / f"{name}.smk").read_text()
        for block in re.split(r"^\s*rule ", text, flags=re.MULTILINE)[1:]:
            script, env = re.search(r"\$SCRIPTS/(\w+)\.py", block), re.search(r"envs/(\w+)\.yaml", block)
            if script:
                found.append((block.split(":")[0], script[1], env[1] if env else None))
    return found


def test_every_rule_has_script_environment_log_and_docstring(root):
    found = scripts_and_environments(root)
    assert len(found) >= 20
    for rule, script, env in found:
        assert script == rule
        assert env, f"{rule} names no environment"
    text = "".join((root / "workflow" / "rules" / f"{name}.smk").read_text() for name in RULE_FILES)
    for block in re.split(r"^\s*rule ", text, flags=re.MULTILINE)[1:]:
        assert re.match(r'\w+:\n\s+"""[^\n]+"""\n', block), block.splitlines()[0]
        assert "    log:" in block or "shell" not in block, block.splitlines()[0]


def test_the_code_param_names_the_rules_own_script_and_environment(root):
    for name in RULE_FILES:
        text = (root / "workflow" / "rules" / f"{name}.smk").read_text()
        for block in re.split(r"^\s*rule ", text, flags=re.MULTILINE)[1:]:
            if script := re.search(r"\$SCRIPTS/(\w+)\.py", block):
                env = re.search(r"envs/(\w+)\.yaml", block)[1]
                assert f'code=code("{script[1]}", "{env}")' in block


def test_every_import_is_in_the_rules_environment(root):
    for rule, script, env in scripts_and_environments(root):
        _, modules = fingerprint.imports(root / "workflow" / "scripts" / f"{script}.py", root / "workflow")
        pins = fingerprint.env_pins(root / "envs" / f"{env}.yaml")
        for module in modules:
            assert fingerprint.DISTRIBUTIONS.get(module, module).lower() in pins, (
                f"{rule}: {module} is not in {env}.yaml"
            )


def environment_files(root):
    return sorted((root / "envs").glob("*.yaml"))


def test_environments_and_lock_agree(root):
    lock = dict(
        line.lower().split("==") for line in (root / "requirements.txt").read_text().splitlines() if "==" in line
    )
    for path in environment_files(root):
        for name, version in fingerprint.env_pins(path).items():
            if name not in DIFFER_ON_PURPOSE:
                assert lock[PYPI_NAMES.get(name, name)] == version, f"{path.name}: {name}"


def test_environments_pin_exactly_and_leave_defaults_out(root):
    for path in environment_files(root):
        content = yaml.safe_load(path.read_text())
        assert content["channels"][-1] == "nodefaults"
        for entry in content["dependencies"]:
            for name in entry["pip"] if isinstance(entry, dict) else [entry]:
                assert name == "pip" or re.fullmatch(r"[\w-]+={1,2}[\w.]+(=(cpu|cuda)\*)?", name), (
                    f"{path.name}: {name}"
                )


def test_the_environments_of_networks_differ_in_the_build_of_pytorch_alone(root):
    cpu, gpu = (
        yaml.safe_load((root / "envs" / name).read_text())["dependencies"] for name in ("torch.yaml", "torch_gpu.yaml")
    )
    assert [(a, b) for a, b in zip(cpu, gpu, strict=True) if a != b] == [
        ("pytorch=2.13.0=cpu*", "pytorch=2.13.0=cuda*")
    ]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements.in"])
def test_the_lock_has_no_local_version(root, name):
    text = (root / name).read_text()
    assert "torch==2.13.0\n" in text
    assert "+" not in "".join(line for line in text.splitlines() if not line.startswith("#"))
