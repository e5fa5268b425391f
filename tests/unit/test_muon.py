"""Muon: orthogonalized steps, whatever the size of the gradients and of their directions."""

import pytest
import torch

from ganreg.learn.muon import Muon, orthogonalized


@pytest.mark.parametrize("shape", [(6, 40), (40, 6), (5, 5)])
def test_singular_values_come_near_one_and_directions_stay(shape):
    torch.manual_seed(0)
    matrix = torch.randn(shape, dtype=torch.float64)
    found = orthogonalized(matrix * 1e-3)
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    exact = left @ right
    assert torch.linalg.svdvals(found).min() > 0.5
    assert torch.linalg.svdvals(found).max() < 1.3
    assert (found * exact).sum() / (found.norm() * exact.norm()) > 0.97


def test_small_gradients_step_as_far_as_large_ones():
    torch.manual_seed(0)
    gradient = torch.randn(4, 2, 3, 3, 3)
    steps = []
    for factor in (1, 1e-4):
        weight = torch.zeros_like(gradient, requires_grad=True)
        weight.grad = factor * gradient
        Muon([weight], lr=0.1).step()
        steps.append(weight.detach())
    torch.testing.assert_close(*steps, rtol=1e-2, atol=1e-4)
    # against the gradient, by about the rate along each direction
    assert (steps[0] * gradient).sum() < 0
    assert torch.linalg.svdvals(steps[0].flatten(1)).mean() == pytest.approx(0.1, abs=0.03)


def test_steps_are_along_the_momentum_ahead_and_longer_where_there_are_more_outputs_than_inputs():
    torch.manual_seed(0)
    first, second = torch.randn(2, 8, 2, 1, 1, 1)
    weight = torch.zeros_like(first, requires_grad=True)
    optimizer = Muon([weight], lr=0.1)
    weight.grad = first
    optimizer.step()
    # the root of 8 / 2
    expected = -0.2 * orthogonalized(first.flatten(1)).view_as(first)
    torch.testing.assert_close(weight.detach(), expected, rtol=1e-5, atol=1e-6)
    weight.grad = second
    optimizer.step()
    momentum = 0.9 * first + second
    expected = expected - 0.2 * orthogonalized((second + 0.9 * momentum).flatten(1)).view_as(first)
    torch.testing.assert_close(weight.detach(), expected, rtol=1e-5, atol=1e-6)


def test_a_step_does_not_depend_on_the_layout_in_memory():
    torch.manual_seed(0)
    weight, gradients, found = torch.randn(4, 3, 3, 3, 3), torch.randn(2, 4, 3, 3, 3, 3), []
    for layout in (torch.contiguous_format, torch.channels_last_3d):
        moved = weight.clone(memory_format=layout).requires_grad_()
        optimizer = Muon([moved], lr=0.1)
        for gradient in gradients:
            moved.grad = gradient.contiguous(memory_format=layout)
            optimizer.step()
        found.append(moved.detach())
    torch.testing.assert_close(*found)


def test_a_least_squares_problem_with_unlike_directions_is_solved():
    torch.manual_seed(0)
    wanted = torch.randn(3, 2, 1, 1, 1)
    scale = torch.tensor([1.0, 0.01]).view(2, 1, 1, 1)
    weight = torch.zeros_like(wanted, requires_grad=True)
    optimizer = Muon([weight], lr=0.1)
    for step in range(200):
        optimizer.param_groups[0]["lr"] = 0.1 * (1 - step / 200)
        loss = ((weight - wanted) * scale).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.testing.assert_close(weight, wanted, rtol=0, atol=0.1)
