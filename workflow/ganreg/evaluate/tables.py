"""Table 1, Table 2 and the cost table, from the long tables."""

import numpy as np
import pandas as pd
from scipy import stats

from ganreg.errors import InputError


def require_same_pairs(frame):
    """Refuse methods that were not measured on the same pairs and structures.

    Raises
    ------
    InputError
        Naming the method and a pair.
    """
    keys = ["fold", "pair", "structure"]
    sets = {method: set(map(tuple, part[keys].values)) for method, part in frame.groupby("method", sort=False)}
    first, *others = sets
    for other in others:
        if difference := sets[first] ^ sets[other]:
            fold, pair, structure = sorted(difference)[0]
            raise InputError(
                f"{other}: expected the pairs of {first}, found a difference at fold {fold}, {pair}, {structure}"
            )


def subject_means(frame, column):
    """A subject's value: the mean over structures, then over the pairs in which it is fixed.

    Returns
    -------
    pandas.Series indexed by (method, fold, fixed)
    """
    per_pair = frame.groupby(["method", "fold", "fixed", "pair"], sort=False)[column].mean()
    return per_pair.groupby(level=["method", "fold", "fixed"], sort=False).mean()


def bootstrap_interval(values, folds, resamples, seed, level=0.95):
    """Percentile interval of the mean, resampling subjects within folds.

    Parameters
    ----------
    values, folds : arrays of one length
    resamples, seed : int
    level : float

    Returns
    -------
    low, high : float
    """
    rng = np.random.default_rng(seed)
    totals = np.zeros(resamples)
    for fold in np.unique(folds):
        part = values[folds == fold]
        totals += part[rng.integers(len(part), size=(resamples, len(part)))].sum(axis=1)
    low, high = np.quantile(totals / len(values), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def mean_interval(values, options):
    """The mean over subjects and its 95 % `bootstrap_interval`.

    Parameters
    ----------
    values : pandas.Series, indexed by `fold` among others
    options : dict, block `evaluation`

    Returns
    -------
    mean, low, high : float
    """
    folds = values.index.get_level_values("fold").to_numpy()
    interval = bootstrap_interval(values.to_numpy(), folds, options["bootstrap"], options["seed"])
    return float(values.mean()), *interval


def holm(p_values):
    """Holm's step-down correction; NaN stays NaN and does not count."""
    p_values = np.asarray(p_values, dtype=float)
    result = np.full(len(p_values), np.nan)
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(order) - rank) * p_values[index]))
        result[index] = running
    return result


def _comparison(reference, values, options):
    """Paired difference reference - method over subjects: mean, interval, Wilcoxon p, Cohen d of the differences."""
    difference = (reference - values.reindex(reference.index)).dropna()
    mean, low, high = mean_interval(difference, options)
    p = stats.wilcoxon(difference).pvalue if (difference != 0).any() and len(difference) > 1 else np.nan
    spread = difference.std(ddof=1)
    effect = mean / spread if spread > 0 else np.nan
    return {"diff_reference": mean, "ci_low": low, "ci_high": high, "p_holm": p, "effect_size": effect}


def table1(structures, pairs, methods, reference, info, paper, options):
    """One line a method (Table 1).

    Parameters
    ----------
    structures, pairs : pandas.DataFrame, the long tables
    methods : list of str, the order of the lines
    reference : str, the method that others are compared with: difference = reference - method
    info : dict
        `dataset`, `task`, `folds_hash`, `labelled` (methods that learned from training subjects' labels), `unranked`
        (methods that are shown without comparison, since their like made the labels).
    paper : pandas.DataFrame with method, dice_mean
    options : dict, block `evaluation`

    Returns
    -------
    pandas.DataFrame with the columns of the output contract
    """
    require_same_pairs(structures)
    dice, hd95 = subject_means(structures, "dice"), subject_means(structures, "hd95_mm")
    printed = paper.set_index("method")["dice_mean"]
    rows = []
    for method in methods:
        own = structures[structures["method"] == method]
        regularity = pairs[pairs["method"] == method]
        row = {"dataset": info["dataset"], "method": method, "task": info["task"]}
        row |= {"labels_in_training": "yes" if method in info["labelled"] else "no", "n_subjects": len(dice[method])}
        row |= {"folds_hash": info["folds_hash"], "dice_mean": dice[method].mean()}
        row |= {"dice_sd_subjects": dice[method].std(ddof=1), "dice_sd_structures": own["dice"].std(ddof=1)}
        nothing = dict.fromkeys(["diff_reference", "ci_low", "ci_high", "p_holm", "effect_size"], np.nan)
        unranked = method == reference or method in info["unranked"]
        row |= nothing if unranked else _comparison(dice[reference], dice[method], options)
        row |= {"hd95_mm": hd95[method].mean(), "ndv_percent": regularity["ndv_percent"].mean()}
        row |= {
            "folded_percent": regularity["folded_forward_percent"].mean(),
            "paper_dice": printed.get(method, np.nan),
        }
        rows.append(row)
    table = pd.DataFrame(rows)
    table["p_holm"] = holm(table["p_holm"])
    return table


