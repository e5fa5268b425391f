"""The segmentation network: context along slices, in both directions, for any grid; which weights Muon trains."""

import pytest
import torch

from ganreg.learn.training import optimizers
from ganreg.segment import rdnn
from ganreg.segment.settings import RdnnTraining


def network(recurrent):
    torch.manual_seed(1)
    return rdnn.RDNN(2, 5, [8, 16, 32], recurrent).eval()


def test_logits_are_not_rounded_by_autocast():
    model, images = network(recurrent=True), torch.randn(1, 2, 16, 16, 4)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(images)
    assert logits.dtype == torch.float32
    assert (logits != logits.bfloat16().float()).any()


def test_subjects_of_a_batch_do_not_meet():
    model, images = network(recurrent=True), torch.randn(2, 2, 16, 16, 4)
    with torch.no_grad():
        together, alone = model(images), torch.cat([model(images[:1]), model(images[1:])])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("recurrent", [True, False])
@pytest.mark.parametrize("shape", [(16, 24, 5), (13, 18, 1)])
def test_logits_have_the_grid_of_the_images_whatever_its_size(recurrent, shape):
    assert network(recurrent)(torch.randn(2, 2, *shape)).shape == (2, 5, *shape)


@pytest.mark.parametrize("recurrent", [True, False])
@pytest.mark.parametrize("count", [1, 4, 20])
def test_a_few_slices_at_a_time_give_the_logits_of_all(recurrent, count):
    model, images = network(recurrent), torch.randn(1, 2, 13, 18, 9)
    with torch.no_grad():
        expected, runs = model(images), list(model.by_slices(images, count))
    assert [level for run, _ in runs for level in range(9)[run]] == list(range(9))
    torch.testing.assert_close(torch.cat([logits for _, logits in runs], dim=-1), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("changed", "watched"), [(0, 8), (8, 0)])
def test_the_hidden_state_carries_context_along_slices_in_both_directions(changed, watched):
    images = torch.randn(1, 2, 16, 16, 9)
    other = images.clone()
    other[..., changed] += torch.randn(16, 16)
    difference = {}
    for recurrent in (True, False):
        model = network(recurrent)
        with torch.no_grad():
            difference[recurrent] = (model(images) - model(other)).abs().amax(dim=(0, 1, 2, 3))
        assert difference[recurrent][changed] > 1e-2
    assert difference[True][watched] > 1e-4
    assert difference[False][watched] == 0


def test_without_recurrence_a_slice_is_segmented_as_if_it_were_alone():
    model, images = network(recurrent=False), torch.randn(1, 2, 16, 16, 6)
    with torch.no_grad():
        torch.testing.assert_close(model(images)[..., 2:3], model(images[..., 2:3]), rtol=1e-4, atol=1e-5)


def test_the_ablation_has_as_many_weights():
    first, second = (sum(p.numel() for p in network(recurrent).parameters()) for recurrent in (True, False))
    assert second == pytest.approx(first, rel=0.02)


def test_the_directions_of_a_symmetric_gru_change_places_where_slices_are_reversed():
    torch.manual_seed(0)
    gru, x = rdnn.SliceGRU(8), torch.randn(5, 8, 4, 4)
    with torch.no_grad():
        for layer in (gru.inputs, gru.hidden):
            layer.weight[12:] = layer.weight[:12]
        up, down = gru(x, 1).chunk(2, dim=1)
        # downwards is upwards along the reversed slices
        torch.testing.assert_close(down, gru(x.flip(0), 1).chunk(2, dim=1)[0].flip(0))
    assert not torch.allclose(up, down)


def test_adam_keeps_the_heads():
    model = rdnn.RDNN(2, 3, [8, 16])
    adam, _ = optimizers(model, RdnnTraining())
    left = {id(parameter) for parameter in adam.param_groups[0]["params"]}
    kernels = [name for name, parameter in model.named_parameters() if id(parameter) in left and parameter.ndim > 1]
    assert kernels == ["heads.0.weight", "heads.1.weight"]
