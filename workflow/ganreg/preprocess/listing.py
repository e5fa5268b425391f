"""The list of preprocessed files: what follows is made anew where one of them is another."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from ganreg import io


def list_files(folders: Iterable[Path], root: Path) -> pd.DataFrame:
    """All files in and below some folders, each with its SHA-256.

    Parameters
    ----------
    folders : iterable of Path
    root : Path of a folder that holds them

    Returns
    -------
    pandas.DataFrame with columns file (relative to `root`) and sha256, sorted by file
    """
    files = {
        file.relative_to(root).as_posix(): file for folder in folders for file in folder.rglob("*") if file.is_file()
    }
    return pd.DataFrame([(name, io.sha256(files[name])) for name in sorted(files)], columns=["file", "sha256"])
