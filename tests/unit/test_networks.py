"""Networks: their published size, their start, and gradients that can be trusted."""

import pytest
import torch
import yaml

from ganreg import training
from ganreg.register import losses, matching, networks

CONFIG = "config.yaml"


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


def configured(name, root):
    return yaml.safe_load((root / CONFIG).read_text())[name]


def test_voxelmorph_has_the_published_number_of_parameters(root):
    assert parameters(networks.build(configured("voxelmorph1", root))) == 274_387
    assert parameters(networks.build(configured("voxelmorph2", root))) == 301_411


@pytest.mark.parametrize("name", ["voxelmorph1", "unet"])
def test_adam_keeps_the_last_convolution(name, root):
    model = networks.build(configured(name, root))
    adam, _ = training.optimisers(model, configured(name, root))
    left = {id(parameter) for parameter in adam.param_groups[0]["params"]}
    kernels = [name for name, parameter in model.named_parameters() if id(parameter) in left and parameter.ndim > 1]
    assert kernels == ["flow.weight"]


@pytest.mark.parametrize("name", ["voxelmorph1", "unet"])
def test_training_starts_near_the_identity_on_the_image_grid(name, root):
    torch.manual_seed(0)
    model = networks.build(configured(name, root)).eval()
    displacement = model(*(torch.randn(1, 1, 32, 48, 16) for _ in range(2)))
    assert displacement.shape == (1, 3, 32, 48, 16)
    assert 0 < displacement.abs().max() < 0.3


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_pass_sees_which_way_to_go_and_what_has_been_gone(axis, root):
    torch.manual_seed(0)
    coarse = torch.randn(1, 1, 12, 12, 12)
    moving = 4 + torch.nn.functional.interpolate(coarse, size=(32, 32, 32), mode="trilinear")
    # the contrast is turned round; fixed(x) is moving(x + 2): two voxels of the image grid, one of the velocity's
    fixed = 8 - moving.roll(-2, dims=2 + axis)
    model = networks.build(configured("unet", root))
    velocity = torch.zeros(1, 3, 16, 16, 16)
    inside = (..., *(slice(4, -4) for _ in range(3)))
    look = model._matches_of(fixed, moving)
    start = look(velocity)[inside].mean(dim=(2, 3, 4))[0]
    # of MIND's distance and of mutual information
    assert (-start[-6:-3]).argmax() == axis
    assert (-start[-3:]).argmax() == axis
    tried = matching.displacements(model.search)
    assert tried[start[:-6].argmin()] == tuple(2 * (k == axis) for k in range(3))
    # about one voxel of the half grid: corners aligned, two of the image grid are 15 / 31 of it
    velocity[:, axis] = 2 * 15 / 31
    arrived = look(velocity)[inside].mean(dim=(2, 3, 4))[0]
    assert tried[arrived[:-6].argmin()] == (0, 0, 0)


def test_the_unet_looks_for_matches_in_sharpened_images(root):
    # bright enough to stay above 0, where the brain is, when sharpened
    images = [60 + torch.randn(1, 1, 32, 32, 32, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1)]
    plain, sharpening = (networks.build(configured("unet", root) | {"sharpening": amount}) for amount in (0, 3))
    velocity = torch.zeros(1, 3, 16, 16, 16)
    found = sharpening._matches_of(*images)(velocity)
    torch.testing.assert_close(found, plain._matches_of(*(losses.sharpened(each, 3) for each in images))(velocity))
    assert not torch.allclose(found, plain._matches_of(*images)(velocity), atol=1e-2)


def test_the_swapped_pair_gets_the_inverse(root):
    torch.manual_seed(0)
    first, second = (torch.zeros(1, 1, 32, 32, 32) for _ in range(2))
    first[..., 6:26, 5:25, 8:26], second[..., 4:24, 7:29, 6:24] = (
        4 + torch.randn(1, 1, 20, 20, 18), 4 + torch.randn(1, 1, 20, 22, 18),
    )  # fmt: skip
    model = networks.build(configured("unet", root) | {"dropout": 0.0}).eval()
    # an untrained network hardly moves
    torch.nn.init.normal_(model.flow.weight, std=0.05)
    there, back = model.velocity(first, second), model.velocity(second, first)
    assert there.abs().mean() > 0.05
    torch.testing.assert_close(back, -there, rtol=1e-3, atol=2e-3)
    model.symmetric = model.mirrored = False
    model.passes = 1
    ways = model.velocity(first, second), -model.velocity(second, first)
    assert not torch.allclose(*ways, rtol=1e-1, atol=1e-2)
    # each look of a training step is one way, whichever is drawn
    model.symmetric, model.training_passes = True, 1
    model.train()
    taken = [model.velocity(first, second) for _ in range(12)]
    of_way = [[torch.allclose(each, way, rtol=1e-4, atol=1e-5) for way in ways] for each in taken]
    assert {(True, False), (False, True)} == {tuple(each) for each in of_way}


