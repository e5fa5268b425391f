"""The files that `sample_transforms` leaves of each pair."""

# volumes, as `register.uncertainty.maps` gives them
MAPS = ["variance", "residual", "appearance_variance"]
# the transform with fixed and moving image exchanged
BACKWARD = "backward"


def file_of(folder, pair, name):
    """A pair's file, `name` one of `MAPS` or `BACKWARD`, in the folder (Path) of its fold."""
    return folder / f"{pair}_{name}.nii.gz"
