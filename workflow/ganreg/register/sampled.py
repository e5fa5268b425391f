"""The files that `uncertainty.sample_transforms` leaves of each pair."""

from pathlib import Path

# volumes, as `register.uncertainty.maps` gives them
MAPS = ["variance", "residual", "appearance_variance"]
# the transform with fixed and moving image exchanged
BACKWARD = "backward"


def file_of(folder: Path, pair: str, name: str) -> Path:
    """A pair's file, `name` one of `MAPS` or `BACKWARD`, in the folder of its fold."""
    return folder / f"{pair}_{name}.nii.gz"
