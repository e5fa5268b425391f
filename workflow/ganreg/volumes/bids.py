"""The one place that spells where a subject's files lie and how they are named (BIDS entities).

Importable without the imaging packages, since the workflow plans with it. A folder of subjects holds
`sub-{subject}/anat/sub-{subject}_{name}`; the names below are what comes after.
"""

from pathlib import Path

# of subjects as they came, beside their images
RAW_MASK = "desc-brain_mask.nii.gz"
RAW_DSEG = "dseg.nii.gz"
# of preprocessed subjects, real or synthetic, on the working grid: as their images not compressed, since training reads
# them again and again
MASK = "desc-brain_mask.nii"
DSEG = "dseg.nii"
EVALUATION_DSEG = "res-evaluation_dseg.nii.gz"
# where a scan of a part of the head reaches
EVALUATION_FOV = "res-evaluation_desc-fov_mask.nii.gz"
# the segmentation network's
MAP = "desc-rdnn_dseg.nii.gz"
# of a simulated subject: transform files
TO_TEMPLATE = "from-T1w_to-template_desc-true_xfm.nii.gz"
FROM_TEMPLATE = "from-template_to-T1w_desc-true_xfm.nii.gz"


def stem(folder: Path | str, subject: str) -> str:
    """What the paths of a subject's files begin with, the underscore included."""
    return f"{folder}/sub-{subject}/anat/sub-{subject}_"


def path(folder: Path | str, subject: str, name: str) -> Path:
    """Path of a subject's file: `folder/sub-01/anat/sub-01_{name}`."""
    return Path(stem(folder, subject) + name)


def inside(own: Path, subject: str, name: str) -> Path:
    """Path of a subject's file in the subject's own folder, whatever that is called while it is being written."""
    return own / "anat" / f"sub-{subject}_{name}"


def raw(modality: str) -> str:
    """Name of an image as the scanner gave it."""
    return f"{modality}.nii.gz"


def preprocessed(modality: str) -> str:
    """Name of an image on the working grid, not compressed."""
    return f"desc-preproc_{modality}.nii"


def normalized(modality: str) -> str:
    """Name of a z-scored image on its own grid."""
    return f"desc-normalized_{modality}.nii.gz"


def field_of_view(modality: str) -> str:
    """Name of the mask of the place on the working grid that a scan covers."""
    return f"mod-{modality}_desc-fov_mask.nii.gz"


def native_mask(reference: str) -> str:
    """Name of the brain mask on the reference image's own grid."""
    return f"space-{reference}_desc-brain_mask.nii.gz"


def linear(source: str, target: str) -> str:
    """Name of a matrix (4, 4), RAS mm, that maps points of one space (template, or a modality) to another's."""
    return f"from-{source}_to-{target}_xfm.txt"


def true_rigid(source: str, target: str) -> str:
    """Name of the true matrix between two modalities."""
    return f"from-{source}_to-{target}_desc-true_xfm.txt"


def participant(subject: str) -> str:
    """A subject as `participants.tsv` names it."""
    return f"sub-{subject}"


def pair(moving: str, fixed: str) -> str:
    """Name of a pair of subjects, and of its transform file."""
    return f"{participant(moving)}_to_{participant(fixed)}"


def find(folder: Path, name: str) -> list[Path]:
    """The files of a name that the subjects of a folder have, sorted; `*` stands for anything."""
    return sorted(Path(folder).glob(f"sub-*/anat/sub-*_{name}"))


def subjects_in(folder: Path) -> list[str]:
    """Labels of the subjects that a folder holds, sorted."""
    return sorted(each.name.removeprefix("sub-") for each in Path(folder).glob("sub-*"))


def subject_of(file: Path | str) -> str | None:
    """The subject that a file belongs to, by the folders that it lies in; None where there is none."""
    named = [part for part in Path(file).parts[:-1] if part.startswith("sub-")]
    return named[-1].removeprefix("sub-") if named else None
