"""Table 1, Table 2, what arms add, and the cost table, from the long tables."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ganreg.errors import InputError
from ganreg.evaluate.paper import printed
from ganreg.evaluate.settings import Design
from ganreg.evaluate.statistics import COMPARISON, comparison, estimate, holm, seed_means, subject_means


def joined(paths: Iterable[Path]) -> pd.DataFrame:
    """Methods' long tables as one.

    Parameters
    ----------
    paths : CSV files, as `evaluate_pairs` has them

    Returns
    -------
    pandas.DataFrame
        Where one has a column `seed`, all have it behind `method`: 1 for those that have no other.
    """
    table = pd.concat([pd.read_csv(path) for path in paths])
    if "seed" in table:
        seeds = table.pop("seed").fillna(1).astype(int)
        table.insert(list(table.columns).index("method") + 1, "seed", seeds)
    return table


def require_same_pairs(frame: pd.DataFrame) -> None:
    """Refuse methods that were not measured on the same pairs and structures.

    Parameters
    ----------
    frame : pandas.DataFrame, the long table

    Raises
    ------
    InputError
        Naming the method and a pair.
    """
    keys = ["fold", "pair", "structure"]
    sets = {str(method): set(map(tuple, part[keys].values)) for method, part in frame.groupby("method", sort=False)}
    first, *others = sets
    for other in others:
        if difference := sets[first] ^ sets[other]:
            fold, pair, structure = sorted(difference)[0]
            raise InputError(
                f"{other}: expected the pairs of {first}, found a difference at fold {fold}, {pair}, {structure}"
            )


@dataclass(frozen=True)
class Experiment:
    """What Table 1 says of a run beside its measurements."""

    dataset: str
    task: str
    folds_hash: str
    labeled: Collection[str] = ()
    """Methods that learned from training subjects' labels."""
    unranked: Collection[str] = ()
    """Methods that are shown without comparison, since their like made the labels."""


def table1(
    structures: pd.DataFrame,
    pairs: pd.DataFrame,
    methods: Sequence[str],
    reference: str,
    experiment: Experiment,
    paper: pd.DataFrame,
    design: Design,
) -> pd.DataFrame:
    """One line a method (Table 1).

    Parameters
    ----------
    structures, pairs : pandas.DataFrame, the long tables; each measure of structures beside Dice has a column
    methods : list of str, the order of the lines
    reference : str, the method that others are compared with: difference = reference - method
    experiment : Experiment
    paper : pandas.DataFrame, as for `printed`
    design : Design

    Returns
    -------
    pandas.DataFrame with the columns of the output contract
    """
    require_same_pairs(structures)
    columns = structures.columns.tolist()
    measures = [name for name in columns[columns.index("structure") + 1 :] if name != "dice"]
    by_seed = seed_means(structures, "dice")
    dice, *others = (subject_means(structures, name) for name in ("dice", *measures))
    papers = printed(paper, 1).reindex([*methods])
    rows = []
    for method in methods:
        own = structures[structures["method"] == method]
        regularity = pairs[pairs["method"] == method]
        row: dict[str, Any] = {"dataset": experiment.dataset, "method": method, "task": experiment.task}
        row |= {"labels_in_training": "yes" if method in experiment.labeled else "no", "n_subjects": len(dice[method])}
        row |= {"folds_hash": experiment.folds_hash, "dice_mean": dice[method].mean()}
        row |= {"dice_sd_subjects": dice[method].std(ddof=1), "dice_sd_structures": own["dice"].std(ddof=1)}
        if method == reference or method in experiment.unranked:
            row |= dict.fromkeys(COMPARISON, np.nan)
        else:
            overlap = design.overlap(reference, method)
            row |= comparison(by_seed[reference], by_seed[method], overlap)
        row |= {name: means[method].mean() for name, means in zip(measures, others, strict=True)}
        row |= {"ndv_percent": regularity["ndv_percent"].mean()}
        row |= {"folded_percent": regularity["folded_forward_percent"].mean()}
        row |= {"paper_dice": papers.at[method, "dice_mean"], "paper_sd": papers.at[method, "dice_sd"]}
        rows.append(row)
    table = pd.DataFrame(rows)
    table["p_holm"] = holm(table["p_holm"])
    return table


def gains(
    structures: pd.DataFrame,
    pairs: pd.DataFrame,
    contrasts: Iterable[tuple[str, str]],
    dataset: str,
    design: Design,
) -> pd.DataFrame:
    """What one arm of the experiment adds to another, paired per subject.

    Parameters
    ----------
    structures, pairs : pandas.DataFrame, the long tables
    contrasts : list of (method, against)
    design : Design

    Returns
    -------
    pandas.DataFrame
        dataset, method, against; of the Dice gain (method - against), ci_low, ci_high, p_holm, effect_size; where there
        is a truth, of the true error tre_change_mm (method - against), tre_low_mm and tre_high_mm.
    """
    dice, errors = seed_means(structures, "dice"), seed_means(pairs, "tre_mm")
    rows = []
    for method, against in contrasts:
        overlap = design.overlap(method, against)
        compared = comparison(dice[method], dice[against], overlap)
        row = {"dataset": dataset, "method": method, "against": against, "gain": compared.pop("diff_reference")}
        if pairs["tre_mm"].notna().all():
            change = estimate(errors[method] - errors[against], overlap)[:3]
            compared |= dict(zip(("tre_change_mm", "tre_low_mm", "tre_high_mm"), change, strict=True))
        rows.append(row | compared)
    table = pd.DataFrame(rows)
    table["p_holm"] = holm(table["p_holm"])
    return table


