"""Slices of volumes as a radiologist's report shows them: axial, front up, the subject's left on the right."""

import numpy as np


def axial(volume, fraction):
    """The axial slice at a fraction of the height of an (X, Y, Z) RAS array, as rows from front to back."""
    index = round(fraction * (volume.shape[2] - 1))
    return np.asarray(volume)[::-1, ::-1, index].T


def brain_box(labels, margin=3):
    """Slices of the bounding box of labels > 0, with a margin in voxels."""
    inside = np.argwhere(labels > 0)
    return tuple(
        slice(max(low - margin, 0), high + margin + 1) for low, high in zip(inside.min(0), inside.max(0), strict=True)
    )


def show(axis, volume, fraction, title="", limits=None):
    """Draw an axial slice in grey, without ticks."""
    picture = axial(volume, fraction)
    low, high = limits or np.percentile(picture[picture != 0], [1, 99]) if picture.any() else (0, 1)
    axis.imshow(picture, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    axis.set_title(title)
    axis.set_axis_off()


def show_labels(axis, labels, fraction, title=""):
    """Draw an axial slice of a label array, a colour for each structure, without ticks."""
    # the products below would not fit into 8 bits
    picture = axial(labels, fraction).astype(int)
    # neighbouring numbers far apart in colour
    scattered = np.where(picture > 0, 1 + picture * 17 % 59, 0)
    axis.imshow(scattered, cmap="nipy_spectral", vmin=0, vmax=60, interpolation="nearest")
    axis.set_title(title)
    axis.set_axis_off()


def show_map(figure, axis, volume, fraction, title=""):
    """Draw an axial slice of a measured volume in colour, NaN blank, the scale from 0 to its 95th percentile."""
    most = np.nanpercentile(axial(volume, fraction), 95)
    drawn = axis.imshow(axial(volume, fraction), cmap="viridis", vmin=0, vmax=most or 1, interpolation="nearest")
    figure.colorbar(drawn, ax=axis, shrink=0.8)
    axis.set_title(title)
    axis.set_axis_off()


def contours(axis, labels, fraction, color, width=0.6):
    """Outline every structure of a label array on an axial slice."""
    picture = axial(labels, fraction)
    for index in np.unique(picture[picture > 0]):
        axis.contour(picture == index, levels=[0.5], colors=[color], linewidths=width)


def checkerboard(first, second, tiles=8):
    """Alternate squares of two volumes (X, Y, Z) in the axial plane."""
    blocks = [np.arange(side) * tiles // side for side in first.shape[:2]]
    board = (blocks[0][:, None] + blocks[1][None, :]) % 2 == 0
    return np.where(board[:, :, None], first, second)
