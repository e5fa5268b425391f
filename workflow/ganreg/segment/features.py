"""Features of slices from the encoder of a trained RDNN, for distances between sets of images."""

import numpy as np
import torch

from ganreg import training
from ganreg.segment import learned, rdnn, samples


def encoder(weights, options, structures):
    """A function that turns images into features: the RDNN's last encoder stage, averaged over each slice.

    Parameters
    ----------
    weights : Path
    options : dict
        As the RDNN's manifest has them.
    structures : pandas.DataFrame, as `labels.structures` gives it

    Returns
    -------
    function: images, float32 array (M, X, Y, Z) in the units of `normalize.zscore`, and mask, bool array (X, Y, Z)
        -> float32 array (N, C), a row a slice with brain

    Raises
    ------
    InputError
        If the weights do not fit the network of `options`.
    """
    model = learned.build(options, len(structures))
    encode = training.trained(model, weights, options["settings"], rdnn.RDNN.encode)

    def features(images, mask):
        levels = np.flatnonzero(mask.any(axis=(0, 1)))
        scores = samples.plain_zscore(torch.from_numpy(images), torch.from_numpy(mask))[None, ..., levels]
        return encode(scores).mean(dim=(2, 3)).numpy()

    return features
