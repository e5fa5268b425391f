"""Features of slices from the encoder of a trained RDNN, for distances between sets of images."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ganreg.learn.inference import trained
from ganreg.segment import rdnn
from ganreg.segment.samples import plain_zscore
from ganreg.segment.settings import RdnnModel


def encoder(
    weights: Path, model: RdnnModel, structures: pd.DataFrame
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """A function that turns images into features: the RDNN's last encoder stage, averaged over each slice.

    Parameters
    ----------
    weights : Path
    model : RdnnModel
    structures : pandas.DataFrame, as `labels.structures` gives it

    Returns
    -------
    function: images, float32 array (M, X, Y, Z) in the units of `normalize.zscore`, and mask, bool array (X, Y, Z)
        -> float32 array (N, C), a row a slice with brain

    Raises
    ------
    InputError
        If the weights do not fit the network.
    """
    encode = trained(rdnn.build(model, len(structures)), weights, model.settings, rdnn.RDNN.encode)

    def features(images: np.ndarray, mask: np.ndarray) -> np.ndarray:
        levels = np.flatnonzero(mask.any(axis=(0, 1)))
        scores = plain_zscore(torch.from_numpy(images), torch.from_numpy(mask))[None, ..., levels]
        means: np.ndarray = encode(scores).mean(dim=(2, 3)).numpy()
        return means

    return features
