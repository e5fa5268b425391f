"""Settings of the simulated cohort, of simulated patients, and of degraded copies."""

from typing import Annotated, Literal

from pydantic import Field

from ganreg.settings import Block, Count, Positive, Seeded, Share, Unique, Weight, Whole

# of a patient; the others are aligned to the first
COHORT_MODALITIES = ["T1w", "T2w"]
PATIENT_MODALITIES = [*COHORT_MODALITIES, "ct", "pet"]


class Scale(Block):
    """One scale of a sum of Gaussian random fields."""

    smoothness_mm: Positive = Field(description="Standard deviation of the smoothing kernel.")
    sd: Weight = Field(description="Standard deviation of the field.")


class Rigid(Block):
    """Limits of a random rigid motion."""

    rotation_deg: Weight = Field(description="Limit about each axis.")
    translation_mm: Weight = Field(description="Limit along each axis.")


class Growth(Block):
    """Random growth of a part of the brain, of the template's labels."""

    labels: Annotated[list[Count], Field(min_length=1)] = Field(description="Labels of the template.")
    smoothness_mm: Positive = Field(description="Standard deviation of the smoothing: how far it reaches.")
    mean: float = Field(0, description="Mean of the largest velocity, in mm; above 0 it grows.")
    sd: Weight = Field(description="Standard deviation of the largest velocity, in mm.")


class Uniform(Block):
    """Structures whose gray values are drawn to their mean: an average of many heads is blurred at their boundaries."""

    labels: Annotated[list[Count], Field(min_length=1)] = Field(
        # CerebrA's thalamus, caudate, putamen, pallidum, hippocampus, amygdala, ventral diencephalon, ventricles, brain
        # stem and cerebellar white matter
        [5, 11, 19, 21, 26, 27, 29, 37, 39, 40, 41, 48, 49, 56, 62, 70, 72, 77, 78, 80, 88, 90, 91, 92, 99, 100],
        description="Labels of the template.",
    )
    share: Share = Field(0.7, description="Share of the way to the mean.")


class Size(Block):
    """Random size of the head: factors whose logarithms are normal."""

    mean: float = Field(0, description="Mean of the logarithm of the factor along all axes; below 0 heads are smaller.")
    sd: Weight = Field(0.025, description="Its standard deviation.")
    axis_sd: Weight = Field(0.012, description="Standard deviation of the logarithm of a factor of each axis.")


class Contrast(Block):
    """Contrast and scanner of one modality."""

    gamma_sd: Weight = Field(0.04, description="Standard deviation of the logarithm of a random gamma.")
    structure_sd: Weight = Field(0.02, description="Standard deviation of an offset for each structure.")
    bias_sd: Weight = Field(0.02, description="Standard deviation of the logarithm of the bias field.")
    bias_smoothness_mm: Positive = Field(40, description="Smoothness of the bias field.")
    noise_sd: Weight = Field(
        0.015, description="Standard deviation of the Rician noise, as a fraction of white matter."
    )


class SlicedContrast(Contrast):
    """Contrast and scanner of a modality in thick slices."""

    slice_mm: Weight = Field(3, description="Slice thickness; 0: that of a voxel.")


class Sites(Block):
    """Scanners. The first is that of `T1w` and `T2w`; the others are drawn about it, each for all of its subjects."""

    count: Count = Field(1, description="A subject's site is drawn, too.")
    gamma_sd: Weight = Field(0.1, description="Standard deviation between sites of the logarithm of a gamma.")
    structure_sd: Weight = Field(0.03, description="Standard deviation between sites of an offset for each structure.")
    bias_spread: Weight = Field(0.3, description="Standard deviation of the logarithm of a factor of `bias_sd`.")
    noise_spread: Weight = Field(0.3, description="Standard deviation of the logarithm of a factor of `noise_sd`.")
    blur_mm: Weight = Field(1, description="Largest full width at half maximum of the blur of a further site, uniform.")


Scales = Annotated[list[Scale], Field(min_length=1)]


