"""Features of slices from the encoder of a trained RDNN, for distances between sets of images."""

import numpy as np
import torch
import torch.nn.functional as functional

from ganreg import training
from ganreg.errors import InputError
from ganreg.segment import rdnn, samples


def encoder(weights, options, structures):
    """A function that turns images into features: the RDNN's last encoder stage, averaged over each slice.

    Parameters
    ----------
    weights : Path
    options : dict
        `settings` and `modalities`, as the RDNN's manifest has them.
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
    settings = options["settings"]
    device = training.choose_device(settings["device"])
    precision = training.choose_precision(settings["precision"], device)
    model = rdnn.RDNN(len(options["modalities"]), len(structures), settings["features"], settings["recurrent"])
    try:
        model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    except (RuntimeError, OSError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{weights}: expected weights of the configured network, found otherwise: {reason}") from None
    model.to(device, memory_format=torch.channels_last_3d).eval()

    def features(images, mask):
        levels = np.flatnonzero(mask.any(axis=(0, 1)))
        scores = samples.plain_zscore(torch.from_numpy(images), torch.from_numpy(mask))[None, ..., levels]
        width, height = scores.shape[2:4]
        padded = functional.pad(scores, (0, 0, 0, -height % model.multiple, 0, -width % model.multiple))
        with (
            torch.inference_mode(),
            torch.autocast(device.type, dtype=precision or torch.bfloat16, enabled=precision is not None),
        ):
            x = model.first(padded.permute(0, 1, 4, 2, 3).to(device))
            for layer in model.down:
                x = layer(x)
        return x[0].float().mean(dim=(2, 3)).T.cpu().numpy()

    return features
