"""What is printed at the end of a run."""

import numpy as np
import pandas as pd
import pytest

from scripts.print_headline import best_method


def table(*rows):
    return pd.DataFrame(rows, columns=["method", "dice_mean", "diff_reference", "ci_low", "ci_high"])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [("syn", 0.6, 0.05, 0.02, 0.08), ("unet", 0.65, np.nan, np.nan, np.nan)],
            "Highest Dice: unet, 0.650.",
        ),
        (
            [("syn", 0.7, -0.05, -0.08, -0.02), ("unet", 0.65, np.nan, np.nan, np.nan)],
            "Highest Dice: syn, 0.700. unet is 0.050 (95 % interval 0.020 to 0.080) below it.",
        ),
        (
            [("syn", 0.66, -0.01, -0.03, 0.01), ("unet", 0.65, np.nan, np.nan, np.nan)],
            "Highest Dice: syn, 0.660. unet is 0.010 (95 % interval -0.010 to 0.030) below it, which may be chance.",
        ),
    ],
)
def test_the_best_method_is_named_and_a_difference_is_claimed_where_its_interval_holds(rows, said):
    assert best_method(table(*rows)) == said
