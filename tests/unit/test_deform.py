"""Random deformations: seeded, smooth, of the configured size, the same for images and labels."""

import numpy as np
import pytest
import torch
from small_pgan import label_map

from ganreg.spatial import deform
from ganreg.spatial.jacobian import jacobian_determinant
from ganreg.spatial.settings import Deformation

DEFORMATION = Deformation(rotation_deg=8, scale=0.05, translation_mm=4)
STILL = Deformation(rotation_deg=0, scale=0, translation_mm=0, elastic_sd_mm=0)


def test_deformation_is_seeded_smooth_and_moves_image_and_labels_together():
    labels = label_map(32)
    still = deform.random_displacement(np.random.default_rng(0), labels.shape, [4, 4, 4], STILL)
    assert still.abs().max() < 1e-5
    one, again = (
        deform.random_displacement(np.random.default_rng(5), labels.shape, [4, 4, 4], DEFORMATION) for _ in range(2)
    )
    assert torch.equal(one, again)
    # 4 mm voxels: a scale of 5 % at 64 mm, 8 degrees, 4 mm and 2.5 mm of elastic deformation
    assert 0.3 < one.std().item() < 3
    for number in range(5):
        field = deform.random_displacement(np.random.default_rng(number), labels.shape, [4, 4, 4], DEFORMATION)
        assert jacobian_determinant(field, "forward").min() > 0
    moved = deform.deform_labels(labels, one)
    image = deform.deform_image((labels > 1).astype(np.float32), one)
    overlap = 2 * ((image > 0.5) & (moved > 1)).sum() / ((image > 0.5).sum() + (moved > 1).sum())
    before = 2 * ((labels > 1) & (moved > 1)).sum() / ((labels > 1).sum() + (moved > 1).sum())
    assert overlap > 0.98 > before


def test_elastic_deformation_has_the_configured_size():
    settings = STILL.model_copy(update={"elastic_sd_mm": 3})
    fields = [
        deform.random_displacement(np.random.default_rng(k), (33, 33, 33), [4, 4, 4], settings) for k in range(10)
    ]
    # nodes are 32 mm, 8 voxels, apart
    nodes = torch.stack([field[..., ::8, ::8, ::8] for field in fields]) * 4
    assert nodes.std().item() == pytest.approx(3, rel=0.05)
