"""What a run was: its configuration, code, tools, machine, data and time."""

import html
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ganreg import fingerprint, io

# distributions that conda names otherwise
CONDA_NAMES = {"pytorch": "torch", "snakemake-minimal": "snakemake"}


def _printed(*command: str) -> list[str] | None:
    """Lines that a program prints; None where there is no such program, or it fails."""
    if not shutil.which(command[0]):
        return None
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout.splitlines() if result.returncode == 0 else None


def git_state(folder: Path) -> dict[str, str | bool | None]:
    """Commit of a folder, and whether files under version control differ from it; None where git does not tell.

    Returns
    -------
    dict: `commit`, `dirty`
    """
    commit = _printed("git", "-C", str(folder), "rev-parse", "HEAD")
    changed = _printed("git", "-C", str(folder), "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit[0] if commit else None, "dirty": None if changed is None else bool(changed)}


def versions(environments: Iterable[Path]) -> dict[str, str]:
    """Distribution -> version of the tools that the environments list.

    Parameters
    ----------
    environments : list of Path, conda environment files
        What this process can import counts; the rest (under conda each rule has its own environment) is as pinned.
    """
    found = {"python": platform.python_version()}
    for path in sorted(environments):
        for name, pinned in fingerprint.env_pins(path).items():
            try:
                found.setdefault(name, importlib.metadata.version(CONDA_NAMES.get(name, name)))
            except importlib.metadata.PackageNotFoundError:
                found.setdefault(name, f"{pinned} (as pinned)")
    return found


def hardware() -> dict[str, Any]:
    """The machine that this process runs on: system, processor, cores, memory (GiB), GPUs."""
    described = Path("/proc/cpuinfo")
    lines = described.read_text(encoding="utf-8").splitlines() if described.is_file() else []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "system": platform.platform(),
        "processor": named[0] if named else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "gpus": _printed("nvidia-smi", "--query-gpu=name", "--format=csv,noheader") or [],
    }


def seconds_by_rule(benchmarks: Path) -> dict[str, dict[str, float]]:
    """Rule -> `jobs` and their `seconds`, wall-clock, as the benchmark files of a results folder tell.

    Parameters
    ----------
    benchmarks : Path
        With `{rule}.jsonl` or `{rule}/{job}.jsonl`; a rule without a benchmark is left out.
    """
    spent: dict[str, list[float]] = {}
    for path in sorted(benchmarks.rglob("*.jsonl")):
        rule = path.relative_to(benchmarks).parts[0].removesuffix(".jsonl")
        spent.setdefault(rule, []).append(json.loads(path.read_text(encoding="utf-8").splitlines()[-1])["s"])
    return {rule: {"jobs": len(seconds), "seconds": round(sum(seconds), 1)} for rule, seconds in spent.items()}


def seeds(configuration: Mapping[str, Any], place: str = "") -> dict[str, int]:
    """Dotted key -> value of every `seed` in a configuration, whose own key is `place`."""
    found: dict[str, int] = {}
    for key, value in configuration.items():
        if isinstance(value, dict):
            found |= seeds(value, f"{place}{key}.")
        elif key == "seed":
            found[f"{place}{key}"] = value
    return found


def collect(configuration: Mapping[str, Any], project: Path, benchmarks: Path, data: Iterable[Path]) -> dict[str, Any]:
    """Everything about a finished run that is not in its tables.

    Parameters
    ----------
    configuration : dict, resolved
    project : Path of the folder with the Snakefile
    benchmarks : Path, as for `seconds_by_rule`
    data : list of Path, the input data

    Returns
    -------
    dict: `git`, `hardware`, `versions`, `seeds`, `seconds`, `data` (path -> SHA-256), `config`
    """
    return {
        "git": git_state(project),
        "hardware": hardware(),
        "versions": versions((project / "envs").glob("*.yaml")),
        "seeds": seeds(configuration),
        "seconds": seconds_by_rule(benchmarks),
        "data": {str(path): io.sha256(path) for path in data},
        "config": configuration,
    }


def as_html(content: Mapping[str, Any]) -> str:
    """A page of what `collect` gave: a table for each part, the configuration as it is."""
    parts = []
    # a hash is longer than what pandas shows of a cell
    with pd.option_context("display.max_colwidth", None):
        for title, block in content.items():
            if title == "config":
                shown = f"<pre>{html.escape(json.dumps(block, indent=2))}</pre>"
            elif title == "seconds":
                table = pd.DataFrame.from_dict(block, orient="index").rename_axis("rule").reset_index()
                shown = table.to_html(index=False)
            else:
                shown = pd.Series(block, dtype=object).to_frame().to_html(header=False)
            parts.append(f"<h3>{title}</h3>\n{shown}\n")
    return f"<!DOCTYPE html>\n<meta charset='utf-8'>\n<title>Provenance</title>\n{''.join(parts)}"
