"""Draw the architecture of the segmentation network as it is built (Fig. 6)."""

from collections.abc import Sequence

import pandas as pd
import torch

from ganreg import cli
from ganreg.report import architecture
from ganreg.report.settings import Style
from ganreg.report.trace import trace
from ganreg.segment import rdnn
from ganreg.segment.settings import RdnnTraining
from ganreg.settings import Block


class Options(Block):
    """How it is drawn, and the network with the grid and the number of its images."""

    plot: Style
    settings: RdnnTraining
    modalities: list[str]
    shape: list[int]


def main(argv: Sequence[str] | None = None) -> None:
    args = cli.add_paths(cli.parser(__doc__, Options), "structures", "output").parse_args(argv)
    options = args.options
    # the prior is kept on a grid of its own: it has no weights that are learned
    network = rdnn.RDNN(len(options.modalities), len(pd.read_csv(args.structures, sep="\t")), options.settings.features)
    network.eval()
    # as many slices as a training step has
    slices = min(options.settings.slices, options.shape[2])
    images = torch.randn(1, len(options.modalities), *options.shape[:2], slices)
    layers = trace(network, lambda: network(images))
    count = sum(parameter.numel() for parameter in network.parameters())
    grid = "x".join(map(str, [*images.shape[2:], len(options.modalities)]))
    title = f"RDNN: {slices} slices of {' and '.join(options.modalities)}, {grid}, {count:,} parameters"
    architecture.figure({title: layers}, args.options.plot, args.output)


if __name__ == "__main__":
    cli.run(main)
