"""Settings of the segmentation network."""

from typing import Annotated, Literal

from pydantic import Field

from ganreg.learn.settings import Supervised
from ganreg.preprocess.settings import Grid
from ganreg.settings import Block, Count, Label, Positive, Weight
from ganreg.spatial.settings import Deformation

Fours = Annotated[list[Annotated[int, Field(ge=4, multiple_of=4)]], Field(min_length=2)]


class RdnnTraining(Supervised):
    """What an RDNN is built and trained with."""

    features: Fours = Field(
        [16, 32, 48, 64],
        description="Width of each stage, multiples of 4; every one but the first halves the slice.",
    )
    prior: bool = Field(
        True,
        description="true: the logits start from how often each structure lies at a place among the training "
        "subjects, which the paper's network has to learn.",
    )
    class_weights: Literal["none", "sqrt_inverse"] = Field(
        "none", description="Of the cross-entropy (Eq. 2): none, or 1 / root of a structure's frequency."
    )
    dice: Weight = Field(4, description="Weight of the Dice term; 0: cross-entropy alone, as Eq. 2.")
    slices: Count = Field(32, description="Neighboring slices of a step.")
    flip: bool = Field(True, description="Left to right at random, structures swapped.")
    deformation: Deformation = Field(Deformation(elastic_sd_mm=2), description="Of the training subjects.")
    gain: Weight = Field(0.2, description="Of the gray values, plus and minus.")
    steps: Count = Field(300, description="Training steps, one subject each.")
    learning_rate: Positive = Field(0.009, description="Of Adam, for biases, norms and the heads.")
    muon_rate: Weight = Field(0.4, description="Of Muon, for all other weights; 0: Adam for all.")
    validate_every: Count = Field(100, description="Steps between validations.")


class Rdnn(RdnnTraining):
    """The segmentation network (RDNN): slices of T1w and T2w, a hidden state along them.

    Its maps condition the PGAN. Trained on a fold's training subjects, and, to measure synthetic subjects, on its
    validation subjects.
    """

    cross_fit: bool = Field(
        False,
        description="true: maps of training subjects come from networks that have not seen them; two more are trained "
        "in each fold, each on half of the training subjects.",
    )
    ablation: bool = Field(False, description="true: a network without the hidden state is trained, too, and compared.")


class RdnnModel(Block):
    """All that it takes to build an RDNN, and to segment with it."""

    settings: RdnnTraining
    recurrent: bool = Field(description="false: the ablation, without the hidden state.")
    modalities: list[Label]
    grid: Grid = Field(description="The working grid.")


class RdnnPart(RdnnModel):
    """An RDNN that is trained on a part of a fold's training subjects, or on its validation subjects."""

    part: Literal["all", "half1", "half2", "validation"]
