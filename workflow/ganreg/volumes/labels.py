"""Label tables: from a source's label numbers to the structures that are evaluated."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from ganreg.errors import InputError

REST = "rest of the brain"
# volumes of structures are bytes: the background and the rest of the brain have a number, too
MOST = 254


def read_table(path: Path) -> pd.DataFrame:
    """Read a label table.

    A BIDS `dseg.tsv`: columns `index` and `name`; optionally `structure`, the evaluation structure that a label belongs
    to (empty: the rest of the brain; without the column every name is its own structure), and `mirror`, the structure's
    counterpart in the other hemisphere (itself on the midline).

    Returns
    -------
    pandas.DataFrame with columns index, name, structure, mirror ("" where unknown)

    Raises
    ------
    InputError
        If the file is unreadable, a column is missing, an index is double, a mirror is no structure of the table, or
        there are more than 254 structures.
    """
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: expected a tab-separated label table, found none that can be read ({error})"
        ) from None
    if missing := {"index", "name"} - set(table.columns):
        raise InputError(f"{path}: expected columns index and name, found no {' and no '.join(sorted(missing))}")
    try:
        table["index"] = table["index"].astype(int)
    except ValueError as error:
        raise InputError(f"{path}: expected whole numbers as index, found otherwise ({error})") from None
    if double := table["index"][table["index"].duplicated()].tolist():
        raise InputError(f"{path}: expected each index once, found {double[0]} twice")
    if "structure" not in table:
        table["structure"] = table["name"]
    if "mirror" not in table:
        table["mirror"] = ""
    if unknown := set(table["mirror"]) - set(table["structure"]) - {""}:
        raise InputError(f"{path}: expected mirrors among the structures, found {sorted(unknown)[0]!r}")
    table = table.loc[table["index"] > 0, ["index", "name", "structure", "mirror"]]
    if (count := table.loc[table["structure"] != "", "structure"].nunique()) > MOST:
        raise InputError(f"{path}: expected at most {MOST} structures (column structure joins labels), found {count}")
    return table


def structures(table: pd.DataFrame) -> pd.DataFrame:
    """Evaluation structures of a table in order of appearance, numbered from 1, the rest of the brain last.

    Parameters
    ----------
    table : as `read_table` gives it

    Returns
    -------
    pandas.DataFrame with columns index, name, mirror (the mirrored structure's index, 0 where unknown)
    """
    named = table[table["structure"] != ""].drop_duplicates("structure")
    names = [*named["structure"], REST]
    number = {name: index for index, name in enumerate(names, start=1)}
    mirrors = [*(number.get(mirror, 0) for mirror in named["mirror"]), number[REST]]
    return pd.DataFrame({"index": range(1, len(names) + 1), "name": names, "mirror": mirrors})


def measured(listed: pd.DataFrame) -> Iterator[tuple[int, str]]:
    """Index and name of each structure that is measured: of all but the rest of the brain.

    Parameters
    ----------
    listed : pandas.DataFrame with index and name, as `structures` gives it
    """
    for index, name in zip(listed["index"].tolist(), listed["name"].tolist(), strict=True):
        if name != REST:
            yield index, name


def mirror_labels(listed: pd.DataFrame) -> np.ndarray | None:
    """Mirror label of each label for `augment.flip`, the background first; None where one is unknown.

    Parameters
    ----------
    listed : pandas.DataFrame with mirror, as `structures` gives it

    Returns
    -------
    uint8 array (structures + 1,), or None
    """
    numbers = [0, *listed["mirror"]]
    return np.array(numbers, dtype=np.uint8) if all(numbers[1:]) else None


def to_structures(labels: np.ndarray, table: pd.DataFrame, mask: np.ndarray) -> np.ndarray:
    """Evaluation structures of a label array: 0 outside the mask, the rest of the brain where no structure is.

    Parameters
    ----------
    labels : int array (X, Y, Z), numbers of the source
    table : as `read_table` gives it
    mask : bool array of the same shape

    Returns
    -------
    int32 array (X, Y, Z), numbers as in `structures`
    """
    listed = structures(table)
    number = dict(zip(listed["name"], listed["index"], strict=True))
    lookup = np.full(max(labels.max(), table["index"].max()) + 1, number[REST], dtype=np.int32)
    for index, structure in zip(table["index"], table["structure"], strict=True):
        lookup[index] = number[structure or REST]
    return np.where(mask, lookup[labels], 0)


def brain_mask(labels: np.ndarray) -> np.ndarray:
    """Brain mask of labels that cover the brain: labels > 0, closed, and holes filled.

    Parameters
    ----------
    labels : int array (X, Y, Z)

    Returns
    -------
    bool array (X, Y, Z)
    """
    # not all who read label tables have SciPy in their environment
    from scipy import ndimage

    closed = ndimage.binary_closing(np.pad(labels > 0, 3), iterations=2)[3:-3, 3:-3, 3:-3]
    mask: np.ndarray = ndimage.binary_fill_holes(closed | (labels > 0))
    return mask
