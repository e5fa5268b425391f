"""The loss of a registration pair, the pairs that are drawn, and the weights that are taken up again."""

import pytest
import torch

from ganreg.errors import InputError
from ganreg.learn.checkpoint import save_weights
from ganreg.learn.inference import trained
from ganreg.register import dataset, learned, losses, mind
from ganreg.register.filters import sharpened
from ganreg.register.settings import RegistrationTraining
from ganreg.segment.losses import soft_dice_loss
from ganreg.spatial import warp
from ganreg.spatial.box import brain_box
from ganreg.split.settings import Task

ON_CPU = RegistrationTraining(device="cpu", precision="float32")


def batch_of(size=20):
    """A pair whose fixed brain lies in one corner of the grid, so that a wrong origin shows."""
    torch.manual_seed(0)
    labels = torch.zeros(2, 1, 1, size, size, size, dtype=torch.uint8)
    labels[0, ..., 3:9, 8:15, 5:12] = torch.randint(1, 3, (6, 7, 7))
    labels[1, ..., 4:10, 7:14, 6:12] = torch.randint(1, 3, (6, 7, 6))
    images = torch.rand(2, 1, 1, size, size, size) * (labels > 0)
    return {
        "fixed": images[0], "moving": images[1], "mask": (labels[0] > 0).float(),
        "fixed_labels": labels[0], "moving_labels": labels[1],
    }  # fmt: skip


def test_the_loss_in_the_brains_box_is_that_of_the_whole_grid():
    batch = batch_of()
    displacement = torch.randn(1, 3, 20, 20, 20) * 0.5

    class Given(torch.nn.Module):
        def forward(self, fixed, moving):
            return displacement

    settings = RegistrationTraining(
        similarity="mse", sharpening=1.5, diffusion=0.5, bending=0.25, dice=2, dice_structures=2
    )
    found, _ = learned.loss_function(settings, 2)(Given().eval(), batch)
    # images are sharpened first, and warped then
    fixed, moving = (sharpened(batch[name], 1.5) for name in ("fixed", "moving"))
    warped = warp.warp(moving, displacement)
    mask, numbers = batch["mask"], torch.tensor([1, 2])
    memberships = [(batch[f"{name}_labels"] == numbers.view(1, 2, 1, 1, 1)).float() for name in ("moving", "fixed")]
    # outside the box the warped labels overlap with nothing fixed, but count in their own volume
    memberships[0] = warp.warp(memberships[0], displacement)
    box = (..., *brain_box(mask, mind.REACH))
    expected = (
        ((warped - fixed).square() * mask).sum() / mask.sum()
        + 0.5 * losses.diffusion(displacement)
        + 0.25 * losses.bending_energy(displacement)
        + 2 * soft_dice_loss(memberships[0][box], memberships[1][box])
    )
    torch.testing.assert_close(found, expected)


def test_synthetic_pairs_take_their_share_and_never_mix_with_real_ones():
    real, synthetic = ["01", "02", "03"], ["pgan0001", "pgan0002"]
    pairs = dataset.training_pairs(Task(), real, 400, 1, synthetic, 0.25)
    kinds = [{subject in synthetic for subject in pair} for pair in pairs]
    assert all(len(kind) == 1 for kind in kinds)
    assert 70 < sum(kind == {True} for kind in kinds) < 130
    assert all(moving != fixed for moving, fixed in pairs)
    assert not any({*pair} & {*synthetic} for pair in dataset.training_pairs(Task(), real, 50, 1))


@pytest.mark.parametrize(
    ("real", "synthetic", "share", "message"),
    [(["01"], [], 0, "at least 2 subjects"), (["01", "02"], ["pgan0001"], 0.5, "at least 2 synthetic subjects")],
)
def test_one_subject_makes_no_pair(real, synthetic, share, message):
    with pytest.raises(InputError, match=f"{message} for inter_subject, found 1"):
        dataset.training_pairs(Task(), real, 10, 1, synthetic, share)


def test_trained_weights_are_applied_and_damaged_ones_are_one_line(tmp_path):
    path = tmp_path / "weights.pt"
    model = torch.nn.Conv3d(1, 1, 1)
    save_weights(path, model.state_dict())
    image = torch.rand(1, 1, 4, 4, 4)
    found = trained(torch.nn.Conv3d(1, 1, 1), path, ON_CPU)(image)
    torch.testing.assert_close(found, model(image).detach())
    whole = path.read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"no weights at all"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"weights\.pt: expected weights of the configured network, found"):
            trained(torch.nn.Conv3d(1, 1, 1), path, ON_CPU)
    save_weights(path, torch.nn.Conv3d(1, 2, 1).state_dict())
    with pytest.raises(InputError, match=r"weights\.pt: expected weights of the configured network, found"):
        trained(torch.nn.Conv3d(1, 1, 1), path, ON_CPU)
