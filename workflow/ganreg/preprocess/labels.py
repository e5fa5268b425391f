"""Label tables: from a source's label numbers to the structures that are evaluated."""

import numpy as np
import pandas as pd

from ganreg.errors import InputError

REST = "rest of the brain"
# volumes of structures are bytes: the background and the rest of the brain have a number, too
MOST = 254


def read_table(path):
    """Read a label table.

    A BIDS `dseg.tsv`: columns `index` and `name`; optionally `structure`, the evaluation structure that a label belongs
    to (empty: the rest of the brain; without the column every name is its own structure), and `mirror`, the structure's
    counterpart on the other side (itself on the midline).

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
    table = table[table["index"] > 0][["index", "name", "structure", "mirror"]]
    if (count := table.loc[table["structure"] != "", "structure"].nunique()) > MOST:
        raise InputError(f"{path}: expected at most {MOST} structures (column structure joins labels), found {count}")
    return table


def structures(table):
    """Evaluation structures of a table in order of appearance, numbered from 1, the rest of the brain last.

    Returns
    -------
    pandas.DataFrame with columns index, name, mirror (the mirrored structure's index, 0 where unknown)
    """
    named = table[table["structure"] != ""].drop_duplicates("structure")
    names = [*named["structure"], REST]
    number = {name: index for index, name in enumerate(names, start=1)}
    mirrors = [*(number.get(mirror, 0) for mirror in named["mirror"]), number[REST]]
    return pd.DataFrame({"index": range(1, len(names) + 1), "name": names, "mirror": mirrors})


def mirrors(listed):
    """Mirror of each structure for `augment.flip`, the background first; None where a mirror is unknown.

    Parameters
    ----------
    listed : pandas.DataFrame, as `structures` gives it
    """
    numbers = [0, *listed["mirror"]]
    return np.array(numbers, dtype=np.uint8) if all(numbers[1:]) else None


def to_structures(labels, table, mask):
    """Evaluation structures of a label array: 0 outside the mask, the rest of the brain where no structure is.

    Parameters
    ----------
    labels : int array (X, Y, Z), numbers of the source
    table : as `read_table` gives it
    mask : bool array of the same shape
    """
    listed = structures(table)
    number = dict(zip(listed["name"], listed["index"], strict=True))
    lookup = np.full(max(labels.max(), table["index"].max()) + 1, number[REST], dtype=np.int32)
    for index, structure in zip(table["index"], table["structure"], strict=True):
        lookup[index] = number[structure or REST]
    return np.where(mask, lookup[labels], 0)


def brain_mask(labels):
    """Brain mask of labels that cover the brain: labels > 0, holes filled slice by slice and in 3-D."""
    from scipy import ndimage

    closed = ndimage.binary_closing(np.pad(labels > 0, 3), iterations=2)[3:-3, 3:-3, 3:-3]
    return ndimage.binary_fill_holes(closed | (labels > 0))
