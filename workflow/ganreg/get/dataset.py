"""What every raw BIDS folder that this project writes ends with: no leftovers, a description, the list of subjects."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from ganreg import io
from ganreg.get.download import Source
from ganreg.volumes import bids


def complete(
    output: Path, description: dict[str, Any], table: pd.DataFrame, suffixes: Iterable[str], written: Collection[Path]
) -> None:
    """Remove what an earlier choice left, and write the description and, last, the list of subjects.

    Parameters
    ----------
    output : Path of the list, `participants.tsv`, in the folder
    description : dict, fields of `dataset_description.json`
    table : pandas.DataFrame, `participant_id` first
    suffixes : iterable of str
        Last parts of the images' names, `*` for any: other images of these names go, as whoever reads the folder takes
        what lies there.
    written : collection of Path, the images that stay
    """
    folder = Path(output).parent
    for suffix in suffixes:
        for path in bids.find(folder, bids.raw(suffix)):
            if path not in written:
                path.unlink()
                for empty in path.parents[:2]:
                    if not any(empty.iterdir()):
                        empty.rmdir()
    io.write_json(folder / "dataset_description.json", {"BIDSVersion": "1.9.0", **description})
    io.write_text(output, table.to_csv(sep="\t", index=False))


def credits_of(source: Source) -> dict[str, str]:
    """Fields of the description that name a published data set's license and authors."""
    return {"Name": source.name, "License": source.licence, "HowToAcknowledge": source.citation}
