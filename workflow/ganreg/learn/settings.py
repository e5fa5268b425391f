"""Settings of training that several networks share."""

from typing import Literal

from pydantic import Field

from ganreg.settings import Count, Positive, Trained, Weight


class Supervised(Trained):
    """A network that `learn.training.train` trains, its weights chosen by Dice on validation subjects."""

    steps: Count = Field(150, description="Training steps.")
    learning_rate: Positive = Field(0.001, description="Of Adam, for what Muon does not train.")
    muon_rate: Weight = Field(
        0.02, description="Of Muon, for all convolutions but the output layers; 0: Adam for all, as in the paper."
    )
    schedule: Literal["cosine", "constant"] = Field(
        "cosine",
        description="cosine: both rates rise over the first twentieth of the steps, then fall to zero along half a "
        "cosine. constant: they stay, as in the paper.",
    )
    clip: Weight = Field(1, description="Longest gradient, longer ones are scaled down; 0: none is, as in the paper.")
    validate_every: Count = Field(25, description="Steps between validations; the best weights are kept.")
