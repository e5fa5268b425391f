"""Settings of preprocessing and of classic augmentation."""

from typing import Annotated

from pydantic import Field

from ganreg.settings import Block, Count, Fraction, Label, Positive, Seeded, Share, Unique, Weight, Widths
from ganreg.tools.ants import Syn

Shape = Annotated[list[Count], Field(min_length=3, max_length=3)]


class BiasCorrection(Block):
    """Bias fields that are taken out of MR images, whole head or stripped, before they are normalized (N4)."""

    modalities: Unique[Label] = Field([], description="Which modalities; empty: none.")
    spacing_mm: Positive = Field(4, description="Of the copy on which the field is found.")
    iterations: Widths = Field([50, 50, 50, 50], description="At most, at each level.")


class Preprocess(Block):
    """The working grid in the template's space, and what is done to images before."""

    spacing: Positive = Field(4.25, description="In mm. 4.25 with [40, 48, 40] is fast; 3 with [56, 72, 64].")
    shape: Shape = Field(
        [40, 48, 40],
        description="Left-right, posterior-anterior, inferior-superior; every side a multiple of 8. The paper's "
        "160x192x224 is [160, 224, 192] at 1 mm.",
    )
    bias_correction: BiasCorrection = Field(BiasCorrection(), description="N4.")


class Grid(Block):
    """A grid over the template's brain."""

    shape: Shape
    spacing: Positive


class Grids(Block):
    """The working and the evaluation grid; both cover the same box."""

    work: Grid
    evaluation: Grid


class Propagation(Syn):
    """Silver labels (bids.labels: null): SyN, template to subject, T1w to T1w, in the template's space."""

    metric: str = Field("CC", pattern="^(meansquares|mattes|CC)$", description="As for syn_cc.")
    sampling: Count = Field(2, description="As for syn_cc.")
    iterations: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] = Field(
        [40, 20, 10], description="As for syn_cc."
    )
    spacing: Positive = Field(3, description="Of SyN's grid in mm.")


class Augmentation(Seeded):
    """Classic augmentation of images and labels together, both subjects of a pair alike.

    Limits of uniform draws. As previews for Fig. 4, and on the fly in the arms `classic` and `proposed`.
    """

    scale: Fraction = Field(0.1, description="Plus and minus, as a fraction.")
    rotation_deg: Weight = Field(10, description="Plus and minus, about each axis.")
    elastic_spacing_mm: Positive = Field(32, description="Between nodes.")
    elastic_sd_mm: Weight = Field(3, description="Standard deviation of the displacement at the nodes.")
    downsampling: Annotated[float, Field(ge=1)] = Field(2, description="At most, in one axis, and up again.")
    bias: Weight = Field(0.2, description="Coefficients of the bias field's polynomial.")
    log_gamma: Weight = Field(0.2, description="Plus and minus.")
    probability: Share = Field(0.5, description="Of each transform, and of a flip with structures swapped.")
    previews: Count = Field(4, description="Augmented copies of the first subject, for Fig. 4.")