def test_the_mirrored_pair_gets_the_mirrored_transform(root):
    torch.manual_seed(0)
    images = [torch.zeros(1, 1, 32, 32, 32) for _ in range(2)]
    images[0][..., 6:26, 5:25, 8:26], images[1][..., 4:24, 7:29, 6:24] = (
        4 + torch.randn(1, 1, 20, 20, 18), 4 + torch.randn(1, 1, 20, 22, 18),
    )  # fmt: skip
    model = networks.build(configured("unet", root) | {"dropout": 0.0}).eval()
    torch.nn.init.normal_(model.flow.weight, std=0.05)
    sign = torch.tensor([-1.0, 1, 1]).view(1, 3, 1, 1, 1)
    found, mirrored = model.velocity(*images), model.velocity(*(image.flip(2) for image in images))
    assert found.abs().mean() > 0.05
    torch.testing.assert_close(mirrored, sign * found.flip(2), rtol=1e-3, atol=2e-3)
    model.mirrored = False
    assert not torch.allclose(model.velocity(*images), found, rtol=1e-1, atol=1e-2)


def test_costs_in_the_brain_do_not_know_of_the_box_around_it(root):
    torch.manual_seed(0)
    fixed, moving = torch.zeros(1, 1, 48, 48, 48), 4 + torch.randn(1, 1, 48, 48, 48)
    brain = (..., slice(19, 30), slice(16, 33), slice(18, 29))
    fixed[brain] = 4 + torch.randn(1, 1, 11, 17, 11)
    model = networks.build(configured("unet", root))
    costs = model._matches_of(fixed, moving)(torch.zeros(1, 3, 24, 24, 24))[:, :-6]
    whole = matching.cost_volume(losses.mind(fixed), losses.mind(moving), model.search)
    seen = (fixed > 0)[..., ::2, ::2, ::2].expand_as(whole)
    torch.testing.assert_close(costs[seen], whole[seen])
    assert (costs == 0).any()


@pytest.mark.parametrize("axis", [2, 3, 4])
def test_halved_images_stay_where_they_are_corner_to_corner(axis):
    ramp = torch.arange(64.0).view([-1 if each == axis else 1 for each in range(5)]).expand(1, 1, 64, 64, 64)
    found = networks._halved(ramp).movedim(axis, -1)
    assert found.shape == (1, 1, 32, 32, 32)
    # at the edges the mean of neighbours takes the edge twice
    torch.testing.assert_close(found[..., 1:-1], torch.linspace(0, 63, 32)[1:-1].expand_as(found[..., 1:-1]))


@pytest.mark.parametrize("halvings", [0, 1])
def test_a_constant_velocity_moves_the_image_as_far_whatever_grid_it_is_on(halvings, root):
    model = networks.build({**configured("unet", root), "halvings": halvings})
    velocity = model.velocity(*(4 + torch.randn(1, 1, 64, 64, 32) for _ in range(2)))
    shape = [side // 2 ** (1 + halvings) for side in (64, 64, 32)]
    assert list(velocity.shape[2:]) == shape
    displacement = model.displacement(torch.full_like(velocity, 0.5))
    expected = torch.tensor([0.5 * (fine - 1) / (side - 1) for fine, side in zip((64, 64, 32), shape, strict=True)])
    torch.testing.assert_close(displacement, expected.view(1, 3, 1, 1, 1).expand(1, 3, 64, 64, 32))


def test_dropout_makes_samples_differ_in_training_only(root):
    model = networks.build({**configured("unet", root), "dropout": 0.3})
    images = [torch.randn(1, 1, 32, 32, 32) for _ in range(2)]
    model.train()
    assert (model(*images) != model(*images)).any()
    model.eval()
    torch.testing.assert_close(model(*images), model(*images), atol=0, rtol=0)


@pytest.mark.parametrize("name", ["voxelmorph1", "unet"])
def test_the_last_layer_is_not_rounded_by_autocast(name, root):
    torch.manual_seed(0)
    model = networks.build(configured(name, root)).eval()
    torch.nn.init.normal_(model.flow.weight, std=0.05)
    found = []
    model.flow.register_forward_hook(lambda layer, inputs, output: found.append(output))
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        model(*(torch.rand(1, 1, 32, 32, 32) for _ in range(2)))
    assert found[0].dtype == torch.float32
    assert (found[0] != found[0].bfloat16().float()).any()


@pytest.mark.parametrize("name", ["voxelmorph1", "unet"])
def test_bfloat16_gradients_are_near_those_of_float32_down_to_the_narrowest_grid(name, root):
    torch.manual_seed(0)
    # of noise every further pass would make more of the rounding
    model = networks.build({**configured(name, root), "dropout": 0.0, "passes": 1, "training_passes": 1})
    torch.nn.init.normal_(model.flow.weight, std=0.1)
    images = [torch.randn(1, 1, 32, 32, 32) for _ in range(2)]
    gradients = []
    for enabled in (False, True):
        model.zero_grad()
        # the way that a training step looks is drawn
        torch.manual_seed(1)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            displacement = model(*images)
        displacement.square().mean().backward()
        gradients.append([parameter.grad.clone() for parameter in model.parameters()])
    for exact, rounded in zip(*gradients, strict=True):
        # processors round differently: .15 to .26 were found
        assert (exact - rounded).norm() < 0.35 * exact.norm() + 1e-6
