"""Settings of the evaluation."""

from pydantic import Field

from ganreg.settings import Count, Positive, Seeded


class Bootstrap(Seeded):
    """How intervals over subjects are drawn."""

    bootstrap: Count = Field(5000, description="Resamples for the intervals.")


class Evaluation(Bootstrap):
    """Dice and regularity are measured on one grid, whatever the working grid."""

    spacing: Positive = Field(2, description="In mm.")
    exclude: list[str] = Field([], description="Structures to leave out.")
