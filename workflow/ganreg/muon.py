"""Muon: momentum steps of orthogonalised matrices (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon)."""

import torch

# the quintic iteration's coefficients, from the same source: quick rather than exact
COEFFICIENTS = 3.4445, -4.7750, 2.0315
ITERATIONS = 5
MOMENTUM = 0.9


def orthogonalised(matrix):
    """A matrix (N, M) with its singular values brought near 1 (0.7 to 1.2), by Newton-Schulz iteration, in float32.

    `torch.optim.Muon` does it in bfloat16, which takes ten times as long on processors without units for it.
    """
    a, b, c = COEFFICIENTS
    x = matrix / (matrix.norm() + 1e-7)
    wide = x if x.shape[0] <= x.shape[1] else x.T
    for _ in range(ITERATIONS):
        gram = wide @ wide.T
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    return wide if x.shape[0] <= x.shape[1] else wide.T


class Muon(torch.optim.Optimizer):
    """Muon for the weights of convolutions, (outputs, inputs, ...), each as a matrix with a row an output.

    Every direction of a matrix moves alike, also those whose gradients are small.

    Parameters
    ----------
    params : iterable of Tensors
    lr : float
        Singular values of a step, about; larger by the root of outputs over inputs where there are more outputs.
    """

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self):
        """One step along the gradients, with Nesterov's momentum."""
        for group in self.param_groups:
            for weight in group["params"]:
                momentum = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
                momentum.mul_(MOMENTUM).add_(weight.grad)
                ahead = weight.grad.add(momentum, alpha=MOMENTUM).flatten(1)
                longer = max(1, ahead.shape[0] / ahead.shape[1]) ** 0.5
                weight.add_(orthogonalised(ahead).view_as(weight), alpha=-group["lr"] * longer)
