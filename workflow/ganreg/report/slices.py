"""Slices of volumes as a radiologist's report shows them: axial, front up, the subject's left on the right."""

from pathlib import Path

import nibabel as nib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganreg import io
from ganreg.volumes import bids

Limits = tuple[float, float]
# of a thumbnail: finer slices are thinned out to about so many pixels
SIDE = 96


def volume(folder: Path, subject: str, name: str) -> np.ndarray:
    """A subject's volume (X, Y, Z), by its name as `volumes.bids` spells it."""
    return voxels(io.load(bids.path(folder, subject, name)))


def voxels(image: nib.Nifti1Image) -> np.ndarray:
    """The array (X, Y, Z) of an image."""
    return np.asarray(image.dataobj)


def axial(volume: np.ndarray, fraction: float) -> np.ndarray:
    """The axial slice at a fraction of the height of an (X, Y, Z) RAS array, as rows from front to back."""
    index = round(fraction * (volume.shape[2] - 1))
    return np.asarray(volume)[::-1, ::-1, index].T


def thumbnail(volume: np.ndarray, fraction: float) -> np.ndarray:
    """An axial slice, float32, at most about twice `SIDE` pixels wide."""
    picture = axial(volume, fraction)
    step = max(1, min(picture.shape) // SIDE)
    return picture[::step, ::step].astype(np.float32)


def brain_box(labels: np.ndarray, margin: int = 3) -> tuple[slice, ...]:
    """Slices of the bounding box of labels > 0, with a margin in voxels."""
    inside = np.argwhere(labels > 0)
    return tuple(
        slice(max(low - margin, 0), high + margin + 1) for low, high in zip(inside.min(0), inside.max(0), strict=True)
    )


def window(volume: np.ndarray, fraction: float) -> Limits:
    """Gray values of an axial slice from black to white: its 1st and 99th percentile above background."""
    picture = axial(volume, fraction)
    if not picture.any():
        return 0, 1
    low, high = np.percentile(picture[picture != 0], [1, 99])
    return low, high


def show(axis: Axes, volume: np.ndarray, fraction: float, title: str = "", limits: Limits | None = None) -> None:
    """Draw an axial slice in gray, without ticks; by default in its own `window`."""
    picture = axial(volume, fraction)
    low, high = limits or window(volume, fraction)
    axis.imshow(picture, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    axis.set_title(title)
    axis.set_axis_off()


def show_labels(axis: Axes, labels: np.ndarray, fraction: float, title: str = "") -> None:
    """Draw an axial slice of a label array, a color for each structure, without ticks."""
    # the products below would not fit into 8 bits
    picture = axial(labels, fraction).astype(int)
    # neighboring numbers far apart in color
    scattered = np.where(picture > 0, 1 + picture * 17 % 59, 0)
    axis.imshow(scattered, cmap="nipy_spectral", vmin=0, vmax=60, interpolation="nearest")
    axis.set_title(title)
    axis.set_axis_off()


def show_map(figure: Figure, axis: Axes, volume: np.ndarray, fraction: float, title: str = "") -> None:
    """Draw an axial slice of a measured volume in color, NaN blank, the scale from 0 to its 95th percentile."""
    most = np.nanpercentile(axial(volume, fraction), 95)
    drawn = axis.imshow(axial(volume, fraction), cmap="viridis", vmin=0, vmax=most or 1, interpolation="nearest")
    figure.colorbar(drawn, ax=axis, shrink=0.8)
    axis.set_title(title)
    axis.set_axis_off()


def contours(axis: Axes, labels: np.ndarray, fraction: float, color: str, width: float = 0.6) -> None:
    """Outline every structure of a label array on an axial slice."""
    picture = axial(labels, fraction)
    for index in np.unique(picture[picture > 0]):
        axis.contour(picture == index, levels=[0.5], colors=[color], linewidths=width)


def checkerboard(first: np.ndarray, second: np.ndarray, tiles: int = 8) -> np.ndarray:
    """Alternate squares of two volumes (X, Y, Z) in the axial plane."""
    blocks = [np.arange(side) * tiles // side for side in first.shape[:2]]
    board = (blocks[0][:, None] + blocks[1][None, :]) % 2 == 0
    return np.where(board[:, :, None], first, second)
