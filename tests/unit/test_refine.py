"""Refinement at test time: it finds what the network has left, and does not move what is right."""

import numpy as np
import pytest
import torch
import torch.nn.functional as functional

from ganreg import io
from ganreg.errors import InputError
from ganreg.register import instance
from ganreg.register.filters import sharpened
from ganreg.register.refine import refine
from ganreg.register.settings import Refinement, Unet
from ganreg.register.unet import RegistrationUNet
from ganreg.spatial import warp

SETTINGS = Refinement(mutual_information=0.03, diffusion=0.1, steps=60, learning_rate=0.05)
MODEL = RegistrationUNet(Unet(features=[4]))


def image(size=24, margin=4):
    """Smooth texture in a box, 0 outside, as preprocessed brains are."""
    torch.manual_seed(0)
    texture = functional.interpolate(torch.rand(1, 1, 7, 7, 7), size=(size - 2 * margin,) * 3, mode="trilinear")
    return functional.pad(1 + texture, (margin,) * 6)


@pytest.mark.parametrize("sharpening", [0, 3])
@pytest.mark.parametrize("contrast", [lambda data: data, lambda data: 3 - data])
def test_a_planted_shift_is_found_whatever_the_contrast(contrast, sharpening):
    # fixed(x) = moving(x + shift)
    shift = torch.tensor([1.0, -0.5, 0.75]).view(1, 3, 1, 1, 1)
    moving = image()
    fixed = warp.warp(moving, shift.expand(1, 3, 24, 24, 24))
    fixed = torch.where(fixed > 0, contrast(fixed), 0)
    settings = SETTINGS.model_copy(update={"sharpening": sharpening})
    velocity = refine(torch.zeros(1, 3, 12, 12, 12), MODEL.displacement, fixed, moving, settings)
    found = MODEL.displacement(velocity)[..., 8:-8, 8:-8, 8:-8].mean(dim=(2, 3, 4))
    torch.testing.assert_close(found, shift.view(1, 3), atol=0.15, rtol=0)


def test_a_pair_that_matches_stays_and_the_start_is_left_as_it_was():
    start = torch.zeros(1, 3, 12, 12, 12)
    velocity = refine(start, MODEL.displacement, image(), image(), SETTINGS)
    # Adam takes steps of one size, however small the gradient
    assert MODEL.displacement(velocity).abs().mean() < 0.06
    assert (start == 0).all()
    assert not velocity.requires_grad


def test_what_is_compared_are_sharpened_images():
    fixed, moving = (functional.pad(60 + torch.randn(1, 1, 16, 16, 16), (4,) * 6) for _ in range(2))
    start, settings = torch.zeros(1, 3, 12, 12, 12), SETTINGS.model_copy(update={"steps": 3})
    sharpening = settings.model_copy(update={"sharpening": 3})
    found = refine(start, MODEL.displacement, fixed, moving, sharpening)
    sharp = (sharpened(image, 3) for image in (fixed, moving))
    torch.testing.assert_close(found, refine(start, MODEL.displacement, *sharp, settings))
    assert not torch.allclose(found, refine(start, MODEL.displacement, fixed, moving, settings), atol=1e-2)


def test_a_rough_start_is_not_smoothed_away():
    torch.manual_seed(1)
    start = 0.3 * torch.randn(1, 3, 12, 12, 12)
    # an image that tells nothing: what moves the velocity is the smoothness alone
    flat = functional.pad(torch.full((1, 1, 16, 16, 16), 4.0), (4,) * 6)
    settings = SETTINGS.model_copy(update={"mutual_information": 0, "diffusion": 10.0})
    velocity = refine(start, MODEL.displacement, flat, flat, settings)
    assert (velocity - start)[..., 4:-4, 4:-4, 4:-4].abs().mean() < 0.05


def test_an_odd_grid_is_one_line(tmp_path):
    path = tmp_path / "odd.nii.gz"
    io.save(path, np.random.default_rng(0).random((16, 15, 16)), np.eye(4))
    with pytest.raises(InputError, match=r"odd\.nii\.gz: expected a grid of even sides, found 16x15x16"):
        instance.register(path, path, tmp_path / "out.nii.gz", instance.Instance())
