"""The convolution of a single item on a CPU: the same as torch's, forwards, backwards and twice backwards."""

import pytest
import torch
import torch.nn.functional as functional

from ganreg.learn.convolution import conv3d


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("shape", [(8, 6, 10), (12, 5, 4), (5, 8, 5), (6, 3, 4)])
def test_the_halves_of_a_single_item_make_its_convolution(shape, stride, monkeypatch):
    torch.manual_seed(0)
    x = torch.randn(1, 4, *shape, dtype=torch.float32, requires_grad=True)
    weight, bias = torch.randn(6, 4, 3, 3, 3, requires_grad=True), torch.randn(6, requires_grad=True)
    expected = functional.conv3d(x, weight, bias, stride, padding=1)
    # as it must not be called for the single item
    seen, plain = [], functional.conv3d
    monkeypatch.setattr(functional, "conv3d", lambda x, *rest: seen.append(len(x)) or plain(x, *rest))
    found = conv3d(x, weight, bias, stride)
    assert seen == [2]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    along = torch.randn_like(expected)
    gradients = (torch.autograd.grad((y * along).sum(), (x, weight, bias)) for y in (found, expected))
    for both in zip(*gradients, strict=True):
        torch.testing.assert_close(*both, rtol=1e-4, atol=1e-4)


def test_the_gradient_of_the_gradient_is_that_of_torch():
    """The gradient penalty of the GAN asks for it."""
    torch.manual_seed(0)
    x, weight = torch.randn(1, 2, 8, 4, 4, requires_grad=True), torch.randn(3, 2, 3, 3, 3, requires_grad=True)

    def penalty(convolution):
        (gradient,) = torch.autograd.grad(convolution().square().sum(), x, create_graph=True)
        return torch.autograd.grad(gradient.square().sum(), (x, weight))

    found = penalty(lambda: conv3d(x, weight))
    expected = penalty(lambda: functional.conv3d(x, weight, padding=1))
    for both in zip(found, expected, strict=True):
        torch.testing.assert_close(*both, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize(
    ("shape", "size", "dtype"),
    [
        ((2, 2, 4, 4, 4), 3, torch.float32),
        ((1, 2, 5, 3, 5), 3, torch.float32),
        ((1, 2, 128, 96, 4), 3, torch.float32),
        ((1, 2, 4, 4, 4), 1, torch.float32),
        ((1, 2, 4, 4, 4), 3, torch.bfloat16),
    ],
    ids=["batch", "odd sides", "wide", "size 1", "bfloat16"],
)
def test_what_torch_is_fast_at_or_cannot_be_halved_is_left_to_it(shape, size, dtype, monkeypatch):
    x, weight = torch.ones(shape, dtype=dtype), torch.ones(3, 2, size, size, size, dtype=dtype)
    seen, plain = [], functional.conv3d
    monkeypatch.setattr(functional, "conv3d", lambda x, *rest: seen.append(x.shape) or plain(x, *rest))
    assert conv3d(x, weight).shape == (shape[0], 3, *shape[2:])
    assert seen == [shape]


def test_the_layout_of_the_features_is_kept():
    """Convolutions are fast channels last; the next layer would have to bring them back."""
    x = torch.randn(1, 4, 8, 8, 8).contiguous(memory_format=torch.channels_last_3d)
    assert conv3d(x, torch.randn(4, 4, 3, 3, 3)).is_contiguous(memory_format=torch.channels_last_3d)
