"""Terms of the registration loss (the paper's Eq. 4 to 7) as stateless functions."""

import itertools

import torch
import torch.nn.functional as functional

from ganreg.preprocess.normalize import SHIFT

# a voxel's descriptor looks as far: its neighbours, and their patches
REACH = 2
# squared grey values, of which a brain has deviation 1: patches that differ less from those around them are flat
FLAT = 5e-4
# of the histogram of mutual information, along each axis
BINS = 32


def _self_similarity():
    """The twelve pairs of neighbours at distance sqrt(2), by the way from one to the other: {way: where it starts}."""
    neighbours = [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]
    ways = {}
    for first, second in itertools.combinations(neighbours, 2):
        way = tuple(b - a for a, b in zip(first, second, strict=True))
        if sum(step * step for step in way) == 2:
            if way < (0, 0, 0):
                first, way = second, tuple(-step for step in way)
            ways.setdefault(way, []).append(first)
    return ways


SELF_SIMILARITY = _self_similarity()


def _box_sum(image):
    """Sum over 3x3x3 voxels, two fewer a side; on a CPU faster than pooling."""
    for axis in (4, 3, 2):
        size = image.shape[axis] - 2
        first, second, third = (image.narrow(axis, start, size) for start in range(3))
        image = (first + second).add_(third)
    return image


def box_mean(image):
    """Mean over 3x3x3 voxels of an image (B, C, X, Y, Z), edges repeated."""
    return _box_sum(functional.pad(image, (1,) * 6, mode="replicate")).div_(27)


def sharpened(image, amount):
    """Unsharp masking: `amount` times what 3x3x3 voxels average away is added, inside the brain.

    Parameters
    ----------
    image : Tensor (B, 1, X, Y, Z), preprocessed, 0 outside the brain
    amount : float; 0: the image as it is

    Returns
    -------
    Tensor (B, 1, X, Y, Z)
    """
    return torch.where(image > 0, image + amount * (image - box_mean(image)), image) if amount else image


def _ends(padded, way):
    """Slices of a padded image: where a way can start, and where it then ends."""
    starts = [slice(max(0, -step), side - max(0, step)) for step, side in zip(way, padded.shape[2:], strict=True)]
    stops = [slice(side.start + step, side.stop + step) for step, side in zip(way, starts, strict=True)]
    return (..., *starts), (..., *stops)


def _of_voxels(way, start, shape):
    """Slices of the patches along a way: those that start at a certain neighbour of each voxel of the image."""
    first = [1 + at - max(0, -step) for at, step in zip(start, way, strict=True)]
    return (..., *(slice(at, at + side) for at, side in zip(first, shape, strict=True)))


def _patch_distances(padded):
    """Mean squared differences of patches (B, 12, X, Y, Z) of an image padded by `REACH`."""
    shape, distances = [side - 2 * REACH for side in padded.shape[2:]], []
    for way, starts in SELF_SIMILARITY.items():
        here, there = _ends(padded, way)
        patches = _box_sum((padded[here] - padded[there]).square_()).div_(27)
        distances.extend(patches[_of_voxels(way, start, shape)] for start in starts)
    return torch.cat(distances, dim=1)


def mind(image):
    """Modality-independent neighbourhood descriptor with self-similarity context (Heinrich et al. 2013).

    doi:10.1007/978-3-642-40811-3_24; patches of 3x3x3 voxels, neighbours at distance 1. Edges are repeated. Without a
    gradient: `similarity_to` has it.

    Parameters
    ----------
    image : Tensor (B, 1, X, Y, Z)

    Returns
    -------
    Tensor (B, 12, X, Y, Z), between 0 and 1
    """
    with torch.no_grad():
        distance = _patch_distances(functional.pad(image, (REACH,) * 6, mode="replicate"))
        distance -= distance.amin(dim=1, keepdim=True)
        return (distance / -distance.mean(dim=1, keepdim=True).clamp(min=FLAT)).exp_()


