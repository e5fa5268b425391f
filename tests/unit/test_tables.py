"""Tables: signs, intervals and refusals, on numbers that can be checked by hand."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ganreg.errors import InputError
from ganreg.evaluate import external_table, markdown, paper, statistics, tables
from ganreg.evaluate.settings import Design
from ganreg.register.methods import METHODS

DESIGN = Design(folds=2, trained=["unet_none"])
EXPERIMENT = tables.Experiment("d", "t", "h", labeled=["unet_none"])
PAPER = pd.DataFrame(
    [
        (1, "syn_mi", np.nan, 0.776, 0.13),
        (1, "syn_mi", 1, np.nan, 0.131),
        (1, "syn_mi", 2, np.nan, np.nan),
        (2, "syn_mi", np.nan, 0.5, np.nan),
        (2, "unet_none", np.nan, np.nan, np.nan),
    ],
    columns=["table", "method", "fold", "dice_mean", "dice_sd"],
)


def long_table(values):
    """Values by method: a list of (fold, fixed, pair, structure, dice)."""
    rows = [
        {"dataset": "d", "fold": fold, "pair": pair, "fixed": fixed, "moving": "m", "method": method,
         "structure": structure, "dice": dice, "hd95_mm": 2.0}
        for method, lines in values.items()
        for fold, fixed, pair, structure, dice in lines
    ]  # fmt: skip
    return pd.DataFrame(rows)


def two_folds(offset=0.0):
    return [
        (1, "a", "p1", "s1", 0.5 + offset),
        (1, "a", "p1", "s2", 0.7 + offset),
        (1, "b", "p2", "s1", 0.8 + offset),
        (1, "b", "p2", "s2", np.nan),
        (2, "c", "p3", "s1", 0.4 + offset),
        (2, "c", "p3", "s2", 0.6 + offset),
    ]


def pair_table(methods):
    regularity = {"folded_forward_percent": 1.0, "folded_central_percent": 0.5, "ndv_percent": 0.1, "sdlogj": 0.2}
    return pd.DataFrame([{"method": method, **regularity} for method in methods])


def test_a_subject_is_the_mean_of_its_structures_then_of_its_pairs():
    values = [*two_folds(), (1, "a", "p4", "s1", 1.0)]
    means = statistics.subject_means(long_table({"m": values}), "dice")
    assert means["m"][1, "a"] == pytest.approx((0.6 + 1.0) / 2)
    assert means["m"][1, "b"] == pytest.approx(0.8)


def test_a_method_that_is_not_ranked_is_shown_and_counts_in_no_comparison():
    methods = ["syn_mi", "greedy_nmi", "unet_none"]
    frame = long_table({"syn_mi": two_folds(-0.1), "greedy_nmi": two_folds(-0.2), "unet_none": two_folds()})
    ranked, shown = (
        tables.table1(
            frame,
            pair_table(methods),
            methods,
            "unet_none",
            dataclasses.replace(EXPERIMENT, unranked=unranked),
            PAPER,
            DESIGN,
        )
        for unranked in ([], ["syn_mi"])
    )
    ranked, shown = ranked.set_index("method"), shown.set_index("method")
    comparison = ["diff_reference", "ci_low", "ci_high", "p_holm", "effect_size"]
    assert ranked.loc["syn_mi", ["diff_reference", "p_holm"]].notna().all()
    assert shown.loc["syn_mi", comparison].isna().all()
    assert shown.loc["syn_mi", "dice_mean"] == ranked.loc["syn_mi", "dice_mean"]
    # Holm's correction is for one comparison then, not for two
    assert shown.loc["greedy_nmi", "p_holm"] == pytest.approx(ranked.loc["greedy_nmi", "p_holm"] / 2)


def test_table1_difference_is_reference_minus_method():
    methods = ["syn_mi", "unet_none"]
    frame = long_table({"syn_mi": two_folds(-0.1), "unet_none": two_folds()})
    table = tables.table1(frame, pair_table(methods), methods, "unet_none", EXPERIMENT, PAPER, DESIGN).set_index(
        "method"
    )
    assert table.loc["unet_none", "dice_mean"] == pytest.approx((0.6 + 0.8 + 0.5) / 3)
    assert table.loc["syn_mi", "diff_reference"] == pytest.approx(0.1)
    assert table.loc["syn_mi", "ci_low"] == pytest.approx(0.1)
    assert np.isnan(table.loc["unet_none", "diff_reference"])
    assert table.loc["syn_mi", "paper_dice"] == 0.776
    assert table.loc["syn_mi", "paper_sd"] == 0.13
    assert table.loc["unet_none", ["paper_dice", "paper_sd"]].isna().all()
    assert table["labels_in_training"].to_dict() == {"syn_mi": "no", "unet_none": "yes"}


def test_table1_shows_a_further_measure_of_structures_by_itself():
    frame = long_table({"syn_mi": two_folds(), "unet_none": two_folds()}).assign(volume_error=0.25)
    table = tables.table1(
        frame, pair_table(["syn_mi", "unet_none"]), ["syn_mi"], "unet_none", EXPERIMENT, PAPER, DESIGN
    )
    shown = ["hd95_mm", "volume_error", "ndv_percent", "folded_percent", "paper_dice", "paper_sd"]
    assert list(table.columns)[-6:] == shown
    assert table.loc[0, ["hd95_mm", "volume_error", "ndv_percent", "folded_percent"]].tolist() == [2, 0.25, 0.1, 1]


def test_table2_is_the_mean_of_each_fold():
    table = tables.table2(long_table({"m": two_folds()}), ["m"], "d", PAPER).iloc[0]
    assert table["fold_1"] == pytest.approx(0.7)
    assert table["fold_2"] == pytest.approx(0.5)
    assert table["mean"] == pytest.approx(0.6)
    assert table["sd"] == pytest.approx(np.std([0.7, 0.5], ddof=1))


def test_each_table_has_the_papers_numbers_of_that_table():
    frame = long_table({"syn_mi": two_folds(), "unet_none": two_folds()})
    table = tables.table2(frame, ["syn_mi", "unet_none"], "d", PAPER)
    assert table["paper_mean"].tolist() == pytest.approx([0.5, np.nan], nan_ok=True)
    by_fold = external_table.by_fold(frame.assign(modality="ct"), PAPER)
    assert by_fold[["method", "modality"]].to_numpy().tolist() == [["syn_mi", "ct"], ["unet_none", "ct"]]
    assert by_fold.loc[0, ["fold_1", "fold_2", "mean", "paper_mean"]].tolist() == pytest.approx([0.7, 0.5, 0.6, 0.5])


def test_what_of_the_papers_tables_is_not_known_is_said():
    known = "printed in the paper's Table 1, on its own data"
    assert paper.told(PAPER, 1) == (
        f"{known} (means of syn_mi by fold: not known; SDs of syn_mi by fold: 0.131, not known)."
    )
    none = PAPER[PAPER["method"] == "unet_none"]
    assert paper.told(none, 2) == "printed in the paper's Table 2, on its own data: not known."


def test_the_papers_numbers_are_of_methods_that_there_are(root):
    stored = pd.read_csv(root / "resources" / "paper_results.csv")
    assert list(stored.columns) == ["table", "method", "fold", "dice_mean", "dice_sd", "source"]
    assert {*stored["method"]} <= {*METHODS}
    assert not stored.duplicated(["table", "method", "fold"]).any()
    # a number has a source, and what has none is called unknown
    empty = stored[["dice_mean", "dice_sd"]].isna().all(axis=1)
    assert ((stored["source"] == "not known") == empty).all()
    assert paper.printed(stored, 1).loc["unet_proposed"].tolist() == [0.787, 0.13]
    folds = stored[(stored["table"] == 1) & stored["fold"].notna()]
    assert folds["dice_sd"].tolist() == [0.13, 0.132, 0.133, 0.13, 0.132]


def test_methods_with_other_pairs_are_refused():
    frame = long_table({"syn_mi": two_folds()[:-1], "unet_none": two_folds()})
    with pytest.raises(InputError, match=r"expected the pairs of .*fold 2, p3, s2"):
        tables.require_same_pairs(frame)


def test_joined_tables_have_a_seed_for_every_line_where_one_has_it(tmp_path):
    tool, network = long_table({"syn_mi": two_folds()}), long_table({"unet_none": two_folds(0.1)})
    paths = [tmp_path / f"{name}.csv" for name in ("tool", "network", "seeds")]
    seeded = pd.concat([network.assign(seed=seed) for seed in (1, 2)])
    for path, table in zip(paths, (tool, network, seeded), strict=True):
        table.to_csv(path, index=False)
    assert list(tables.joined(paths[:2]).columns) == list(tool.columns)
    found = tables.joined([paths[0], paths[2]])
    columns = list(tool.columns)
    columns.insert(columns.index("method") + 1, "seed")
    # what stands behind `structure` is a measure
    assert list(found.columns) == columns
    assert found.groupby("method")["seed"].unique().map(list).to_dict() == {"syn_mi": [1], "unet_none": [1, 2]}


def test_a_tool_has_one_value_for_all_seeds_and_a_network_its_own():
    network = pd.concat([long_table({"unet_none": two_folds(0.1 * seed)}).assign(seed=seed) for seed in (1, 2)])
    frame = pd.concat([long_table({"syn_mi": two_folds()}).assign(seed=1), network])
    found = statistics.seed_means(frame, "dice")
    np.testing.assert_allclose(found["syn_mi"], [[0.6, 0.6], [0.8, 0.8], [0.5, 0.5]])
    np.testing.assert_allclose(found["unet_none"], [[0.7, 0.8], [0.9, 1.0], [0.6, 0.7]])
    table = tables.table1(
        frame, pair_table(["syn_mi", "unet_none"]), ["syn_mi", "unet_none"], "unet_none", EXPERIMENT, PAPER, DESIGN
    ).set_index("method")
    assert table["n_subjects"].tolist() == [3, 3]
    assert table.loc["unet_none", "dice_mean"] == pytest.approx((0.75 + 0.95 + 0.65) / 3)
    assert table.loc["syn_mi", "diff_reference"] == pytest.approx(0.15)
    # the seeds differ by .1 in every fold: one degree of freedom
    half = stats.t.ppf(0.975, 1) * np.std([0.1, 0.2], ddof=1) / 2**0.5
    assert table.loc["syn_mi", "ci_high"] == pytest.approx(0.15 + half)


def test_markdown_leaves_missing_values_empty():
    text = markdown.to_markdown(pd.DataFrame({"method": ["a"], "dice": [np.nan], "sd": [0.12345]}), "Caption.")
    assert "0.123" in text
    assert "nan" not in text
    assert text.endswith("Caption.\n")


def test_a_gain_is_the_arm_minus_what_it_is_compared_with():
    frame = long_table({"unet_none": two_folds(), "unet_pgan": two_folds(0.05), "unet_warped": two_folds(0.02)})
    contrasts = [("unet_pgan", "unet_none"), ("unet_pgan", "unet_warped")]
    errors = [
        {"method": method, "fold": fold, "fixed": fixed, "pair": fixed, "tre_mm": value + spread}
        for method, value in {"unet_none": 4.0, "unet_pgan": 3.5, "unet_warped": 3.8}.items()
        for fold, fixed, spread in ((1, "a", 0.5), (1, "b", 0.0), (2, "c", 1.0))
    ]
    table = tables.gains(frame, pd.DataFrame(errors), contrasts, "d", DESIGN)
    np.testing.assert_allclose(table["gain"], [0.05, 0.03])
    np.testing.assert_allclose(table["ci_high"], [0.05, 0.03])
    assert list(table["against"]) == ["unet_none", "unet_warped"]
    for column in ("tre_change_mm", "tre_low_mm", "tre_high_mm"):
        np.testing.assert_allclose(table[column], [-0.5, -0.3])


def test_without_a_truth_no_gain_in_the_true_error_is_told():
    frame = long_table({"unet_none": two_folds(), "unet_pgan": two_folds(0.05)})
    errors = pd.DataFrame(
        [(m, 1, "a", "p1", np.nan) for m in ("unet_none", "unet_pgan")],
        columns=["method", "fold", "fixed", "pair", "tre_mm"],
    )
    table = tables.gains(frame, errors, [("unet_pgan", "unet_none")], "d", DESIGN)
    assert list(table.columns)[-1] == "effect_size"


def test_small_p_values_are_not_shown_as_zero():
    shown = markdown.as_text(pd.DataFrame({"method": ["a", "b", "c"], "p_holm": [1e-5, 0.04, np.nan]}))
    assert list(shown["p_holm"]) == ["<0.001", "0.040", ""]


def test_dice_by_training_size_compares_methods_of_the_same_number_of_subjects():
    values = {"unet_none": two_folds(), "unet_none_n3": two_folds(-0.2)}
    values |= {"unet_proposed": two_folds(0.01), "unet_proposed_n3": two_folds(-0.15)}
    compared = ["unet_none", "unet_proposed"]
    found = tables.by_training_size(long_table(values), compared, 10, DESIGN)
    assert list(found["method"]) == ["unet_none", "unet_none", "unet_proposed", "unet_proposed"]
    assert found["training_subjects"].tolist() == [3, 10, 3, 10]
    whole = (0.6 + 0.8 + 0.5) / 3
    assert found["dice_mean"].tolist() == pytest.approx([whole - 0.2, whole, whole - 0.15, whole + 0.01])
    assert (found["ci_low"] < found["dice_mean"]).all()
    assert (found["dice_mean"] < found["ci_high"]).all()
    # paired: the subjects differ by .3, their gains do not
    for column in ("gain", "gain_low", "gain_high"):
        assert found[column].tolist() == pytest.approx([np.nan, np.nan, 0.05, 0.01], nan_ok=True)


def test_degradation_is_the_change_from_the_untouched_pairs_of_the_same_subjects():
    lines = [(1, "a", "a0", "s1", 0.8), (2, "b", "b0", "s1", 0.6), (1, "a", "a1", "s1", 0.7), (2, "b", "b1", "s1", 0.4)]
    conditions = pd.DataFrame(
        [(1, "a0", "none", 0), (2, "b0", "none", 0), (1, "a1", "noise_sd", 0.5), (2, "b1", "noise_sd", 0.5)],
        columns=["fold", "pair", "degradation", "level"],
    )
    table = tables.by_degradation(long_table({"m1": lines}), conditions, "d", DESIGN)
    assert list(table["level"]) == [0, 0.5]
    assert set(table["degradation"]) == {"noise_sd"}
    np.testing.assert_allclose(table["dice_mean"], [0.7, 0.55])
    np.testing.assert_allclose(table["change"], [0, -0.15])
    # two folds, -.1 and -.2: Student's t with one degree of freedom
    half = stats.t.ppf(0.975, 1) * 0.05
    assert table.loc[1, ["change_low", "change_high"]].tolist() == pytest.approx([-0.15 - half, -0.15 + half])
