"""Settings of folds and of the registration task."""

from typing import Annotated, Literal

from pydantic import Field

from ganreg.settings import Block, Count, Label, Seeded


class Folds(Seeded):
    """Subject-disjoint folds."""

    folds: Annotated[int, Field(ge=2)] = Field(5, description="Number of folds.")
    validation_subjects: Count = Field(
        2, description="Of the subjects outside a fold's test set, so many choose the weights."
    )


class Split(Folds):
    """Subject-disjoint folds, and smaller training sets."""

    training_sizes: list[Annotated[int, Field(ge=2)]] = Field(
        [], description="For example [3, 6]: unet_none and unet_proposed again with so few training subjects."
    )


class Task(Block):
    """Who is registered with whom."""

    pairs: Literal["inter_subject", "atlas_to_subject", "within_subject"] = Field(
        "inter_subject",
        description="inter_subject: the moving modality of one subject onto the fixed modality of another. "
        "atlas_to_subject: `atlas` (the embedded template, or one of your subjects) onto each subject. "
        "within_subject: moving onto fixed of one subject.",
    )
    pairs_per_subject: Count | Literal["all"] = Field(
        1,
        description="How often each test subject is fixed (and moving). all: once with every other test subject of its "
        "fold, in all ordered pairs.",
    )
    fixed: Label = Field("T1w", description="The fixed modality.")
    moving: Label = Field("T2w", description="The moving modality.")
    atlas: Label = Field("atlas", description="The subject that is the atlas.")