class Anatomy(Seeded):
    """Everything that a simulated subject is drawn from."""

    spacing: Literal[1, 2] = Field(
        1, description="Of the raw T1w images in mm: 1, or 2 to save time. The head's size comes on top."
    )
    velocity: Scales = Field(
        [Scale(smoothness_mm=16, sd=1.35), Scale(smoothness_mm=8, sd=1.15), Scale(smoothness_mm=4, sd=1.1)],
        description="Anatomy: a stationary velocity field, the sum of Gaussian random fields of these smoothnesses "
        "and standard deviations in mm.",
    )
    compressibility: Share = Field(
        0.15,
        description="Share of the divergent part that the random velocities keep: it changes volumes. 1: all, 0: none.",
    )
    growth: list[Growth] = Field(
        [
            Growth(labels=[5, 41, 56, 92, 29, 80], smoothness_mm=5, sd=2.7),
            Growth(labels=[29, 80], smoothness_mm=4, sd=1.5),
        ],
        description="Parts that are larger or smaller than the template's, added to the velocity: the lateral and the "
        "third ventricles together, and the third by itself.",
    )
    size: Size = Field(
        Size(mean=-0.06), description="The head's size. It is a matter of voxel sizes: no voxel is resampled."
    )
    parcellation: Scales = Field(
        [Scale(smoothness_mm=4, sd=0.95)],
        description="Boundaries between parcels that the gray values do not show, in mm.",
    )
    uniform: Uniform = Field(Uniform(), description="Deep structures, more uniform than the template shows them.")
    texture: Scales = Field(
        [Scale(smoothness_mm=2.5, sd=0.04)],
        description="Anatomy without counterpart in another subject: Gaussian random fields added to T1w and taken "
        "from T2w, as a fraction of the white matter's value.",
    )
    pose: Rigid = Field(
        Rigid(rotation_deg=5, translation_mm=5), description="The head in the scanner: limits of uniform draws."
    )
    movement: Rigid = Field(
        Rigid(rotation_deg=2, translation_mm=2), description="The head's movement between T1w and T2w."
    )
    T1w: Contrast = Field(Contrast(), description="Contrast and scanner of T1w.")
    T2w: SlicedContrast = Field(SlicedContrast(), description="Contrast and scanner of T2w, in slices.")
    sites: Sites = Field(Sites(), description="One scanner or several.")


class Cohort(Anatomy):
    """The simulated cohort: random diffeomorphisms of the ICBM-152 averages with CerebrA labels.

    Gray values and volumes vary as those of real subjects do (benchmarks/cohort_variety.csv), and classical methods
    are compared on it and on real subjects (benchmarks/cohort_calibration.csv).
    """

    subjects: Annotated[int, Field(ge=4, le=9999)] = Field(15, description="Number of subjects.")


class Patients(Block):
    """Simulated patients with the geometry of RIRE.

    256 x 256 x 26 voxels of 1.25 x 1.25 x 4 mm in T1w, T2w, CT and PET, each volume at a random rigid offset from T1w.
    """

    count: Annotated[int, Field(ge=2, le=99)] = Field(10, description="Number of patients.")
    seed: Whole = Field(101, description="Another one than the cohort's.")
    offset: Rigid = Field(Rigid(rotation_deg=10, translation_mm=20), description="Largest offset of a volume from T1w.")


Levels = Unique[Positive]


class Degradation(Seeded):
    """Levels at which moving images are degraded; the untouched image is always among them."""

    folds: Count | None = Field(None, description="The pairs of the first so many folds; null: of all.")
    noise_sd: Levels = Field(
        [0.25, 0.5, 1, 1.5], description="White noise inside the brain, in standard deviations of its gray values."
    )
    bias_sd: Levels = Field(
        [0.1, 0.2, 0.3, 0.4],
        description="Standard deviation of the logarithm of a bias field (smoothness 40 mm) inside the brain.",
    )
    rotation_deg: Levels = Field(
        [5, 10, 15, 20],
        description="Rotation of the moving subject about a random axis through the grid's center.",
    )