class _MindDistance(torch.autograd.Function):
    """`mind_distance`, with the gradient worked out by hand.

    Automatic differentiation of the two dozen shifted copies takes four times as long.
    """

    @staticmethod
    def forward(ctx, padded, target, weight):
        """`padded` image (B, 1, ...) by `REACH`, `target` (B, 12, X, Y, Z), `weight` (B, 1, X, Y, Z)."""
        distance = _patch_distances(padded)
        least, nearest = distance.min(dim=1, keepdim=True)
        distance -= least
        mean = distance.mean(dim=1, keepdim=True)
        variance = mean.clamp(min=FLAT)
        descriptor = (distance / -variance).exp_()
        difference = descriptor - target
        weight = weight / (weight.sum() * len(target[0]))
        if ctx.needs_input_grad[0]:
            # of the distances: through the exponent, the variance (their mean) and the least of them
            gradient = (difference * descriptor).mul_(-2 * weight / variance)
            of_mean = (gradient * distance).mean(dim=1, keepdim=True).div_(variance) * (mean > FLAT)
            gradient -= of_mean
            gradient.scatter_add_(1, nearest, -gradient.sum(dim=1, keepdim=True))
            ctx.save_for_backward(padded, gradient)
        ctx.mark_non_differentiable(descriptor)
        return difference.square_().mul_(weight).sum(), descriptor

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, factor, _):
        padded, gradient = ctx.saved_tensors
        shape, result, channels = gradient.shape[2:], torch.zeros_like(padded), iter(gradient.split(1, dim=1))
        for way, starts in SELF_SIMILARITY.items():
            here, there = _ends(padded, way)
            difference = padded[here] - padded[there]
            # of the patches' sums, with the two voxels around that the sums' gradient wants
            patches = functional.pad(torch.zeros_like(difference[..., 1:-1, 1:-1, 1:-1]), (2,) * 6)
            inside = patches[..., 2:-2, 2:-2, 2:-2]
            for start in starts:
                inside[_of_voxels(way, start, shape)] += next(channels)
            moved = _box_sum(patches).mul_(difference).mul_(2 / 27 * factor)
            result[here] += moved
            result[there] -= moved
        return result, None, None


def mind_distance(warped, target, mask):
    """Mean squared difference of an image's descriptors from given ones, inside a mask.

    Parameters
    ----------
    warped : Tensor (B, 1, X, Y, Z)
    target : Tensor (B, 12, X, Y, Z), of `mind`
    mask : Tensor (B, 1, X, Y, Z)

    Returns
    -------
    (distance, with its gradient; `mind(warped)`, without one)
    """
    return _MindDistance.apply(functional.pad(warped, (REACH,) * 6, mode="replicate"), target, mask)


def similarity_to(name, fixed, mask):
    """Similarity term by name, for one fixed image; lower is better.

    mind: mean squared difference of descriptors inside the mask. mi: negative mutual information inside the mask. ncc:
    negative squared local cross-correlation in windows of 9 voxels. mse: mean squared difference inside the mask.

    Parameters
    ----------
    name : str
    fixed, mask : Tensor (B, 1, X, Y, Z)

    Returns
    -------
    function (warped image (B, 1, X, Y, Z)) -> loss
    """
    if name == "mind":
        target = mind(fixed)
        return lambda warped: mind_distance(warped, target, mask)[0]
    if name == "mse":
        return lambda warped: ((warped - fixed).square() * mask).sum() / mask.sum()
    if name == "mi":
        return _negative_mutual_information(fixed, mask)
    # costs seconds to import
    from monai.losses import LocalNormalizedCrossCorrelationLoss

    loss = LocalNormalizedCrossCorrelationLoss(spatial_dims=3, kernel_size=9)
    return lambda warped: loss(warped, fixed)


def _bins_of(values):
    """Preprocessed grey values, 0 to twice `normalize.SHIFT`, as places among the bins."""
    return (values / (2 * SHIFT)).clamp(0, 1 - 1e-6) * (BINS - 1)


