"""Networks: their published size, their start, and gradients that can be trusted."""

import pytest
import torch

from ganreg.learn import training
from ganreg.register import matching, methods, mind, networks, unrolled
from ganreg.register.filters import sharpened
from ganreg.register.layers import Convolution, centered
from ganreg.volumes.normalize import SHIFT

SETTINGS = {network.id: network.settings for network in methods.NETWORKS}
# nothing drawn but directions, and one evaluation
SINGLE = {"unet": {"dropout": 0.0}, "unrolled": {"dropout": 0.0, "training_passes": 1}}


def changed(name, **values):
    """A network's settings, some of them changed."""
    return SETTINGS[name].model_copy(update=values)


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(("name", "expected"), [("voxelmorph1", 274_387), ("voxelmorph2", 301_411)])
def test_voxelmorph_has_the_published_number_of_parameters(name, expected):
    assert parameters(networks.build(SETTINGS[name])) == expected


@pytest.mark.parametrize("name", ["voxelmorph1", "unet", "unrolled"])
def test_adam_keeps_the_last_convolution(name):
    model = networks.build(SETTINGS[name])
    adam, _ = training.optimizers(model, SETTINGS[name])
    left = {id(parameter) for parameter in adam.param_groups[0]["params"]}
    kernels = [name for name, parameter in model.named_parameters() if id(parameter) in left and parameter.ndim > 1]
    assert kernels == ["flow.weight"]


@pytest.mark.parametrize("name", ["voxelmorph1", "unet", "unrolled"])
def test_training_starts_near_the_identity_on_the_image_grid(name):
    torch.manual_seed(0)
    model = networks.build(SETTINGS[name]).eval()
    displacement = model(*(torch.randn(1, 1, 32, 48, 16) for _ in range(2)))
    assert displacement.shape == (1, 3, 32, 48, 16)
    assert 0 < displacement.abs().max() < 0.3


def test_the_unet_reads_two_centered_images_once(pair):
    model, read = networks.build(SETTINGS["unet"]).eval(), []
    model.body.register_forward_hook(lambda layer, inputs, output: read.append(inputs[0]))
    velocity = model.velocity(*pair)
    assert velocity.shape == (1, 3, 16, 16, 16)
    assert len(read) == 1
    for image, channel in zip(pair, read[0][0], strict=True):
        inside = image[0, 0] > 0
        torch.testing.assert_close(channel[inside], image[0, 0][inside] - SHIFT)
        assert (channel[~inside] == 0).all()


@pytest.mark.parametrize("name", ["voxelmorph1", "unet"])
def test_contrast_reaches_the_networks_that_read_images(pair, name):
    torch.manual_seed(0)
    model = networks.build(changed(name, **SINGLE.get(name, {}))).eval()
    torch.nn.init.normal_(model.flow.weight, std=0.05)
    inverted = torch.where(pair[1] > 0, 2 * SHIFT - pair[1], 0)
    assert not torch.allclose(model(*pair), model(pair[0], inverted), rtol=1e-2, atol=1e-2)


def test_a_centered_image_has_the_background_of_its_mean():
    image = torch.tensor([0.0, SHIFT - 1, SHIFT, SHIFT + 2])
    assert centered(image).tolist() == [0, -1, 0, 2]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_pass_reads_where_to_go_and_that_it_has_arrived(axis):
    torch.manual_seed(0)
    coarse = torch.randn(1, 1, 12, 12, 12)
    moving = 4 + torch.nn.functional.interpolate(coarse, size=(32, 32, 32), mode="trilinear")
    # the contrast is inverted; fixed(x) is moving(x + 2): two voxels of the image grid, one of the velocity's
    fixed = 8 - moving.roll(-2, dims=2 + axis)
    model = networks.build(SETTINGS["unrolled"])
    velocity = torch.zeros(1, 3, 16, 16, 16)
    inside = (..., *(slice(4, -4) for _ in range(3)))
    matches = model._matches_of(fixed, moving)
    start = matches(velocity)[inside].mean(dim=(2, 3, 4))[0]
    # of MIND's distance and of mutual information
    assert (-start[-6:-3]).argmax() == axis
    assert (-start[-3:]).argmax() == axis
    tried = matching.displacements(model.settings.search)
    assert tried[start[:-6].argmin()] == tuple(2 * (k == axis) for k in range(3))
    # about one voxel of the half grid: corners aligned, two of the image grid are 15 / 31 of it
    velocity[:, axis] = 2 * 15 / 31
    arrived = matches(velocity)[inside].mean(dim=(2, 3, 4))[0]
    assert tried[arrived[:-6].argmin()] == (0, 0, 0)


