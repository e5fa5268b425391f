"""Augmentation while the GAN trains: what the discriminator sees is cropped, deformed and noisy, real and fake alike.

Real and generated images go through the same random transforms together with their label maps, so that the generator
learns the distribution before augmentation, and nothing of the augmentation leaks into its images (Karras et al. 2020,
arXiv:2006.06676).

Coordinates are fractions of the grid's box, -1 to 1 from face to face, so that one transform means the same on the grid
of each stage.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as functional

from ganreg.synthesize.settings import RealTime

Transform = dict[str, torch.Tensor]

# nodes of the elastic deformation in each direction
NODES = 5


def draw(batch: int, extent_mm: Sequence[float], settings: RealTime, device: torch.device) -> Transform:
    """Random transform of each member of a batch.

    Parameters
    ----------
    batch : int
    extent_mm : list of 3 floats, size of the grid's box
    settings : RealTime
    device : torch.device

    Returns
    -------
    dict
        `scale` and `center` (B, 3, 1, 1, 1), `window` (B, 1, 1, 1, 1), how much of the grid's side shows something,
        `nodes` (B, 3, 5, 5, 5), `noise` (B, 1, 1, 1, 1).
    """
    side = settings.crop + (1 - settings.crop) * torch.rand(batch, 1, 1, 1, 1, device=device).expand(-1, 3, 1, 1, 1)
    center = (1 - side) * (2 * torch.rand(batch, 3, 1, 1, 1, device=device) - 1)
    half = torch.tensor(extent_mm, device=device, dtype=torch.float32).view(1, 3, 1, 1, 1) / 2
    nodes = settings.elastic_sd_mm / half * torch.randn(batch, 3, NODES, NODES, NODES, device=device)
    noise = settings.noise_sd * torch.rand(batch, 1, 1, 1, 1, device=device)
    whole = torch.ones_like(side)
    scale, window = (side, whole) if settings.resize else (whole, side)
    return {"scale": scale, "center": center, "window": window[:, :1], "nodes": nodes, "noise": noise}


def _grid(transform: Transform, shape: Sequence[int]) -> torch.Tensor:
    """Place of each voxel of a grid: (1, 3, X, Y, Z)."""
    device = transform["scale"].device
    axes = [(2 * torch.arange(size, device=device) + 1) / size - 1 for size in shape]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"))[None]


def _window(transform: Transform, shape: Sequence[int]) -> torch.Tensor:
    """1 where the box that is cut out lies, 0 around it: (B, 1, X, Y, Z)."""
    return (_grid(transform, shape).abs() <= transform["window"]).all(dim=1, keepdim=True)


def _coordinates(transform: Transform, shape: Sequence[int]) -> torch.Tensor:
    """Where the value of each voxel of a grid is taken from, in the order that grid_sample wants: (B, X, Y, Z, 3)."""
    grid = _grid(transform, shape)
    elastic = functional.interpolate(transform["nodes"], size=tuple(shape), mode="trilinear", align_corners=False)
    return (transform["center"] + transform["scale"] * grid + elastic).flip(1).permute(0, 2, 3, 4, 1)


def apply_to_images(transform: Transform, images: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Transformed images (B, M, X, Y, Z), with noise where the transformed `mask` (B, 1, X, Y, Z) is not 0."""
    grid = _coordinates(transform, images.shape[2:])
    moved = functional.grid_sample(images.float(), grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    moved = moved * _window(transform, images.shape[2:])
    return moved + transform["noise"] * torch.randn_like(moved) * (mask > 0)


def apply_to_labels(transform: Transform, labels: torch.Tensor) -> torch.Tensor:
    """Transformed labels (B, 1, X, Y, Z), the nearest ones, 0 from outside the grid."""
    grid = _coordinates(transform, labels.shape[2:])
    moved = functional.grid_sample(labels.float(), grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return (moved * _window(transform, labels.shape[2:])).to(labels.dtype)
