"""What a built network consists of: its layers in the order in which they run, their outputs, and what each reads.

Found by forward hooks and by following tensors through whatever lies between the layers, never written by hand.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary


class Layer(NamedTuple):
    """A layer with weights, and what follows it without any of its own beside a normalization's."""

    name: str
    """As in the network: down.0.1."""
    kind: str
    """Its class, and the size and stride of a convolution."""
    then: tuple[str, ...]
    """Classes of the normalizations, activations and so on that follow."""
    output: tuple[int, ...]
    """Shape of the output of its first call."""
    parameters: int
    """Weights, those of a normalization that follows included."""
    calls: int
    """How often it runs in one evaluation."""
    reads: tuple[str, ...]
    """The layers that its input comes from, in the order in which they run."""


def _tensors(values: Any) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, torch.Tensor)]


class _Sources(TorchFunctionMode):
    """Follows tensors: which layers each comes from."""

    def __init__(self) -> None:
        super().__init__()
        self.of = WeakIdKeyDictionary()

    def mark(self, values: Any, sources: frozenset[str]) -> None:
        """Remember which layers tensors come from."""
        for tensor in _tensors(values):
            self.of[tensor] = sources

    def behind(self, values: Any) -> frozenset[str]:
        """The layers that tensors come from."""
        return frozenset().union(*(self.of.get(tensor, frozenset()) for tensor in _tensors(values)))

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if sources := self.behind((args, kwargs or {})):
            self.mark(result, sources)
        return result


def _weight(module: nn.Module) -> torch.Tensor | None:
    weight = getattr(module, "weight", None)
    return weight if isinstance(weight, torch.Tensor) and weight.ndim > 1 else None


def _kind(module: nn.Module, weight: torch.Tensor) -> str:
    name = type(module).__name__
    if weight.ndim <= 2:
        return name
    stride = getattr(module, "stride", (1,))[0]
    return f"{name} {'x'.join(map(str, weight.shape[2:]))}" + (f", stride {stride}" if stride > 1 else "")


def trace(network: nn.Module, evaluate: Callable[[], Any]) -> list[Layer]:
    """The layers of a network that run when it is evaluated, in the order of their first calls.

    Parameters
    ----------
    network : torch.nn.Module
    evaluate : function without arguments that evaluates it
    """
    sources, found = _Sources(), dict[str, dict[str, Any]]()

    def hook_of(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            # what layers inside of it made is in the output
            weight, reads = _weight(module), sources.behind((inputs, output))
            own = sum(parameter.numel() for parameter in module.parameters(recurse=False))
            if weight is None:
                # an activation or normalization belongs to the layer before it
                for before in reads if len(reads) == 1 else ():
                    layer = found[before]
                    if name not in layer["joined"]:
                        layer["joined"].append(name)
                        layer["then"].append(type(module).__name__)
                        layer["parameters"] += own
                return
            if name in found:
                found[name]["calls"] += 1
            else:
                shape = tuple(_tensors(output)[0].shape)
                order = [each for each in found if each in reads]
                found[name] = {"kind": _kind(module, weight), "then": [], "joined": [], "output": shape}
                found[name] |= {"parameters": own, "calls": 1, "reads": tuple(order)}
            sources.mark(output, frozenset({name}))

        return hook

    layers = [
        (name, module)
        for name, module in network.named_modules()
        if [*module.parameters(recurse=False)] or not [*module.children()]
    ]
    handles = [module.register_forward_hook(hook_of(name)) for name, module in layers]
    try:
        with torch.no_grad(), sources:
            evaluate()
    finally:
        for handle in handles:
            handle.remove()
    for layer in found.values():
        del layer["joined"]
    return [Layer(name, **{**layer, "then": tuple(layer["then"])}) for name, layer in found.items()]
