"""Draw the architecture of the registration U-Net as it is built (Fig. 9)."""

from collections.abc import Sequence

import torch

from ganreg import cli
from ganreg.register import networks
from ganreg.register.settings import Unet
from ganreg.report import architecture
from ganreg.report.settings import Style
from ganreg.report.trace import trace
from ganreg.settings import Block


class Options(Block):
    """How it is drawn, and the network with the grid of its images."""

    plot: Style
    settings: Unet
    shape: list[int]


def main(argv: Sequence[str] | None = None) -> None:
    args = cli.add_paths(cli.parser(__doc__, Options), "output").parse_args(argv)
    options = args.options
    network = networks.build(options.settings).eval()
    images = torch.randn(2, 1, 1, *options.shape)
    layers = trace(network, lambda: network(*images))
    count = sum(parameter.numel() for parameter in network.parameters())
    grid = "x".join(map(str, options.shape))
    title = f"Registration U-Net: two images of {grid}, {count:,} parameters"
    architecture.figure({title: layers}, options.plot, args.output)


if __name__ == "__main__":
    cli.run(main)
