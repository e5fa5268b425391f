"""Settings of the evaluation."""

from typing import Annotated

from pydantic import Field

from ganreg.settings import Block, Positive


class Evaluation(Block):
    """Dice and regularity are measured on one grid, whatever the working grid."""

    spacing: Positive = Field(2, description="In mm.")
    exclude: list[str] = Field([], description="Structures to leave out.")


class Design(Block):
    """What intervals must know of how the values came about."""

    folds: Annotated[int, Field(ge=2)]
    trained: list[str]
    """Methods that were trained in each fold anew."""

    def overlap(self, *methods: str) -> float:
        """Test subjects of a fold for each of its other subjects if one of the methods was trained on these, else 0."""
        return 1 / (self.folds - 1) if {*methods} & {*self.trained} else 0.0
