"""What is printed at the end of a run."""

import numpy as np
import pandas as pd
import pytest

from scripts.print_headline import best_method

REFERENCE = ("unet", 0.65, np.nan, np.nan, np.nan, np.nan)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (("syn", 0.6, 0.05, 0.02, 0.08, 0.01), "Highest Dice: unet, 0.650."),
        (
            ("syn", 0.7, -0.05, -0.08, -0.02, 0.01),
            "Highest Dice: syn, 0.700. unet is 0.050 (95 % interval 0.020 to 0.080) below it.",
        ),
        (
            ("syn", 0.66, -0.01, -0.019, -0.001, 0.2),
            "Highest Dice: syn, 0.660. unet is 0.010 (95 % interval 0.001 to 0.019) below it, which may be chance.",
        ),
    ],
)
def test_the_best_method_is_named_and_a_difference_is_claimed_where_it_holds(other, said):
    columns = ["method", "dice_mean", "diff_reference", "ci_low", "ci_high", "p_holm"]
    assert best_method(pd.DataFrame([other, REFERENCE], columns=columns), "Measured on 5 folds.") == said
    # one that is shown alone is never the best
    unranked = pd.DataFrame([other, REFERENCE, ("silver", 0.9, *REFERENCE[2:])], columns=columns)
    assert best_method(unranked, "Shown, but not ranked on them: silver, none. Measured on 5 folds.") == said
