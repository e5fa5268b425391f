"""A stand-in for the `conda` command, as far as Snakemake calls it: an environment holds what its file lists, no more.

Nothing is downloaded or solved. An environment is a virtual environment of the running Python, into which the listed
distributions and what they require are linked from the one that runs this; another version than the one listed, or a
package that is not there, is an error. It shows that the environment files name all that the scripts import, not that
conda's solver finds these versions.
"""

import argparse
import csv
import json
import re
import subprocess
import sys
import sysconfig
from collections import defaultdict
from importlib import metadata
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# conda's names that are not PyPI's
PYPI_NAMES = {"pytorch": "torch", "snakemake-minimal": "snakemake"}
# Python is the running one; conda-forge has another NiftyReg than PyPI
ANY_VERSION = {"niftyreg"}
NOT_LINKED = {"python", "pip"}
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"


def install(folder):
    """Put the command, and the script that activates its environments, into a folder's `bin`.

    Returns
    -------
    Path of that `bin`, for the PATH
    """
    bin_folder = Path(folder) / "bin"
    bin_folder.mkdir(parents=True)
    conda = bin_folder / "conda"
    conda.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).resolve()}" "{folder}" "$@"\n')
    conda.chmod(0o755)
    (bin_folder / "activate").write_text('export CONDA_PREFIX="$1" PATH="$1/bin:$PATH"\n')
    return bin_folder


def listed(env_file):
    """Distributions that an environment file lists, conda and pip sections alike: PyPI name -> version."""
    content = yaml.safe_load(Path(env_file).read_text())
    found = {}
    for entry in content["dependencies"]:
        for line in entry["pip"] if isinstance(entry, dict) else [entry]:
            # name=version, name=version=build or, in the pip section, name==version
            name, version = re.fullmatch(r"([\w.-]+?)(?:==?([\w.]+)(?:=[\w.*]+)?)?", line).groups()
            if name not in NOT_LINKED:
                found[PYPI_NAMES.get(name, name)] = version
    return found


def closure(names):
    """Distributions of these names and all that they require here: canonical name -> distribution.

    What a distribution requires and is not installed here is left out, as it is in the environment that runs this.
    """
    found, waiting = {}, [(name, "") for name in names]
    seen = set()
    while waiting:
        name, extra = waiting.pop()
        if (key := (canonicalize_name(name), extra)) in seen:
            continue
        seen.add(key)
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        found[key[0]] = distribution
        for requirement in map(Requirement, distribution.requires or []):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                waiting += [(requirement.name, each) for each in ("", *requirement.extras)]
    return found


def recorded(distribution):
    """Paths of a distribution's files, relative to `site-packages`, by its own record."""
    return [Path(row[0]) for row in csv.reader((distribution.read_text("RECORD") or "").splitlines())]


def link(distributions, target):
    """Link what the distributions have in `site-packages` into another folder, nothing of others."""
    source = Path(sysconfig.get_path("purelib"))
    owners = defaultdict(set)
    for distribution in metadata.distributions(path=[str(source)]):
        name = canonicalize_name(distribution.name)
        for part in {path.parts[0] for path in recorded(distribution)}:
            owners[part].add(name)
    for name, distribution in distributions.items():
        for path in recorded(distribution):
            # commands in `bin` would run the Python that they were installed for
            if path.parts[0] in ("..", "__pycache__"):
                continue
            # a folder that several distributions share is linked file by file
            part = Path(path.parts[0]) if owners[path.parts[0]] == {name} else path
            if not (target / part).exists() and (source / part).exists():
                (target / part).parent.mkdir(parents=True, exist_ok=True)
                (target / part).symlink_to(source / part)


def create(env_file, prefix):
    """Make an environment from its file.

    Raises
    ------
    SystemExit
        If a listed package is not installed here, or in another version.
    """
    wanted = listed(env_file)
    for name, version in wanted.items():
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            sys.exit(f"error: {env_file}: expected {name}={version}, found none")
        if name not in ANY_VERSION and installed.split("+")[0] != version:
            sys.exit(f"error: {env_file}: expected {name}={version}, found {installed}")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", prefix], check=True)
    link(closure(wanted), Path(prefix) / "lib" / PYTHON / "site-packages")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root")
    parser.add_argument("--version", action="version", version="conda 99.0.0")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("info").add_argument("--json", action="store_true")
    config = commands.add_parser("config")
    config.add_argument("--get", required=True)
    config.add_argument("--json", action="store_true")
    # there are no packages to clean away
    clean = commands.add_parser("clean")
    clean.add_argument("-y", action="store_true")
    clean.add_argument("--tarballs", action="store_true")
    env = commands.add_parser("env").add_subparsers(required=True).add_parser("create")
    env.add_argument("--file", required=True)
    env.add_argument("--prefix", required=True)
    for flag in ("--quiet", "--no-default-packages"):
        env.add_argument(flag, action="store_true")
    args = parser.parse_args(argv)
    if args.command == "info":
        print(json.dumps({"conda_prefix": args.root, "platform": "linux-64"}))
    elif args.command == "config":
        print(json.dumps({"get": {"channel_priority": "strict"}}))
    elif args.command == "env":
        create(args.file, args.prefix)


if __name__ == "__main__":
    main()