def test_the_unrolled_network_finds_matches_in_sharpened_images():
    # bright enough to stay above 0, where the brain is, when sharpened
    images = [60 + torch.randn(1, 1, 32, 32, 32, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1)]
    plain, sharpening = (networks.build(changed("unrolled", sharpening=amount)) for amount in (0, 3))
    velocity = torch.zeros(1, 3, 16, 16, 16)
    found = sharpening._matches_of(*images)(velocity)
    torch.testing.assert_close(found, plain._matches_of(*(sharpened(each, 3) for each in images))(velocity))
    assert not torch.allclose(found, plain._matches_of(*images)(velocity), atol=1e-2)


@pytest.fixture
def pair():
    """Two brains of noise in different places."""
    torch.manual_seed(0)
    first, second = (torch.zeros(1, 1, 32, 32, 32) for _ in range(2))
    first[..., 6:26, 5:25, 8:26] = 4 + torch.randn(1, 1, 20, 20, 18)
    second[..., 4:24, 7:29, 6:24] = 4 + torch.randn(1, 1, 20, 22, 18)
    return first, second


def moving_model(**values):
    """An unrolled network that moves voxels, which an untrained one hardly does; always with the same weights."""
    torch.manual_seed(0)
    model = networks.build(changed("unrolled", dropout=0.0, **values)).eval()
    torch.nn.init.normal_(model.flow.weight, std=0.05)
    return model


@pytest.mark.parametrize(("mirrored", "tolerance"), [(False, 0), (True, 1e-3)])
def test_the_exchanged_pair_gets_the_inverse(pair, mirrored, tolerance):
    # each pass makes more of the order in which four evaluations are summed; two have one order
    model = moving_model(passes=2, mirrored=mirrored)
    forward, inverse = model.velocity(*pair), model.velocity(*reversed(pair))
    assert forward.abs().mean() > 0.05
    torch.testing.assert_close(inverse, -forward, rtol=0, atol=tolerance)
    asymmetric = moving_model(passes=2, mirrored=mirrored, symmetric=False)
    directions = asymmetric.velocity(*pair), -asymmetric.velocity(*reversed(pair))
    assert not torch.allclose(*directions, rtol=1e-1, atol=1e-2)


def test_each_pass_of_a_training_step_takes_one_direction_whichever_is_drawn(pair):
    model = moving_model(training_passes=1)
    asymmetric = moving_model(symmetric=False, mirrored=False, passes=1)
    directions = asymmetric.velocity(*pair), -asymmetric.velocity(*reversed(pair))
    model.train()
    taken = [model.velocity(*pair) for _ in range(12)]
    matches = [[torch.allclose(each, direction, rtol=1e-4, atol=1e-5) for direction in directions] for each in taken]
    assert {(True, False), (False, True)} == {tuple(each) for each in matches}


@pytest.mark.parametrize(
    ("values", "evaluations", "in_training"),
    [({}, 12, 2), ({"mirrored": False}, 6, 2), ({"symmetric": False, "passes": 1, "training_passes": 3}, 2, 3)],
)
def test_each_pass_evaluates_what_the_settings_say(pair, values, evaluations, in_training):
    model, counted = moving_model(**{"passes": 3, "training_passes": 2, **values}), []
    model.flow.register_forward_hook(lambda *_: counted.append(1))
    model.velocity(*pair)
    assert len(counted) == evaluations
    model.train().velocity(*pair)
    assert len(counted) == evaluations + in_training


def test_the_mirrored_pair_gets_the_mirrored_transform(pair):
    model = moving_model(passes=2)
    sign = torch.tensor([-1.0, 1, 1]).view(1, 3, 1, 1, 1)
    found, mirrored = model.velocity(*pair), model.velocity(*(image.flip(2) for image in pair))
    assert found.abs().mean() > 0.05
    torch.testing.assert_close(mirrored, sign * found.flip(2), rtol=0, atol=1e-3)
    assert not torch.allclose(moving_model(passes=2, mirrored=False).velocity(*pair), found, rtol=1e-1, atol=1e-2)


def test_costs_in_the_brain_do_not_know_of_the_box_around_it():
    torch.manual_seed(0)
    fixed, moving = torch.zeros(1, 1, 48, 48, 48), 4 + torch.randn(1, 1, 48, 48, 48)
    brain = (..., slice(19, 30), slice(16, 33), slice(18, 29))
    fixed[brain] = 4 + torch.randn(1, 1, 11, 17, 11)
    model = networks.build(SETTINGS["unrolled"])
    costs = model._matches_of(fixed, moving)(torch.zeros(1, 3, 24, 24, 24))[:, :-6]
    whole = matching.cost_volume(mind.descriptors(fixed), mind.descriptors(moving), model.settings.search)
    brain = (fixed > 0)[..., ::2, ::2, ::2].expand_as(whole)
    torch.testing.assert_close(costs[brain], whole[brain])
    assert (costs == 0).any()


