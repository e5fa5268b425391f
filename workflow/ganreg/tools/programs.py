"""Where the external programs are; importable without the imaging packages."""

import importlib.util
import shutil
from pathlib import Path


def find(name: str) -> Path | None:
    """Path of a NiftyReg program: on the PATH, or inside the `niftyreg` package; None where there is none."""
    if found := shutil.which(name):
        return Path(found)
    package = importlib.util.find_spec("niftyreg")
    path = Path(package.origin).parent / "bin" / name if package and package.origin else None
    return path if path and path.is_file() else None