def _negative_mutual_information(fixed, mask):
    """A function of the warped image: minus the mutual information inside the mask, in nats, of a joint histogram.

    A warped voxel counts in the two bins that it lies between, by its nearness to each (a Parzen window of order 1;
    Mattes et al. 2003, doi:10.1109/TMI.2003.809072, take order 3), and so has a gradient.
    """
    inside = mask > 0
    rows = BINS * _bins_of(fixed[inside]).round().long()

    def loss(warped):
        places = _bins_of(warped[inside])
        lower = places.detach().floor()
        share, columns = places - lower, lower.long()
        joint = places.new_zeros(BINS * BINS)
        joint = joint.index_add(0, rows + columns, 1 - share).index_add(0, rows + columns + 1, share)
        joint = joint.view(BINS, BINS) / len(places)
        apart = joint.sum(dim=0, keepdim=True) * joint.sum(dim=1, keepdim=True)
        return -(joint * ((joint + 1e-8) / (apart + 1e-8)).log()).sum()

    return loss


def warped_dice_loss(moving, fixed, displacement, origin, structures):
    """1 - mean soft Dice of structures, each warped linearly, over those present in either label map; 0 where none is.

    That of `segment.losses.soft_dice_loss` on one-hot volumes that are warped one by one, but in the time that two or
    three of them take, however many structures there are: each corner that a voxel lies between has one label.

    Parameters
    ----------
    moving : Tensor (1, 1, U, V, W), labels
    fixed : Tensor (1, 1, X, Y, Z), labels
    displacement : Tensor (1, 3, X, Y, Z), voxels
    origin : the voxel of `moving` at which `fixed` and the displacement begin
    structures : Tensor (K,), label numbers
    """
    count = len(structures)
    # all labels that are not looked at are one more structure
    rank_of = torch.full((int(max(moving.max(), fixed.max(), structures.max())) + 1,), count, device=moving.device)
    rank_of[structures.to(moving.device)] = torch.arange(count, device=moving.device)
    # around the moving labels there is nothing
    around = functional.pad(rank_of[moving[0, 0].long()], (1,) * 6, value=count)
    fixed = rank_of[fixed[0, 0].long()].flatten()
    corners, shares = 0, []
    for axis, (moved, first) in enumerate(zip(displacement[0], origin, strict=True)):
        side = around.shape[axis]
        places = torch.arange(moved.shape[axis], dtype=torch.float32, device=moved.device) + first + 1
        places = (moved + places.view([-1 if dim == axis else 1 for dim in range(3)])).clamp(0, side - 1).flatten()
        lower = places.detach().floor().clamp(max=side - 2)
        corners = corners * side + lower.long()
        shares.append((1 - (places - lower), places - lower))
    around, strides = around.flatten(), around.stride()
    volume = torch.bincount(fixed, minlength=count + 1).float()
    overlap = torch.zeros_like(volume)
    for ends in itertools.product((0, 1), repeat=3):
        share = shares[0][ends[0]] * shares[1][ends[1]] * shares[2][ends[2]]
        rank = around[corners + sum(end * stride for end, stride in zip(ends, strides, strict=True))]
        volume = volume.index_add(0, rank, share)
        overlap = overlap.index_add(0, rank, share * (rank == fixed))
    volume, overlap = volume[:count], overlap[:count]
    present = volume > 0
    return (1 - 2 * overlap[present] / volume[present]).sum() / present.sum().clamp(min=1)


def diffusion(displacement):
    """Mean squared forward difference of a displacement (B, 3, X, Y, Z) in voxels (Eq. 5)."""
    return sum(displacement.diff(dim=axis).square().mean() for axis in (2, 3, 4)) / 3


def bending_energy(displacement):
    """Mean squared second difference, mixed ones twice, of a displacement (B, 3, X, Y, Z) in voxels (Eq. 6)."""
    total = 0
    for first, second in itertools.product((2, 3, 4), repeat=2):
        total = total + displacement.diff(dim=first).diff(dim=second).square().mean()
    return total / 9
