"""The loss of a registration pair, the pairs that are drawn, and the weights that are taken up again."""

import pytest
import torch

from ganreg.errors import InputError
from ganreg.learn.checkpoint import save_weights
from ganreg.learn.inference import trained
from ganreg.register import learned, losses, mind
from ganreg.register.filters import sharpened
from ganreg.register.recipe import Recipe
from ganreg.register.settings import KnownDeformation, RegistrationTraining
from ganreg.segment.losses import soft_dice_loss
from ganreg.spatial import warp
from ganreg.spatial.box import brain_box
from ganreg.split.settings import Task
from ganreg.synthesize.settings import Synthetic

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
    # where the displacement is known its error is added, or, without labels, is all there is
    error = (((displacement - 1) ** 2) * mask).sum() / (3 * mask.sum())
    batch["displacement"] = torch.ones(1, 3, 20, 20, 20)
    settings = settings.model_copy(update={"known": 0.5})
    found, _ = learned.loss_function(settings, 2)(Given().eval(), batch)
    torch.testing.assert_close(found, expected + 0.5 * error)
    unlabeled = {key: value for key, value in batch.items() if "labels" not in key}
    found, _ = learned.loss_function(settings, 2)(Given().eval(), unlabeled)
    torch.testing.assert_close(found, 0.5 * error)


REAL, SYNTHETIC = ["01", "02", "03"], ["pgan0001", "pgan0002"]


def steps_of(synthetic=None, pool=SYNTHETIC, **changed):
    settings = RegistrationTraining(steps=40, pretraining=6)
    recipe = Recipe(task=Task(), known=KnownDeformation(), synthetic=synthetic, **changed)
    return learned.training_steps(settings, recipe, REAL, pool)


def test_all_arms_take_the_same_real_steps_in_the_same_order():
    alone = steps_of()
    assert [step.number for step in alone] == [*range(40)]
    assert not any(step.added for step in alone)
    for synthetic in (Synthetic(per_real=0.5), Synthetic(per_real=2), Synthetic(supervision="displacement")):
        steps = steps_of(synthetic)
        assert [step for step in steps if not step.added] == alone
        added = [step for step in steps if step.added]
        assert [step.number for step in added] == [*range(round(40 * synthetic.per_real))]
        assert {step.moving for step in added} | {step.fixed for step in added} == {*SYNTHETIC}
        one = synthetic.supervision == "displacement"
        assert all((step.moving == step.fixed) == one for step in added)
        # spread evenly: half of them in the first half
        half = steps[: len(steps) // 2]
        assert abs(sum(step.added for step in half) - len(added) / 2) <= 1


def test_what_is_added_does_not_depend_on_whose_samples_they_are():
    first, second = (steps_of(Synthetic(), [f"{kind}0001", f"{kind}0002"]) for kind in ("pgan", "warped"))
    assert [(step.moving[-1], step.fixed[-1]) for step in first if step.added] == [
        (step.moving[-1], step.fixed[-1]) for step in second if step.added
    ]


def test_without_samples_real_subjects_are_what_is_added_and_pretraining_takes_nothing_else():
    known = [step for step in steps_of(Synthetic(supervision="displacement"), []) if step.added]
    assert {step.moving for step in known} == {*REAL}
    before = steps_of(pretraining=True)
    assert len(before) == 6
    assert all(step.added and step.moving == step.fixed for step in before)


@pytest.mark.parametrize(("real", "pool"), [(["01"], SYNTHETIC), (REAL, ["pgan0001"])])
def test_one_subject_makes_no_pair(real, pool):
    recipe = Recipe(task=Task(), known=KnownDeformation(), synthetic=Synthetic())
    with pytest.raises(InputError, match="at least 2 subjects for inter_subject, found 1"):
        learned.training_steps(RegistrationTraining(), recipe, real, pool)


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
