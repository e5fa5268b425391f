"""Settings of the simulated cohort, of simulated patients, and of degraded copies."""

from typing import Annotated, Literal

from pydantic import Field

from ganreg.settings import Block, Count, Positive, Seeded, Unique, Weight, Whole

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


class Contrast(Block):
    """Contrast and scanner of one modality."""

    gamma_sd: Weight = Field(0.05, description="Standard deviation of the logarithm of a random gamma.")
    structure_sd: Weight = Field(0.02, description="Standard deviation of an offset for each structure.")
    bias_sd: Weight = Field(0.03, description="Standard deviation of the logarithm of the bias field.")
    bias_smoothness_mm: Positive = Field(40, description="Smoothness of the bias field.")
    noise_sd: Weight = Field(0.02, description="Standard deviation of the Rician noise, as a fraction of white matter.")


class SlicedContrast(Contrast):
    """Contrast and scanner of a modality in thick slices."""

    slice_mm: Weight = Field(3, description="Slice thickness; 0: that of a voxel.")


Scales = Annotated[list[Scale], Field(min_length=1)]


class Anatomy(Seeded):
    """Everything that a simulated subject is drawn from."""

    spacing: Literal[1, 2] = Field(1, description="Of the raw T1w images in mm: 1, or 2 to save time.")
    velocity: Scales = Field(
        [Scale(smoothness_mm=16, sd=1.4), Scale(smoothness_mm=8, sd=1.2), Scale(smoothness_mm=4, sd=1.1)],
        description="Anatomy: a stationary velocity field, the sum of Gaussian random fields of these smoothnesses "
        "and standard deviations in mm.",
    )
    parcellation: Scales = Field(
        [Scale(smoothness_mm=4, sd=0.9)],
        description="Boundaries between parcels that the gray values do not show, in mm.",
    )
    texture: Scales = Field(
        [Scale(smoothness_mm=2.5, sd=0.07)],
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


class Cohort(Anatomy):
    """The simulated cohort: random diffeomorphisms of the ICBM-152 averages with CerebrA labels.

    The values were calibrated so that classical methods rank and score on it, T1w to T1w, as they do on real IXI
    subjects (benchmarks/cohort_calibration.csv).
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
