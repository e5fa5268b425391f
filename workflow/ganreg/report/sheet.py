"""Many thumbnails as one picture: hundreds of axes would take minutes to draw."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# pixels between thumbnails, and room for text below each as a share of its width
GAP, TEXT = 2, 0.3


class Sheet(NamedTuple):
    """A contact sheet, in pixels."""

    picture: np.ma.MaskedArray
    """Brightness from 0 to 1; masked where text goes."""
    outline: np.ndarray
    """1 inside the masks."""
    labels: list[tuple[float, float]]
    """Of each thumbnail, where its text begins: the middle of its line and the line's top."""


def contact_sheet(images: Sequence[np.ndarray], masks: Sequence[np.ndarray], columns: int, rows: int) -> Sheet:
    """Put thumbnails side by side, each as bright as its own 99th percentile above 0.

    Parameters
    ----------
    images, masks : lists of arrays (height, width), all of one shape
    columns, rows : int
    """
    height, width = images[0].shape
    tall, wide = height + math.ceil(TEXT * width), width + GAP
    sheet, outline = np.zeros((2, rows * tall, columns * wide), dtype=np.float32)
    labels = []
    for index, (image, mask) in enumerate(zip(images, masks, strict=True)):
        y, x = index // columns * tall, index % columns * wide
        brightest = np.percentile(image[image > 0], 99) if (image > 0).any() else 1
        sheet[y : y + height, x : x + width] = np.clip(image / brightest, 0, 1)
        outline[y : y + height, x : x + width] = mask > 0
        labels.append((x + width / 2, y + height + 1))
    lettering = np.arange(sheet.shape[0]) % tall >= height
    return Sheet(np.ma.array(sheet, mask=np.broadcast_to(lettering[:, None], sheet.shape)), outline, labels)
