"""Uncertainty of a registration network: samples of its transform by Monte-Carlo dropout (Eq. 8 and 9).

With dropout left on at test time, each run is a draw from an approximate posterior over networks (Gal and Ghahramani
2016, arXiv:1506.02142); what the draws do not agree on, the network does not know.
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from ganreg import io
from ganreg.learn.inference import trained
from ganreg.progress import Progress
from ganreg.register import networks
from ganreg.register.batch import inputs_of_pairs
from ganreg.register.sampled import BACKWARD, MAPS, file_of
from ganreg.register.settings import Dropout, VelocityTraining
from ganreg.resume import resume_key, unfinished
from ganreg.spatial import transform_file, warp
from ganreg.split.folds import Pair


@contextlib.contextmanager
def dropout_alone(model: torch.nn.Module, seed: int) -> Iterator[None]:
    """Within, the dropout layers draw, from `seed` on; all else, and the whole model after, is in evaluation mode."""
    layers = [layer for layer in model.modules() if isinstance(layer, torch.nn.Dropout3d)]
    torch.manual_seed(seed)
    for layer in layers:
        layer.train()
    try:
        yield
    finally:
        for layer in layers:
            layer.eval()


def maps(
    displacements: Iterable[torch.Tensor],
    fixed: torch.Tensor,
    moving: torch.Tensor,
    affine: npt.NDArray[np.float64],
) -> dict[str, npt.NDArray[np.float32]]:
    """What samples of a transform say of its uncertainty; none of the samples is kept.

    Parameters
    ----------
    displacements : iterable of Tensor (1, 3, X, Y, Z), voxels; the T samples
    fixed, moving : Tensor (1, 1, X, Y, Z)
    affine : array (4, 4), of the grid, mm

    Returns
    -------
    dict of float32 arrays (X, Y, Z), by the names of `sampled.MAPS`
        `variance`: trace of the covariance of the displacement over the samples, mm^2 (Eq. 8); its root is the
        root-mean-square distance of the samples from their mean, of the kind of an error's length. `residual`: mean
        squared difference of the warped moving images from the fixed image (Eq. 9 as written), squared gray values.
        `appearance_variance`: variance of the warped moving image over the samples, squared gray values. All divide
        by T.
    """
    to_mm = torch.as_tensor(affine[:3, :3], dtype=torch.float32)
    mean, squares = [torch.zeros(()), torch.zeros(())], [torch.zeros(()), torch.zeros(())]
    residual = torch.zeros_like(fixed)
    for count, displacement in enumerate(displacements, start=1):
        warped = warp.warp(moving, displacement)
        residual += (warped - fixed).square()
        # running mean and squared deviations (Welford 1962, doi:10.1080/00401706.1962.10490022)
        for k, value in enumerate((torch.einsum("ij,bjxyz->bixyz", to_mm, displacement), warped)):
            difference = value - mean[k]
            mean[k] = mean[k] + difference / count
            squares[k] = squares[k] + difference * (value - mean[k])
    found = squares[0].sum(dim=1), residual[0], squares[1][0]
    return {name: (total[0] / count).numpy() for name, total in zip(MAPS, found, strict=True)}


def sample_transforms(
    pairs: Sequence[Pair],
    weights: Path,
    settings: VelocityTraining,
    dropout: Dropout,
    modalities: tuple[str, str],
    subjects_folder: Path,
    output: Path,
    key: str,
) -> None:
    """Leave the uncertainty maps of pairs, and their transforms with both images exchanged, in a folder.

    Every pair meets the same T networks: random numbers start anew at each pair, so that order and interruption
    change nothing.

    Parameters
    ----------
    pairs : list of dict: `pair`, `fixed`, `moving`
    weights : Path
    settings : VelocityTraining, the network's
    dropout : Dropout
    modalities : of the fixed and of the moving images
    subjects_folder : Path of the preprocessed subjects
    output : Path of the folder; a finished part lies beside it until the whole stands
    key : str, resume key of settings and code; it is completed with the hashes of weights and images

    Raises
    ------
    InputError
        If the weights do not fit, or the two images of a pair differ in grid.
    """
    model = networks.build(settings)
    network = trained(model, weights, settings)
    inputs_of = inputs_of_pairs(subjects_folder, *modalities, partial=False)
    paths = {pair["pair"]: inputs_of(pair) for pair in pairs}
    hashes = {str(path): io.sha256(path) for both in paths.values() for path in both}
    with unfinished(output, resume_key(key, hashes, io.sha256(weights)), "uncertainty") as part:
        progress = Progress("uncertainty", len(pairs))
        for pair, both in paths.items():
            if part.finished(pair) is None:
                fixed, moving = (io.load_image(path) for path in both)
                io.require_same_grid(fixed, both[0], moving, both[1])
                tensors = [torch.from_numpy(np.asarray(image.dataobj))[None, None] for image in (fixed, moving)]
                with dropout_alone(model, dropout.seed):
                    samples = (network(*tensors) for _ in range(dropout.samples))
                    found = maps(samples, tensors[0], tensors[1], fixed.affine)
                files = {name: file_of(part.folder, pair, name) for name in (*found, BACKWARD)}
                for name, volume in found.items():
                    io.save(files[name], volume, fixed.affine)
                exchanged = network(*reversed(tensors))
                transform_file.write_transform(files[BACKWARD], exchanged[0].numpy(), fixed.affine)
                part.finish(pair, files.values())
            progress.step()
        progress.close()
