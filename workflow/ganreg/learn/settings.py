"""Settings of training that several networks share."""

from pydantic import Field

from ganreg.settings import Count, Positive, Trained, Weight


class Supervised(Trained):
    """A network that `learn.training.train` trains, its weights chosen by Dice on validation subjects."""

    steps: Count = Field(150, description="Training steps.")
    learning_rate: Positive = Field(
        0.001, description="Of Adam, for what Muon does not train. Both rates fall to zero along half a cosine."
    )
    muon_rate: Weight = Field(
        0.02, description="Of Muon, for all convolutions but the output layers; 0: Adam for all, as in the paper."
    )
    validate_every: Count = Field(25, description="Steps between validations; the best weights are kept.")
