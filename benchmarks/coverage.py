"""How often 95 % intervals hold the true difference, and how often p < .05 where there is none.

    .venv/bin/python benchmarks/coverage.py --repetitions 20000

Differences of two methods are drawn as experiments have them: each subject has an effect as fixed and another one as
moving image, which correlate, and each pair its own; a fold's networks have an effect on all of its pairs, of their own
and of the subjects that they were trained on, most of which the other folds' networks have seen, too; a training seed
has an effect in all folds and another one in each. Pairs, subjects' values and intervals are those of the workflow.
Writes benchmarks/coverage.csv: `holds`, the share of intervals that hold the true difference, which is as large as the
standard deviation of a fold's mean by subjects and pairs; `p_below_05`, the share of p values below .05 where the
difference is zero; `width`, the intervals' mean width over that of an interval whose standard error is known.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ganreg import io
from ganreg.evaluate.settings import Design
from ganreg.evaluate.statistics import estimate
from ganreg.split.folds import make_folds
from ganreg.split.settings import Folds, Task

OUTPUT = Path(__file__).with_suffix(".csv")
# shares of the variance of a pair's difference that subjects have as fixed and as moving images; the pair has the rest
ROLES, CORRELATION = 0.3, 0.5


@dataclass(frozen=True)
class Source:
    """What differences vary by beside subjects and pairs, as variances; that of a fold's mean by these is 1."""

    name: str
    network: float = 0
    """Of a fold's networks: by themselves."""
    training: float = 0
    """Of the subjects that they were trained on."""
    seeds: int = 1
    seed: float = 0
    """Of a training seed, in all folds."""
    seed_in_fold: float = 0
    """Of a training seed, in each fold."""
    skewed: bool = False
    """Whether subjects' effects are exponential rather than normal."""


# for the last one's share of training sets the correction is not meant: their results correlate far more than 1/5
SOURCES = [
    Source("tools"),
    Source("tools, skewed", skewed=True),
    Source("networks", network=0.5),
    Source("networks, shared training sets", network=0.1, training=0.35),
    Source("networks, 3 seeds", network=0.1, training=0.35, seeds=3, seed=0.1, seed_in_fold=0.3),
    Source("networks, training sets decide", network=0.1, training=2),
]


class Experiment:
    """Folds and pairs of an experiment, and differences of methods drawn for them."""

    def __init__(self, subjects: int, pairs_per_subject: int, source: Source, seed: int) -> None:
        names = [f"{number:02d}" for number in range(subjects)]
        task = Task(pairs_per_subject=pairs_per_subject)
        folds = make_folds(names, Folds(folds=5, validation_subjects=2, seed=seed), task)["folds"]
        self.source, self.rng = source, np.random.default_rng(seed)
        pairs = [
            (each["fold"] - 1, int(pair["fixed"]), int(pair["moving"])) for each in folds for pair in each["pairs"]
        ]
        self.fold, *roles = np.array(pairs).T
        # a line for each pair: who is fixed, and who is moving
        self.fixed, self.moving = (np.eye(subjects)[role] for role in roles)
        self.trained = np.array([[name in fold["train"] for name in names] for fold in folds], float)
        self.trained /= self.trained.sum(axis=1, keepdims=True) ** 0.5
        fold_of = {name: fold["fold"] for fold in folds for name in fold["test"]}
        self.index = pd.MultiIndex.from_tuples([(fold_of[name], name) for name in names], names=["fold", "fixed"])
        # so that subjects and pairs give a fold's mean a variance of 1
        one = np.where(self.fold == 0, 1 / (self.fold == 0).sum(), 0)
        first, second = one @ self.fixed, one @ self.moving
        of_roles = first @ first + second @ second + 2 * CORRELATION * first @ second
        self.scale = (ROLES * of_roles + (1 - 2 * ROLES) * one @ one) ** -0.5

    def _of_pairs(self, count: int) -> np.ndarray:
        """Effects of subjects and pairs: (count, pairs)."""
        draw = self.rng.standard_exponential if self.source.skewed else self.rng.standard_normal
        common, *own = (draw((count, len(self.index))) - self.source.skewed for _ in range(3))
        fixed, moving = (CORRELATION**0.5 * common + (1 - CORRELATION) ** 0.5 * each for each in own)
        noise = (1 - 2 * ROLES) ** 0.5 * self.rng.standard_normal((count, len(self.fold)))
        of_pairs: np.ndarray = ROLES**0.5 * (fixed @ self.fixed.T + moving @ self.moving.T) + noise
        return self.scale * of_pairs

    def draw(self, count: int) -> list[pd.DataFrame]:
        """Differences whose mean is zero: subjects' values by seed, as `statistics.seed_means` gives them."""
        source, normal = self.source, self.rng.standard_normal
        folds = source.network**0.5 * normal((count, len(self.trained)))
        folds += source.training**0.5 * normal((count, len(self.index))) @ self.trained.T
        seeds = source.seed_in_fold**0.5 * normal((count, len(self.trained), source.seeds))
        seeds += source.seed**0.5 * normal((count, 1, source.seeds))
        pairs = self._of_pairs(count)[..., None] + (folds[..., None] + seeds)[:, self.fold]
        # the mean over the pairs in which a subject is fixed
        mean = self.fixed.T / self.fixed.sum(axis=0)[:, None]
        return [pd.DataFrame(values, self.index) for values in mean @ pairs]


def measure(subjects: int, pairs: str, source: Source, repetitions: int, seed: int = 1) -> dict[str, object]:
    """One line of the table; `pairs` is one or all."""
    experiment = Experiment(subjects, 1 if pairs == "one" else subjects // 5 - 1, source, seed)
    overlap = Design(folds=5, trained=["network"] if source.network else []).overlap("network", "tool")
    known = [estimate(values + 1, overlap) for values in experiment.draw(repetitions)]
    none = [estimate(values, overlap) for values in experiment.draw(repetitions)]
    return {
        "subjects": subjects,
        "pairs_per_subject": pairs,
        "differences_of": source.name,
        "holds": np.mean([each.low <= 1 <= each.high for each in known]),
        "p_below_05": np.mean([each.p < 0.05 for each in none]),
        "width": np.mean([each.high - each.low for each in none]) / (2 * 1.96 * np.std([each.mean for each in none])),
    }


def table(repetitions: int, sources: list[Source]) -> pd.DataFrame:
    """Coverage in every design."""
    designs = [(subjects, pairs, source) for subjects in (15, 20) for pairs in ("one", "all") for source in sources]
    return pd.DataFrame([measure(*design, repetitions) for design in designs])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=20000)
    found = table(parser.parse_args().repetitions, SOURCES)
    io.write_table(OUTPUT, found)
    print(found.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
