"""What networks are measured by: variants of the same weights, and what training pairs gain beyond test pairs."""

import numpy as np
import pandas as pd
import pytest

from ganreg.evaluate import network_tables, networks
from ganreg.register import methods
from ganreg.register.settings import Refinement, Unet, Unrolled, Voxelmorph


def test_a_network_of_one_evaluation_has_no_variants():
    for settings in (Unet(), Voxelmorph()):
        assert networks.variants(settings) == [settings]
        assert (settings.evaluations, settings.gradients) == (1, 0)


def test_variants_are_all_that_need_less_the_whole_first():
    settings = Unrolled(passes=2, symmetric=True, mirrored=False)
    found = networks.variants(settings)
    assert found[0] == settings
    taken = [(each.passes, each.symmetric, each.mirrored) for each in found]
    assert taken == [(2, True, False), (2, False, False), (1, True, False), (1, False, False)]
    assert [each.evaluations for each in found] == [4, 2, 2, 1]


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("syn_mi", None),
        ("unet_none", (1, 0)),
        ("unet_none_refined", (1, 40)),
        ("unrolled_none", (12, 24)),
        ("instance_mind", (0, 150)),
    ],
)
def test_the_work_of_a_registration_is_counted(method, expected):
    listed = methods.METHODS[method]
    assert methods.work(listed, listed.settings, Refinement(steps=40)) == expected


def lines(method, fold, training, test, passes=np.nan, evaluations=1):
    start = {"training_start": 0.5, "test_start": 0.6}
    return {
        "fold": fold, "method": method, "parameters": 10, "evaluations": evaluations, "gradients": 0, "passes": passes,
        "symmetric": passes == passes or None, "mirrored": passes == passes or None, **start,
        "training_dice": training, "test_dice": test,
    }  # fmt: skip


def test_a_gap_is_what_training_pairs_gain_beyond_test_pairs():
    measured = pd.DataFrame(
        [
            lines("unet_none", 1, 0.7, 0.64),
            lines("unet_none", 2, 0.8, 0.66),
            lines("unrolled_none", 1, 0.6, 0.7, 2, 8),
            lines("unrolled_none", 1, np.nan, 0.65, 1, 4),
        ]
    )
    table = network_tables.network_table(measured, {"unet_none": 0.01}, ["unrolled_none", "unet_none"])
    assert table["method"].tolist() == ["unrolled_none", "unet_none"]
    np.testing.assert_allclose(table["training_gain"], [0.1, 0.25])
    np.testing.assert_allclose(table["test_gain"], [0.1, 0.05])
    np.testing.assert_allclose(table["gap"], [0, 0.2])
    assert table["evaluations"].tolist() == [8, 1]
    np.testing.assert_allclose(table["late_gain"], [np.nan, 0.01])
    passes = network_tables.passes_table(measured)
    assert passes["passes"].tolist() == [1, 2]
    np.testing.assert_allclose(passes["test_gain"], [0.05, 0.1])
