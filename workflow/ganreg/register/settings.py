"""Settings of the registration networks, of their refinement, and of Monte-Carlo dropout."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from ganreg.learn.settings import Supervised
from ganreg.register import similarity
from ganreg.settings import Block, Count, Fraction, Positive, Precision, Seeded, Weight, Whole, Widths
from ganreg.spatial.settings import Components

# a type checker takes a Literal of nothing but literals
if TYPE_CHECKING:
    Similarity = str
else:
    Similarity = Literal[tuple(similarity.NAMES)]


class SplineScale(Block):
    """A cubic spline of a random velocity."""

    spacing_mm: Positive = Field(description="Distance of the nodes.")
    sd_mm: Weight = Field(description="Standard deviation at the nodes.")


Even = Annotated[int, Field(ge=2, multiple_of=2)]


class KnownDeformation(Block):
    """Random stationary velocities, under which one subject becomes a pair with a known displacement."""

    scales: Annotated[list[SplineScale], Field(min_length=1)] = Field(
        [SplineScale(spacing_mm=32, sd_mm=2), SplineScale(spacing_mm=16, sd_mm=1.2)],
        description="Both subjects of a pair are moved so: together by about as much as two subjects differ.",
    )
    components: Components = 0
    box: Annotated[list[Even], Field(min_length=3, max_length=3)] | None = Field(
        [24, 32, 24],
        description="Voxels of the box that a pair of the pre-training is cut to, at a random place in the brain: a "
        "step takes a third of the time and teaches nearly as much. null: the whole.",
    )


class RegistrationTraining(Supervised):
    """What all registration networks are trained with."""

    steps: Count = Field(100, description="Training steps on real pairs.")
    pretraining: Whole = Field(
        800,
        description="Steps before the others, on T1w and T2w of one training subject under known random deformations "
        "(block `known`). All arms of a fold start from the network that this leaves.",
    )
    fine_tuning: Annotated[float, Field(gt=0, le=1)] = Field(
        0.2, description="Share of the rates that steps after the pre-training take: more undoes what it taught."
    )
    known: Weight = Field(
        1, description="Weight of the mean squared error of a known displacement, in voxels, where a step has one."
    )
    similarity: Similarity = Field("mind", description=f"{', '.join(similarity.NAMES)}.")
    similarity_weight: Weight = Field(1, description="Weight of the similarity; 0: labels alone.")
    sharpening: Weight = Field(
        0,
        description="How much of what 3x3x3 voxels average away is added to the images that the similarity compares, "
        "and in which the unrolled network searches for matches. 3 is better on the simulated cohort, worse on real "
        "T1w to T1w.",
    )
    diffusion: Weight = Field(0.3, description="Weight of the diffusion term (Eq. 5), on the displacement in voxels.")
    bending: Weight = Field(0, description="Weight of the bending energy (Eq. 6), on the displacement in voxels.")
    dice: Weight = Field(
        2, description="Weight of the Dice term of the training subjects' labels; 0: training without labels."
    )
    dice_structures: Count | None = Field(
        None, description="Structures that the Dice term draws at each step; null: all."
    )
    flip: bool = Field(True, description="Half of the training pairs left to right, structures swapped.")
    validate_every: Count = Field(50, description="Steps between validations; the best weights are kept.")

    @property
    def evaluations(self) -> int:
        """Of the network, in one registration."""
        return 1

    @property
    def gradients(self) -> int:
        """Of a similarity with respect to the transform, in one registration."""
        return 0


class Voxelmorph(RegistrationTraining):
    """VoxelMorph (Balakrishnan et al. 2019)."""

    encoder: Annotated[Widths, Field(max_length=4)] = Field([8, 32, 32, 32], description="Widths of the encoder.")
    decoder: Widths = Field([32, 32, 32, 32, 32, 8, 8], description="Widths of the decoder, more than the encoder has.")


class VelocityTraining(RegistrationTraining):
    """A network that gives a stationary velocity: what is trained, and how it is integrated."""

    features: Widths = Field([16, 32, 48, 64], description="Width of each stage; every stage halves the grid.")
    dropout: Fraction = Field(0.05, description="Probability of dropping a channel of the decoder.")
    integration_steps: Count = Field(5, description="Squarings.")
    instance_norm: bool = Field(True, description="After each convolution; the paper has none.")


class Unet(VelocityTraining):
    """The paper's registration U-Net: two images in, one evaluation."""


class Unrolled(VelocityTraining):
    """The unrolled network: a learned optimizer that reads MIND costs and gradients in several passes."""

    search: Annotated[list[Count], Field(min_length=1)] = Field(
        [1, 2],
        description="How far around each voxel the network is told how well the images match, in voxels: it reads the "
        "differences of their MIND descriptors under these displacements.",
    )
    passes: Count = Field(3, description="Each evaluates the network on the pair as warped so far.")
    training_passes: Count = Field(
        2, description="Those of a training step: fewer are quicker, and the weights are the same in all."
    )
    symmetric: bool = Field(
        True,
        description="true: each pass evaluates both directions and takes half the difference, so that the transform "
        "of the exchanged pair is the inverse; twice the time. A pass of a training step takes one direction, drawn "
        "at random.",
    )
    mirrored: bool = Field(
        True,
        description="true: test-time augmentation by the pair's mirror image, left to right; twice the time again. "
        "Training has met mirror images where `flip` is true and the structures' mirrors are known.",
    )
    halvings: Whole = Field(
        0, description="How often the images are halved before the network reads them: 1 is fast on grids of 1 mm."
    )
    pretraining: Whole = Field(0, description="As for the U-Net.")
    dice: Weight = Field(0.3, description="Weight of the Dice term of the training subjects' labels.")
    dice_structures: Count | None = Field(8, description="Structures that the Dice term draws at each step; null: all.")
    precision: Precision = Field("float32", description="With bfloat16 the validation loss ended 1 % higher.")

    @property
    def evaluations(self) -> int:
        """Of the network: each pass evaluates it in each direction, on the pair and on its mirror image."""
        return self.passes * (1 + self.symmetric) * (1 + self.mirrored)

    @property
    def gradients(self) -> int:
        """MIND's and mutual information's, in each evaluation."""
        return 2 * self.evaluations


class Refinement(Block):
    """The methods *_refined: a network's velocity is optimized on each test pair, without labels."""

    sharpening: Weight = Field(0, description="Of the images that are compared.")
    mutual_information: Weight = Field(0.03, description="Its weight beside MIND's.")
    diffusion: Weight = Field(4, description="Weight of the diffusion of what is added to the network's displacement.")
    steps: Count = Field(40, description="Steps of Adam.")
    learning_rate: Positive = Field(0.2, description="Of Adam; it falls to zero along half a cosine.")


class Dropout(Seeded):
    """Monte-Carlo dropout."""

    samples: Annotated[int, Field(ge=2)] = Field(
        8, description="Transforms of each pair, with other channels dropped (unet.dropout) in each."
    )