def by_training_size(
    structures: pd.DataFrame, compared: tuple[str, str], training_subjects: int, design: Design
) -> pd.DataFrame:
    """Dice of two methods that were trained on different numbers of subjects, and what the second adds, paired.

    Parameters
    ----------
    structures : pandas.DataFrame, long table; `method` is one of `compared`, or, as in unet_none_n3, with a number of
        training subjects
    compared : two str
    training_subjects : int, of the methods without a number
    design : Design

    Returns
    -------
    pandas.DataFrame
        method, training_subjects, dice_mean, ci_low, ci_high (95 %); of the second method gain over the first at the
        same number, paired by subject, with gain_low and gain_high.
    """
    means, rows = seed_means(structures, "dice"), []
    for method in compared:
        for name in structures["method"].unique():
            if name != method and not name.startswith(f"{method}_n"):
                continue
            size, dice = name.removeprefix(method), means[name]
            row = {"method": method, "training_subjects": int(size.removeprefix("_n") or training_subjects)}
            overlap = design.overlap(name)
            row |= dict(zip(("dice_mean", "ci_low", "ci_high"), estimate(dice, overlap)[:3], strict=True))
            if method == compared[1]:
                gain = estimate(dice - means[f"{compared[0]}{size}"], overlap)[:3]
                row |= dict(zip(("gain", "gain_low", "gain_high"), gain, strict=True))
            rows.append(row)
    return pd.DataFrame(rows).sort_values(["method", "training_subjects"], ignore_index=True)


def by_degradation(structures: pd.DataFrame, conditions: pd.DataFrame, dataset: str, design: Design) -> pd.DataFrame:
    """Dice of each method under each degradation of the moving image.

    Parameters
    ----------
    structures : pandas.DataFrame, a long table
    conditions : pandas.DataFrame
        `degradation` (none: the untouched image) and `level` of each `pair` of a `fold`.
    dataset : str
    design : Design

    Returns
    -------
    pandas.DataFrame
        dataset, method, degradation, level, n_subjects, dice_mean, ci_low, ci_high (95 %), and change from level 0,
        paired by subject, with change_low and change_high. Each degradation begins with level 0.
    """
    long = structures.merge(conditions, on=["fold", "pair"], validate="many_to_one")
    order = conditions[conditions["degradation"] != "none"][["degradation", "level"]].drop_duplicates()
    rows = []
    for method in structures["method"].unique():
        own = long[long["method"] == method]
        untouched = seed_means(own[own["degradation"] == "none"], "dice")[method]
        for degradation, levels in order.groupby("degradation", sort=False)["level"]:
            for level in [0, *sorted(levels)]:
                part = own[(own["degradation"] == degradation) & (own["level"] == level)]
                dice = seed_means(part, "dice")[method] if level else untouched
                found, change = (estimate(each, design.overlap(method))[:3] for each in (dice, dice - untouched))
                row = {"dataset": dataset, "method": method, "degradation": degradation, "level": level}
                row |= {"n_subjects": len(dice)}
                row |= dict(zip(("dice_mean", "ci_low", "ci_high"), found, strict=True))
                row |= dict(zip(("change", "change_low", "change_high"), change, strict=True))
                rows.append(row)
    return pd.DataFrame(rows)


def table2(structures: pd.DataFrame, methods: Sequence[str], dataset: str, paper: pd.DataFrame) -> pd.DataFrame:
    """Mean Dice over subjects by fold (Table 2); sd is over the folds.

    Parameters
    ----------
    structures : pandas.DataFrame, the long table
    methods : list of str, the order of the lines
    dataset : str
    paper : pandas.DataFrame, as for `printed`

    Returns
    -------
    pandas.DataFrame: dataset, method, fold_1 ... fold_k, mean, sd, paper_mean
    """
    dice = subject_means(structures, "dice")
    papers = printed(paper, 2)["dice_mean"]
    rows = []
    for method in methods:
        folds = dice[method].groupby(level="fold").mean()
        row = {"dataset": dataset, "method": method, **{f"fold_{fold}": value for fold, value in folds.items()}}
        rows.append({**row, "mean": folds.mean(), "sd": folds.std(ddof=1), "paper_mean": papers.get(method, np.nan)})
    return pd.DataFrame(rows)


def cost_table(
    cost: pd.DataFrame, methods: Sequence[str], work: Mapping[str, tuple[int, int]] | None = None
) -> pd.DataFrame:
    """Seconds and peak memory a pair by method: median and maximum.

    Parameters
    ----------
    cost : pandas.DataFrame, a line for each pair of each method
    methods : list of str, the order of the lines
    work : dict, method -> evaluations of a network and gradients of a similarity, where they are known

    Returns
    -------
    pandas.DataFrame: dataset, method, n_pairs, threads, seconds_median, seconds_max, peak_mib_max, evaluations,
    gradients
    """
    rows = []
    for method in methods:
        own = cost[cost["method"] == method]
        row = {
            "dataset": own["dataset"].iloc[0],
            "method": method,
            "n_pairs": len(own),
            "threads": own["threads"].max(),
        }
        row |= {"seconds_median": own["seconds"].median(), "seconds_max": own["seconds"].max()}
        evaluations, gradients = (work or {}).get(method, (pd.NA, pd.NA))
        row |= {"peak_mib_max": own["peak_mib"].max(), "evaluations": evaluations, "gradients": gradients}
        rows.append(row)
    return pd.DataFrame(rows).astype({"evaluations": "Int64", "gradients": "Int64"})
