"""Muon: momentum steps along orthogonalized matrices (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon).

`torch.optim.Muon` takes matrices only, and works in bfloat16, which is ten times slower on processors without units for
it.
"""

from collections.abc import Iterable

import torch

# the quintic iteration's coefficients, from the same source: quick rather than exact
COEFFICIENTS = 3.4445, -4.7750, 2.0315
ITERATIONS = 5
MOMENTUM = 0.9


def orthogonalized(matrix: torch.Tensor) -> torch.Tensor:
    """The nearest matrix with orthonormal rows or columns, roughly: singular values between about 0.5 and 1.3.

    By Newton-Schulz iteration; singular values under a five-hundredth of the norm stay smaller.

    Parameters
    ----------
    matrix : Tensor (N, M)

    Returns
    -------
    Tensor (N, M)
    """
    x = matrix / (matrix.norm() + 1e-7)
    wide = x if x.shape[0] <= x.shape[1] else x.T
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = wide @ wide.T
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    return wide if x.shape[0] <= x.shape[1] else wide.T


class Muon(torch.optim.Optimizer):
    """Muon for weights of convolutions (O, C, ...), each as one matrix with a row an output, whatever its groups.

    Every direction of a matrix moves alike, also those whose gradients are small.

    Parameters
    ----------
    params : iterable of Tensors
    lr : float
        Singular values of a step, about; times the root of O / (C ...) where that is above 1.
    """

    def __init__(self, params: Iterable[torch.Tensor], lr: float) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    # torch's takes a closure, too, for optimizers that compute the loss again
    def step(self) -> None:  # type: ignore[override]
        """One step along the gradients, with Nesterov's momentum."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["momentum"] = torch.zeros_like(weight)
                state["momentum"].mul_(MOMENTUM).add_(weight.grad)
                ahead = weight.grad.add(state["momentum"], alpha=MOMENTUM).flatten(1)
                longer = max(1, ahead.shape[0] / ahead.shape[1]) ** 0.5
                weight.add_(orthogonalized(ahead).view_as(weight), alpha=-group["lr"] * longer)
