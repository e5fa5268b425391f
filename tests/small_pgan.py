"""What the tests of synthetic subjects share: small subjects, and the settings of a small progressive GAN."""

import numpy as np

from ganreg import io
from ganreg.synthesize.samples import write_sample
from ganreg.synthesize.settings import PganTraining, Stage
from ganreg.volumes import bids

STAGES = [
    Stage(width=6, batch=3, fade_in=0, steady=8),
    Stage(width=5, batch=2, fade_in=4, steady=6),
    Stage(width=4, batch=1, fade_in=2, steady=2),
]
SETTINGS = PganTraining(
    stages=STAGES, latent=3, embedding=2, learning_rate=0.001, log_every=2, device="cpu", precision="float32"
)
SIDE, LABELS = 16, 3


def label_map(side=SIDE):
    """Nested boxes: 0 outside, then 1, 2, 3."""
    labels = np.zeros((side, side, side), dtype=np.uint8)
    for label in range(1, LABELS + 1):
        edge = label * side // 8
        labels[edge : side - edge, edge : side - edge, edge : side - edge] = label
    return labels


def write_subjects(folder):
    """Three preprocessed subjects and their maps, in `preprocess` and `maps`."""
    rng = np.random.default_rng(0)
    affine = np.diag([8.0, 8, 8, 1])
    for number, subject in enumerate(("01", "02", "03")):
        labels = np.roll(label_map(), number - 1, axis=1)
        images = {
            name: labels * float(sign) + rng.normal(0, 0.3, labels.shape) for name, sign in (("T1w", 1), ("T2w", -1))
        }
        write_sample(folder / "preprocess", subject, images, labels, affine)
        io.save(bids.path(folder / "maps", subject, bids.MAP), labels, affine, np.uint8)
    return folder
