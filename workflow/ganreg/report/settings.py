"""Settings of figures."""

from typing import Annotated, Literal

from pydantic import Field

from ganreg.settings import Block, Positive, Share


class Style(Block):
    """Style of all figures."""

    dpi: Annotated[int, Field(ge=50, le=1200)] = Field(150, description="Of PNG files.")
    palette: Literal["colorblind", "tab10", "Set2", "Dark2"] = Field("colorblind", description="Colors.")
    font_size: Positive = Field(9, description="Points.")


class Plot(Style):
    """Figures only: changing these makes figures anew and nothing else."""

    slice: Share = Field(0.5, description="The axial slice shown, as a fraction of the grid from below.")
