"""The sibling JSON of a model or table: what made it."""

import importlib.metadata
import platform
from pathlib import Path
from typing import Any

from ganreg import io


def write(path: Path, distributions: list[str], **content: Any) -> None:
    """Write what made an output: `content` (settings, seeds, opened files) and the versions of the tools.

    Parameters
    ----------
    path : Path
    distributions : list of str, names of installed distributions
    """
    versions = {name: importlib.metadata.version(name) for name in distributions}
    io.write_json(path, {**content, "versions": {"python": platform.python_version(), **versions}})
