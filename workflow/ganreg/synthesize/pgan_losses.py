"""Terms of the progressive GAN's losses."""

from collections.abc import Callable

import torch

from ganreg.synthesize.settings import PganTraining

# of distances, below which the mode-seeking term pushes no harder
LEAST_RATIO = 0.02

# images (B, M, X, Y, Z) -> scores (B,)
ScoreOf = Callable[[torch.Tensor], torch.Tensor]


def gradient_penalty(score_of: ScoreOf, real: torch.Tensor, fake: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Mean of (|gradient of the score| - 1)**2 at images between real and fake ones (Gulrajani et al. 2017).

    Parameters
    ----------
    score_of : function images -> scores (B,)
    real, fake : Tensors (B, M, X, Y, Z)
    share : Tensor (B, 1, 1, 1, 1), how much of the fake image

    Returns
    -------
    Tensor of one value, differentiable again
    """
    between = torch.lerp(real, fake, share).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(score_of(between).sum(), between, create_graph=True)
    return (gradient.float().flatten(1).norm(dim=1) - 1).square().mean()


def draw_normal(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """Draw from normal distributions, so that gradients reach their parameters."""
    return mean + (log_variance / 2).exp() * torch.randn_like(mean)


def latent_terms(
    z: torch.Tensor,
    posterior: tuple[torch.Tensor, torch.Tensor],
    appearances: tuple[torch.Tensor, torch.Tensor],
    sizes: torch.Tensor,
) -> dict[str, torch.Tensor]:
    """Terms that make the latent vector decide what an image looks like.

    Parameters
    ----------
    z : Tensor (2 B, L), random and encoded ones
    posterior : two Tensors (B, L), mean and log-variance of the encoded ones
    appearances : two Tensors (B, K, 2 M), of images from random and from encoded vectors
    sizes : Tensor (B, K, 1), share of each structure in the brain

    Returns
    -------
    dict of Tensors of one value each:

    - kl: Kullback-Leibler divergence of the encoded vectors from N(0, I) (as in the first half of BicycleGAN, Zhu et
      al. 2017, arXiv:1711.11586)
    - mode_seeking: distance of two latent vectors by that of the appearances made from them, structures by their size
      (Mao et al. 2019, arXiv:1903.05628)
    """
    random, encoded = z.chunk(2)
    mean, log_variance = posterior
    of_random, of_encoded = appearances
    apart = ((of_random - of_encoded).abs().mean(dim=2, keepdim=True) * sizes).sum(dim=(1, 2))
    ratio = apart / (random - encoded).abs().mean(dim=1)
    return {
        "kl": (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1).mean() / 2,
        "mode_seeking": (1 / (ratio + LEAST_RATIO)).mean(),
    }


def weighted(terms: dict[str, torch.Tensor], settings: PganTraining, length: torch.Tensor) -> torch.Tensor:
    """Sum of the generator's terms, each with its weight; the discriminator's score is not among them.

    Parameters
    ----------
    terms : dict of Tensors, `latent_terms` and l1, the mean absolute difference from the real images
    settings : PganTraining
    length : Tensor of one value, root of the values of an image
        What makes the gradient of l1 at weight 1 as long as that of the score, which has length 1 for each image,
        whatever the grid.
    """
    latent = settings.divergence * terms["kl"] + settings.mode_seeking * terms["mode_seeking"]
    return length * settings.reconstruction * terms["l1"] + latent
