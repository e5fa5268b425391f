"""Draw the architecture of the progressive GAN at its last stage as it is built (Fig. 7)."""

from collections.abc import Sequence

import pandas as pd
import torch

from ganreg import cli
from ganreg.report import architecture
from ganreg.report.settings import Style
from ganreg.report.trace import trace
from ganreg.settings import Block
from ganreg.synthesize.pgan_condition import Condition
from ganreg.synthesize.pgan_training import Adversaries
from ganreg.synthesize.settings import PganTraining


class Options(Block):
    """How it is drawn, and the networks with the grid and the number of their images."""

    plot: Style
    settings: PganTraining
    shape: list[int]
    modalities: list[str]


def main(argv: Sequence[str] | None = None) -> None:
    args = cli.add_paths(cli.parser(__doc__, Options), "structures", "output").parse_args(argv)
    options, settings = args.options, args.options.settings
    largest, stage = int(pd.read_csv(args.structures, sep="\t")["index"].max()), len(settings.stages) - 1
    extent = [1.0] * 3
    both = Adversaries(settings, options.shape, extent, largest, len(options.modalities), torch.device("cpu"))
    labels = torch.ones(1, 1, *options.shape, dtype=torch.uint8)
    z, images = torch.randn(1, settings.latent), torch.randn(1, len(options.modalities), *options.shape)
    # a condition remembers what has been asked of it, which would go unseen the second time
    traced = {
        "Generator": trace(both.generator, lambda: both.generator(z, Condition(labels), stage, 1.0)),
        "Discriminator": trace(both.discriminator, lambda: both.discriminator(images, Condition(labels), stage, 1.0)),
    }
    networks = {}
    for name, layers in traced.items():
        count = sum(layer.parameters for layer in layers)
        networks[f"{name} at its last stage: {count:,} parameters"] = layers
    architecture.figure(networks, options.plot, args.output)


if __name__ == "__main__":
    cli.run(main)
