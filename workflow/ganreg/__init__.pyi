from ganreg.errors import InputError
from ganreg.evaluate.metrics import hd95
from ganreg.interface import preprocess_image, register_pair, regularity, warp
from ganreg.io import load_image as read_image
from ganreg.io import load_labels as read_labels
from ganreg.volumes.overlap import dice

__all__ = [
    "InputError",
    "dice",
    "hd95",
    "preprocess_image",
    "read_image",
    "read_labels",
    "register_pair",
    "regularity",
    "warp",
]
