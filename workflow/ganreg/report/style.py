"""One look for all figures, and how they are written: PNG, SVG and the CSV behind them."""

import contextlib
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from ganreg import io

PALETTES = {
    # Okabe and Ito's colours, distinct for all kinds of colour vision
    "colorblind": ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#666666", "#F0E442"],
}

NAMES = {
    "initial": "Affine only",
    "syn_msq": "SyN (mean squares)",
    "syn_mi": "SyN (Mattes MI)",
    "syn_cc": "SyN (CC)",
    "niftyreg_ssd": "NiftyReg (SSD)",
    "niftyreg_nmi": "NiftyReg (NMI)",
    "greedy_nmi": "greedy (NMI)",
    "convexadam_mind": "ConvexAdam (MIND)",
    "voxelmorph1": "VoxelMorph-1",
    "voxelmorph2": "VoxelMorph-2",
    "unet_none": "U-Net",
    "unet_classic": "U-Net + classic",
    "unet_warped": "U-Net + warped",
    "unet_random_contrast": "U-Net + random contrast",
    "unet_dagan": "U-Net + DAGAN",
    "unet_pgan": "U-Net + PGAN",
    "unet_proposed": "U-Net + PGAN + classic",
    "unet_none_refined": "U-Net, refined",
    "unet_proposed_refined": "U-Net + PGAN + classic, refined",
}


def name_of(method):
    """A method's name for readers."""
    return NAMES.get(method, method)


def colors(options, count):
    """`count` colours of the configured palette, repeated if need be."""
    palette = PALETTES.get(options["palette"]) or matplotlib.colormaps[options["palette"]].colors
    return [palette[index % len(palette)] for index in range(count)]


@contextlib.contextmanager
def figure(options, output, data, **subplots):
    """Yield a figure and its axes, then write it, and beside it an SVG and its data.

    Parameters
    ----------
    options : dict, block `plot`: `dpi`, `font_size`
    output : Path of the PNG
    data : pandas.DataFrame, what the figure shows; None for a picture of a table, which is a PNG alone
    subplots : passed on to `plt.subplots`
    """
    # a fixed salt and no date: the same figure is the same file
    settings = {"font.size": options["font_size"], "svg.hashsalt": "ganreg", "axes.spines.top": False}
    with plt.rc_context({**settings, "axes.spines.right": False, "svg.fonttype": "none"}):
        drawn, axes = plt.subplots(squeeze=False, layout="constrained", **subplots)
        yield drawn, axes
        output = Path(output)
        formats = {".png": {"Software": None}, ".svg": {"Date": None}}
        for suffix, metadata in formats.items() if data is not None else [*formats.items()][:1]:
            path = output.with_suffix(suffix)
            with io.atomic(path) as beside:
                drawn.savefig(beside, dpi=options["dpi"], metadata=metadata, format=suffix[1:])
        plt.close(drawn)
        if data is not None:
            io.write_table(output.with_suffix(".csv"), data)