@pytest.mark.parametrize("axis", [2, 3, 4])
def test_halved_images_stay_where_they_are_corner_to_corner(axis):
    ramp = torch.arange(64.0).view([-1 if each == axis else 1 for each in range(5)]).expand(1, 1, 64, 64, 64)
    found = unrolled._halved(ramp).movedim(axis, -1)
    assert found.shape == (1, 1, 32, 32, 32)
    # at the edges the mean of neighbors takes the edge twice
    torch.testing.assert_close(found[..., 1:-1], torch.linspace(0, 63, 32)[1:-1].expand_as(found[..., 1:-1]))


@pytest.mark.parametrize("halvings", [0, 1])
def test_a_constant_velocity_moves_the_image_as_far_whatever_grid_it_is_on(halvings):
    model = networks.build(changed("unrolled", halvings=halvings))
    velocity = model.velocity(*(4 + torch.randn(1, 1, 64, 64, 32) for _ in range(2)))
    shape = [size // 2 ** (1 + halvings) for size in (64, 64, 32)]
    assert list(velocity.shape[2:]) == shape
    displacement = model.displacement(torch.full_like(velocity, 0.5))
    expected = torch.tensor([0.5 * (fine - 1) / (size - 1) for fine, size in zip((64, 64, 32), shape, strict=True)])
    torch.testing.assert_close(displacement, expected.view(1, 3, 1, 1, 1).expand(1, 3, 64, 64, 32))


@pytest.mark.parametrize(("dropout", "differ"), [(0.3, True), (0.0, False)])
def test_dropout_makes_samples_differ_in_training_only(dropout, differ):
    torch.manual_seed(0)
    model = networks.build(changed("unet", dropout=dropout))
    images = [torch.randn(1, 1, 32, 32, 32) for _ in range(2)]
    model.train()
    assert (model(*images) != model(*images)).any() == differ
    model.eval()
    torch.testing.assert_close(model(*images), model(*images), atol=0, rtol=0)


@pytest.mark.parametrize("name", ["voxelmorph1", "unet", "unrolled"])
def test_the_last_layer_is_not_rounded_by_autocast(name):
    torch.manual_seed(0)
    model = networks.build(SETTINGS[name]).eval()
    torch.nn.init.normal_(model.flow.weight, std=0.05)
    found = []
    model.flow.register_forward_hook(lambda layer, inputs, output: found.append(output))
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        model(*(torch.rand(1, 1, 32, 32, 32) for _ in range(2)))
    assert found[0].dtype == torch.float32
    assert (found[0] != found[0].bfloat16().float()).any()


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 8])
def test_bfloat16_gradients_of_a_layer_are_those_of_float32_but_for_rounding(size, stride):
    torch.manual_seed(0)
    layer, image = Convolution(8, 8, stride), torch.randn(1, 8, size, size, size)
    gradients = []
    for enabled in (False, True):
        layer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            features = layer(image)
        (features.float() ** 2).mean().backward()
        gradients.append([layer.weight.grad.clone(), layer.bias.grad.clone()])
    for exact, rounded in zip(*gradients, strict=True):
        # on narrow grids it is not even rounded
        assert (exact - rounded).norm() <= (0.01 if size > 2 else 0) * exact.norm()


@pytest.mark.parametrize("name", ["voxelmorph1", "unet", "unrolled"])
def test_bfloat16_gradients_point_where_those_of_float32_do(name):
    torch.manual_seed(0)
    # of noise every further pass would make more of the rounding
    model = networks.build(changed(name, **SINGLE.get(name, {})))
    torch.nn.init.normal_(model.flow.weight, std=0.1)
    images = [torch.randn(1, 1, 32, 32, 32) for _ in range(2)]
    gradients = []
    for enabled in (False, True):
        model.zero_grad()
        # the direction of a training step is drawn
        torch.manual_seed(1)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            displacement = model(*images)
        displacement.square().mean().backward()
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in model.parameters()]))
    exact, rounded = gradients
    # .997 and 1.01 were found; processors round differently
    assert torch.cosine_similarity(exact, rounded, dim=0) > 0.98
    assert rounded.norm() / exact.norm() == pytest.approx(1, abs=0.05)
