"""What tests of figures share: they run a script on made inputs and look at what it drew."""

import importlib.util
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ganreg import io
from ganreg.volumes import bids

STYLE = {"dpi": 60, "font_size": 8, "palette": "colorblind"}
PLOT = {**STYLE, "slice": 0.5}
# the first colors of the palette
COLORS = ["#0072B2", "#D55E00", "#009E73"]
SHAPE = (14, 16, 11)
# the slice in the middle of the brain, which is cut out with a margin of 3 voxels
MIDDLE = 5


def draw(root: Path, script: str, options: dict, output: Path, **paths) -> None:
    """Run a script that draws a figure into `output`, and data beside it."""
    draw_all(root, script, options, output=output, **paths)
    assert all(output.with_suffix(kind).stat().st_size > 0 for kind in (".png", ".svg", ".csv"))


def draw_all(root: Path, script: str, options: dict, **paths) -> None:
    """Run a script that draws; a list of paths is an argument with several values."""
    spec = importlib.util.spec_from_file_location(script, root / "workflow" / "scripts" / f"{script}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    words = ["--options", json.dumps(options)]
    for name, value in paths.items():
        words += [f"--{name.replace('_', '-')}", *map(str, value if isinstance(value, list) else [value])]
    module.main(words)


class Closed(list):
    """Figures that a script has closed, and so finished."""

    def __init__(self, monkeypatch):
        self.close = plt.close
        monkeypatch.setattr(plt, "close", self.keep)

    def keep(self, figure: Figure) -> None:
        self.append(figure)
        self.close(figure)


def texts(artist) -> list[str]:
    """All texts of an axis, or of a legend, that are not empty."""
    return [text.get_text() for text in artist.texts if text.get_text()]


def names(axis, which: str) -> list[str]:
    """The labels of an axis's ticks; `which` is x or y."""
    return [label.get_text() for label in getattr(axis, f"get_{which}ticklabels")()]


def points(collection) -> np.ndarray:
    """Places (N, 2) of the points of a scatter plot."""
    return np.asarray(collection.get_offsets())


def cells(table) -> dict[tuple[int, int], str]:
    """The texts of a drawn table, by row and column."""
    return {place: cell.get_text().get_text() for place, cell in table.get_celld().items()}


def picture(axis, number: int = 0) -> np.ndarray:
    """The pixels of an axis's image; NaN where it is blank."""
    return np.ma.filled(np.ma.asarray(axis.images[number].get_array()).astype(float), np.nan)


def axial(volume: np.ndarray, index: int = MIDDLE) -> np.ndarray:
    """What a slice of a volume in RAS looks like: front up, the left on the right."""
    return np.array(
        [[volume[x, y, index] for x in reversed(range(volume.shape[0]))] for y in reversed(range(volume.shape[1]))]
    )


def subject(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A made subject: two images, a label map of a box of two halves, and its mask; no voxel in it is 0."""
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[3:7, 3:13, 3:8], labels[7:11, 3:13, 3:8] = 1, 2
    images = {name: np.where(labels, rng.uniform(0.5, 2, SHAPE), 0).astype(np.float32) for name in ("T1w", "T2w")}
    return {**images, "dseg": labels, "mask": (labels > 0).astype(np.uint8)}


def write_subject(folder: Path, name: str, volumes: dict[str, np.ndarray]) -> None:
    """Write a preprocessed subject."""
    for key, data in volumes.items():
        kind = {"dseg": bids.DSEG, "mask": bids.MASK}.get(key, bids.preprocessed(key))
        io.save(bids.path(folder, name, kind), data, np.eye(4), data.dtype)


def write_subjects(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    """Write two made subjects, 01 and 02, and return their volumes."""
    rng = np.random.default_rng(0)
    made = {name: subject(rng) for name in ("01", "02")}
    for name, volumes in made.items():
        write_subject(folder, name, volumes)
    return made


def same(axis, volume: np.ndarray, number: int = 0) -> bool:
    """Whether an axis shows the middle slice of a volume."""
    return np.array_equal(picture(axis, number), axial(volume), equal_nan=True)
