"""Settings of the GANs, of their controls without a GAN, and of the measures of their samples."""

from typing import Annotated, Literal

from pydantic import Field

from ganreg.settings import (
    Block,
    Count,
    Fraction,
    Label,
    Positive,
    Seeded,
    Trained,
    Weight,
    Whole,
    Widths,
    of_runtime,
)
from ganreg.spatial.settings import Deformation

Several = Annotated[int, Field(ge=2)]


class Stage(Block):
    """A stage of the progressive GAN."""

    width: Count = Field(description="Of its layers.")
    batch: Count = Field(description="Images of a step.")
    fade_in: Whole = Field(description="Images that it sees while it fades in; the first stage does not.")
    steady: Count = Field(description="Images that it sees after that.")


class RealTime(Block):
    """What the discriminator sees, real and generated alike."""

    crop: Annotated[float, Field(gt=0, le=1)] = Field(
        0.9, description="Least side of the box that is cut out, as a fraction."
    )
    resize: bool = Field(
        True,
        description="true: the box is resized to the grid. false: it keeps its size in the middle of the grid, and 0 "
        "is around it: a crop, as in the paper.",
    )
    elastic_sd_mm: Weight = Field(2, description="Standard deviation of the displacement at 5 x 5 x 5 nodes.")
    noise_sd: Weight = Field(0.1, description="Most noise, in standard deviations of the brain.")


class PganTraining(Trained):
    """What a progressive GAN is built and trained with."""

    stages: Annotated[list[Stage], Field(min_length=1)] = Field(
        [
            Stage(width=32, batch=2, fade_in=0, steady=600),
            Stage(width=32, batch=2, fade_in=200, steady=200),
            Stage(width=16, batch=1, fade_in=150, steady=250),
            Stage(width=8, batch=1, fade_in=80, steady=140),
        ],
        description="The first stage's grid is the working grid halved as often as stages follow it: 5 x 6 x 5 "
        "voxels by default. A stage sees `fade_in` images while it fades in and `steady` ones after, in "
        "batches of `batch`: 1,120 steps in all by default.",
    )
    latent: Count = Field(16, description="Length of the random vector.")
    embedding: Count = Field(8, description="Numbers that stand for a label.")
    learning_rate: Positive = Field(
        0.012, description="Of Adam; the paper's networks take 0.001 and a hundred times the steps."
    )
    penalty_every: Count = Field(
        2,
        description="Steps from one gradient penalty to the next, which has as many times the weight; 1: the paper's.",
    )
    reconstruction: Weight = Field(
        1,
        description="Weight of the mean absolute difference from the real image of a map, where the latent vector was "
        "found in that very image; the paper does not have it (0). At 1 its gradient is about as long as the "
        "discriminator's.",
    )
    divergence: Weight = Field(
        0.3, description="Weight of the divergence of the vectors that are found in real images from random ones."
    )
    mode_seeking: Weight = Field(0.3, description="Weight of the term that keeps images from different vectors apart.")
    augmentation: RealTime = Field(RealTime(), description="What the discriminator sees, real and generated alike.")
    log_every: Count = Field(50, description="Steps between lines of the history and checkpoints.")
    checkpointing: bool = Field(False, description="true: less memory, a third more time; for grids of 1 mm.")


class Pgan(PganTraining):
    """The progressive GAN (Karras et al. 2018) in 3-D, conditioned on a label map."""

    labels: Literal["rdnn", "reference"] = Field(
        "rdnn",
        description="What conditions it, and what the samples of all other kinds are made from and labeled with: maps "
        "of the segmentation network, as in the paper, or the reference labels of the training subjects.",
    )

    samples: Several = Field(55, description="Synthetic subjects of each fold, of the controls too.")


class RandomContrast(Block):
    """Images of random contrast, made from the deformed labels alone: each structure has a mean between 0 and 1."""

    deviation: Weight = Field(0.1, description="Most standard deviation inside a structure.")
    blur: Weight = Field(0.7, description="Most smoothing, in voxels.")
    bias_sd: Weight = Field(0.15, description="Standard deviation of the bias field's logarithm.")
    noise_sd: Weight = Field(0.05, description="Most noise.")


class DaganAugmentation(Deformation):
    """DAGAN's own augmentation, with the published limits; 19 mm is a tenth of the grid."""

    rotation_deg: Weight = Field(10, description="Limit about each axis.")
    scale: Fraction = Field(0.1, description="Limit, as a fraction.")
    translation_mm: Weight = Field(19, description="Limit along each axis.")
    elastic_sd_mm: Weight = Field(3.6, description="Standard deviation at the nodes.")
    gamma: Fraction = Field(0.05, description="Limit of the exponent around 1, plus and minus.")


class DaganSampling(Trained):
    """What it takes to apply a trained DAGAN."""

    features: Widths = Field(
        [16, 32, 64], description="Widths of the generator; every one but the first halves the slice."
    )
    augmentation: DaganAugmentation = Field(
        DaganAugmentation(), description="DAGAN's own, with the published limits; 19 mm is a tenth of the grid."
    )
    published_deformation: bool = Field(
        False,
        description="true: samples are moved by DAGAN's own augmentation, which takes the two subjects of a pair 31 mm "
        "apart. false: by `deformation`, as the samples that they are compared with; training has its own in any case.",
    )


class DaganTraining(DaganSampling):
    """What a DAGAN is built and trained with."""

    sampling: Annotated[float, Field(gt=0, le=1)] = Field(0.3, description="Fraction of k-space lines that are kept.")
    discriminator: Widths = Field([16, 32, 64], description="Widths of the discriminator.")
    pixel: Weight = Field(15, description="Weight of the mean squared error.")
    frequency: Weight = Field(0.1, description="Weight of the error in k-space.")
    adversarial: Weight = Field(1, description="Weight of the adversarial loss.")
    batch: Count = Field(16, description="Slices of a step.")
    steps: Count = Field(250, description="Steps of generator and discriminator.")
    learning_rate: Positive = Field(0.001, description="Of Adam, halved after every quarter of the steps.")
    log_every: Count = Field(25, description="Steps between lines of the history and checkpoints.")


class Dagan(DaganTraining):
    """DAGAN (Yang et al. 2018): training subjects, augmented, under-sampled in k-space and restored by a GAN."""

    samples: Several = Field(40, description="Synthetic subjects of each fold.")


class SampleSet(Block):
    """A set of synthetic subjects."""

    samples: Count = Field(description="How many.")
    modalities: list[Label]


class Synthetic(Block):
    """How synthetic subjects take part in training a registration network, in the arms that have them."""

    per_real: Weight = Field(
        1, description="Steps on synthetic subjects for each real one, on top: all arms take the same real steps."
    )
    subjects: Several = Field(
        40,
        description="Of each fold's samples, the first so many; the last serve the table of their quality.",
    )
    supervision: Literal["labels", "displacement", "both"] = Field(
        "labels",
        description="labels: two synthetic subjects and their labels, as in the paper. displacement: T1w and T2w of "
        "one, under known random deformations (block `known`). both: such a pair, and its labels, too.",
    )


class Quality(Seeded):
    """How good synthetic subjects are: kernel distance, MS-SSIM, Dice of an RDNN, memorization, the vector's share."""

    subjects: Several = Field(
        15, description="Synthetic subjects that are measured in each fold and of each kind, the last of the set."
    )
    pairs: Count = Field(10, description="Pairs of subjects for MS-SSIM.")
    repeats: Count = Field(10, description="Random halves of the real subjects for the kernel distance.")
    blur: Positive = Field(1, description="Of the blurred reference, standard deviation in voxels.")
    threads: Count = of_runtime(1)
