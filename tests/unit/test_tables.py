"""Tables: signs, intervals and refusals, on numbers that can be checked by hand."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from ganreg.errors import InputError
from ganreg.evaluate import external_table, markdown, paper, statistics, tables
from ganreg.evaluate.settings import Bootstrap
from ganreg.register.methods import METHODS

SETTINGS = Bootstrap(bootstrap=500, seed=1)
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
            SETTINGS,
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
    table = tables.table1(frame, pair_table(methods), methods, "unet_none", EXPERIMENT, PAPER, SETTINGS).set_index(
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
        frame, pair_table(["syn_mi", "unet_none"]), ["syn_mi"], "unet_none", EXPERIMENT, PAPER, SETTINGS
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


def test_holm_against_a_worked_example():
    corrected = statistics.holm([0.01, 0.04, np.nan, 0.03])
    np.testing.assert_allclose(corrected, [0.03, 0.06, np.nan, 0.06])


def test_the_bootstrap_resamples_within_folds():
    values, folds = np.array([0.0, 0.0, 1.0, 1.0]), np.array([1, 1, 2, 2])
    # within folds there is nothing to vary; across them there would be
    assert statistics.bootstrap_interval(values, folds, SETTINGS) == (0.5, 0.5)
    values, settings = np.random.default_rng(0).normal(0, 1, 400), Bootstrap(bootstrap=2000, seed=1)
    low, high = statistics.bootstrap_interval(values, np.ones(400), settings)
    assert high - low == pytest.approx(2 * 1.96 / 20, rel=0.1)
    assert low < values.mean() < high


def test_the_bootstrap_is_the_quantiles_of_resampled_means():
    values, folds = np.random.default_rng(0).normal(size=9), np.array([1, 1, 1, 2, 2, 2, 2, 3, 3])
    rng = np.random.default_rng(7)
    total = np.zeros(300)
    for fold in (1, 2, 3):
        part = values[folds == fold]
        total += part[rng.integers(len(part), size=(300, len(part)))].sum(axis=1)
    expected = np.quantile(total / 9, [0.025, 0.975])
    found = statistics.bootstrap_interval(values, folds, Bootstrap(bootstrap=300, seed=7))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_fold_of_one_subject_does_not_vary():
    assert statistics.bootstrap_interval(np.array([2.0]), np.array([1]), SETTINGS) == (2, 2)
    values, folds = np.array([10.0, 0.0, 2.0]), np.array([1, 2, 2])
    # the mean over all three subjects of 10 and twice 0, twice 2, or one of each
    assert statistics.bootstrap_interval(values, folds, SETTINGS) == pytest.approx((10 / 3, 14 / 3))
    assert np.isnan(statistics.bootstrap_interval(np.zeros(0), np.zeros(0), SETTINGS)).all()


def test_markdown_leaves_missing_values_empty():
    text = markdown.to_markdown(pd.DataFrame({"method": ["a"], "dice": [np.nan], "sd": [0.12345]}), "Caption.")
    assert "0.123" in text
    assert "nan" not in text
    assert text.endswith("Caption.\n")


def test_a_gain_is_the_arm_minus_what_it_is_compared_with():
    frame = long_table({"unet_none": two_folds(), "unet_pgan": two_folds(0.05), "unet_warped": two_folds(0.02)})
    contrasts = [("unet_pgan", "unet_none"), ("unet_pgan", "unet_warped")]
    errors = [
        {"method": method, "fold": fold, "fixed": fixed, "tre_mm": value + spread}
        for method, value in {"unet_none": 4.0, "unet_pgan": 3.5, "unet_warped": 3.8}.items()
        for fold, fixed, spread in ((1, "a", 0.5), (1, "b", 0.0), (2, "c", 1.0))
    ]
    table = tables.gains(frame, pd.DataFrame(errors), contrasts, "d", SETTINGS)
    np.testing.assert_allclose(table["gain"], [0.05, 0.03])
    np.testing.assert_allclose(table["ci_high"], [0.05, 0.03])
    assert list(table["against"]) == ["unet_none", "unet_warped"]
    for column in ("tre_change_mm", "tre_low_mm", "tre_high_mm"):
        np.testing.assert_allclose(table[column], [-0.5, -0.3])


def test_without_a_truth_no_gain_in_the_true_error_is_told():
    frame = long_table({"unet_none": two_folds(), "unet_pgan": two_folds(0.05)})
    errors = pd.DataFrame(
        [(m, 1, "a", np.nan) for m in ("unet_none", "unet_pgan")], columns=["method", "fold", "fixed", "tre_mm"]
    )
    table = tables.gains(frame, errors, [("unet_pgan", "unet_none")], "d", SETTINGS)
    assert list(table.columns)[-1] == "effect_size"


def test_small_p_values_are_not_shown_as_zero():
    shown = markdown.as_text(pd.DataFrame({"method": ["a", "b", "c"], "p_holm": [1e-5, 0.04, np.nan]}))
    assert list(shown["p_holm"]) == ["<0.001", "0.040", ""]


def test_dice_by_training_size_compares_methods_of_the_same_number_of_subjects():
    values = {"unet_none": two_folds(), "unet_none_n3": two_folds(-0.2)}
    values |= {"unet_proposed": two_folds(0.01), "unet_proposed_n3": two_folds(-0.15)}
    compared = ["unet_none", "unet_proposed"]
    found = tables.by_training_size(long_table(values), compared, 10, SETTINGS)
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
    lines = [(1, "a", "a0", "s1", 0.8), (1, "b", "b0", "s1", 0.6), (1, "a", "a1", "s1", 0.7), (1, "b", "b1", "s1", 0.4)]
    conditions = pd.DataFrame(
        [(1, "a0", "none", 0), (1, "b0", "none", 0), (1, "a1", "noise_sd", 0.5), (1, "b1", "noise_sd", 0.5)],
        columns=["fold", "pair", "degradation", "level"],
    )
    table = tables.by_degradation(long_table({"m1": lines}), conditions, "d", SETTINGS)
    assert list(table["level"]) == [0, 0.5]
    assert set(table["degradation"]) == {"noise_sd"}
    np.testing.assert_allclose(table["dice_mean"], [0.7, 0.55])
    np.testing.assert_allclose(table["change"], [0, -0.15])
    np.testing.assert_allclose(table.loc[1, ["change_low", "change_high"]].astype(float), [-0.2, -0.1])