def gains(structures, pairs, contrasts, dataset, options):
    """What one arm of the experiment adds to another, paired per subject.

    Parameters
    ----------
    structures, pairs : pandas.DataFrame, the long tables
    contrasts : list of (method, against)
    options : dict, block `evaluation`

    Returns
    -------
    pandas.DataFrame
        dataset, method, against; of the Dice gain (method - against), ci_low, ci_high, p_holm, effect_size; where there
        is a truth, of the true error tre_change_mm (method - against), tre_low_mm and tre_high_mm.
    """
    dice, errors = subject_means(structures, "dice"), pairs.groupby(["method", "fold", "fixed"])["tre_mm"].mean()
    rows = []
    for method, against in contrasts:
        compared = _comparison(dice[method], dice[against], options)
        row = {"dataset": dataset, "method": method, "against": against, "gain": compared.pop("diff_reference")}
        if errors.notna().all():
            change = mean_interval(errors[method] - errors[against], options)
            compared |= dict(zip(("tre_change_mm", "tre_low_mm", "tre_high_mm"), change, strict=True))
        rows.append(row | compared)
    table = pd.DataFrame(rows)
    table["p_holm"] = holm(table["p_holm"])
    return table


def by_training_size(structures, compared, training_subjects, options):
    """Dice of two methods that were trained on different numbers of subjects, and what the second adds, paired.

    Parameters
    ----------
    structures : pandas.DataFrame, long table; `method` is one of `compared`, or, as in unet_none_n3, with a number of
        training subjects
    compared : two str
    training_subjects : int, of the methods without a number
    options : dict, block `evaluation`

    Returns
    -------
    pandas.DataFrame
        method, training_subjects, dice_mean, ci_low, ci_high (95 %, over subjects within folds); of the second method
        gain over the first at the same number, paired by subject, with gain_low and gain_high.
    """
    means, rows = subject_means(structures, "dice"), []
    for method in compared:
        for name in structures["method"].unique():
            if name != method and not name.startswith(f"{method}_n"):
                continue
            ends, dice = name.removeprefix(method), means[name]
            row = {"method": method, "training_subjects": int(ends.removeprefix("_n") or training_subjects)}
            row |= dict(zip(("dice_mean", "ci_low", "ci_high"), mean_interval(dice, options), strict=True))
            if method == compared[1]:
                gain = mean_interval(dice - means[f"{compared[0]}{ends}"], options)
                row |= dict(zip(("gain", "gain_low", "gain_high"), gain, strict=True))
            rows.append(row)
    return pd.DataFrame(rows).sort_values(["method", "training_subjects"], ignore_index=True)


def by_degradation(structures, conditions, dataset, options):
    """Dice of each method under each degradation of the moving image.

    Parameters
    ----------
    structures : pandas.DataFrame, a long table
    conditions : pandas.DataFrame
        `degradation` (none: the untouched image) and `level` of each `pair` of a `fold`.
    dataset : str
    options : dict, block `evaluation`

    Returns
    -------
    pandas.DataFrame
        dataset, method, degradation, level, n_subjects, dice_mean, ci_low, ci_high (over subjects within folds), and
        change from level 0, paired by subject, with change_low and change_high. Each degradation begins with level 0.
    """
    long = structures.merge(conditions, on=["fold", "pair"], validate="many_to_one")

    order = conditions[conditions["degradation"] != "none"][["degradation", "level"]].drop_duplicates()
    rows = []
    for method in structures["method"].unique():
        own = long[long["method"] == method]
        untouched = subject_means(own[own["degradation"] == "none"], "dice")
        for degradation, levels in order.groupby("degradation", sort=False)["level"]:
            for level in [0, *sorted(levels)]:
                part = own[(own["degradation"] == degradation) & (own["level"] == level)]
                dice = subject_means(part, "dice") if level else untouched
                change = dice - untouched
                row = {"dataset": dataset, "method": method, "degradation": degradation, "level": level}
                row |= {"n_subjects": len(dice)}
                row |= dict(zip(("dice_mean", "ci_low", "ci_high"), mean_interval(dice, options), strict=True))
                row |= dict(zip(("change", "change_low", "change_high"), mean_interval(change, options), strict=True))
                rows.append(row)
    return pd.DataFrame(rows)


def table2(structures, methods, dataset, paper):
    """Mean Dice over subjects by fold (Table 2); sd is over the folds.

    Returns
    -------
    pandas.DataFrame: dataset, method, fold_1 ... fold_k, mean, sd, paper_mean
    """
    dice = subject_means(structures, "dice")
    printed = paper.set_index("method")["dice_mean"]
    rows = []
    for method in methods:
        folds = dice[method].groupby(level="fold").mean()
        row = {"dataset": dataset, "method": method, **{f"fold_{fold}": value for fold, value in folds.items()}}
        rows.append({**row, "mean": folds.mean(), "sd": folds.std(ddof=1), "paper_mean": printed.get(method, np.nan)})
    return pd.DataFrame(rows)


def cost_table(cost, methods):
    """Seconds and peak memory a pair by method: median and maximum.

    Returns
    -------
    pandas.DataFrame: dataset, method, n_pairs, threads, seconds_median, seconds_max, peak_mib_max
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
        rows.append({**row, "peak_mib_max": own["peak_mib"].max()})
    return pd.DataFrame(rows)


def as_text(table):
    """A table as it is shown: three decimals, empty where there is no value, small p values as <0.001."""
    shown = table.copy()
    for column in shown.select_dtypes("float"):
        # z: no minus before a zero
        shown[column] = ["" if np.isnan(value) else f"{value:z.3f}" for value in table[column]]
    if "p_holm" in table:
        shown.loc[table["p_holm"] < 0.001, "p_holm"] = "<0.001"
    return shown


def to_markdown(table, caption):
    """A table as Markdown, the caption below."""
    return f"{as_text(table).to_markdown(index=False, disable_numparse=True)}\n\n{caption}\n"
