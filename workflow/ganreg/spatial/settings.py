"""Settings of random deformations."""

from typing import Annotated

from pydantic import Field

from ganreg.settings import Block, Fraction, Positive, Seeded, Weight, Whole

Components = Annotated[
    Whole,
    Field(
        description="0: as these values say. More: as the fold's training subjects vary, by so many principal "
        "components of their velocities from the template.",
    ),
]


class Deformation(Block):
    """A random affine transform and, on top, a cubic spline through random displacements at nodes."""

    rotation_deg: Weight = Field(3, description="Limit of a uniform draw about each axis.")
    scale: Fraction = Field(0.03, description="Limit along each axis, plus and minus, as a fraction.")
    translation_mm: Weight = Field(2, description="Limit along each axis.")
    elastic_spacing_mm: Positive = Field(32, description="Distance of the nodes.")
    elastic_sd_mm: Weight = Field(2.5, description="Standard deviation of the displacement at the nodes.")


class SampleDeformation(Deformation, Seeded):
    """What synthetic subjects are deformed by."""

    components: Components = 0
