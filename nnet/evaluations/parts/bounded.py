"""Bounds on the outputs of a network whose tensors lie in intervals, layer by layer.

The computation of the network is recorded by `torch.fx` and repeated with intervals. A layer or function without a rule
here is refused by name: no bound is ever assumed.
"""

import operator
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from nnet.architectures.parts import fast, fast_convolution
from nnet.architectures.parts.masks import Masks
from nnet.architectures.parts.standardize import Standardize
from nnet.checks import ConfigError
from nnet.evaluations.parts.intervals import (
    Interval,
    dipping,
    exactly,
    increasing,
    product,
    standardised,
    weighted,
)

GELU_LOWEST = {"none": -0.7517916, "tanh": -0.7524614}
"""Where GELU has its minimum, in each of its forms; it decreases before and increases after."""


class Box:
    """All values of a network's tensors within ζ of their size: [θ − ζ|θ|, θ + ζ|θ|] for those that move."""

    def __init__(self, zeta: float, moving: Iterable[nn.Parameter]):
        self.zeta = zeta
        self.moving = {id(parameter) for parameter in moving}

    def zeta_of(self, tensor: torch.Tensor) -> float:
        """ζ of a tensor; 0 for one that does not move."""
        return self.zeta if id(tensor) in self.moving else 0.0

    def around(self, tensor: torch.Tensor) -> Interval:
        """The interval in which a tensor lies."""
        reach = self.zeta_of(tensor) * tensor.detach().abs()
        return Interval(tensor.detach() - reach, tensor.detach() + reach)


class Bounds:
    """Bounds on the outputs of one network, in evaluation mode.

    Raises ConfigError, naming the layer or function, if a part of the network has no rule.
    """

    def __init__(self, model: nn.Module):
        tracer = _Tracer()
        model = nn.Sequential(model) if type(model) in LAYERS else model
        try:
            graph = tracer.trace(model)
        except Exception as error:  # noqa: BLE001 - the network's own code fails on torch.fx's stand-ins for tensors
            raise ConfigError(
                f"interval_bounds cannot follow the computation in {tracer.place}: {str(error).splitlines()[0]}"
            ) from error
        self.network = fx.GraphModule(model, graph)
        layers_first = sorted(graph.nodes, key=lambda node: node.op != "call_module")
        unknown = next((name for name in map(self._unknown, layers_first) if name), None)
        if unknown is not None:
            raise ConfigError(f"interval_bounds knows no bounds for {unknown}; leave it out of the evaluations")

    def of(self, images: torch.Tensor, box: Box) -> Interval:
        """Bounds on the logits, B×classes, of these images for all tensors in the box."""
        return _Interpreter(self.network, box).run(exactly(images))

    def _unknown(self, node: fx.Node) -> str:
        """The name of what a node does if there is no rule for it, else ""."""
        target: Any = node.target
        if node.op == "call_module":
            module = self.network.get_submodule(target)
            return "" if type(module) in LAYERS and _usable(module) else f"{target} ({type(module).__name__})"
        if node.op not in ("call_function", "call_method") or _has_rule(node):
            return ""
        name = target if isinstance(target, str) else getattr(target, "__name__", str(target))
        stack = list(node.meta.get("nn_module_stack", {}).values())
        where = f" in {stack[-1][0]} ({stack[-1][1].__name__})" if stack and stack[-1][0] else ""
        return f"the function {name}{where}"


class _Tracer(fx.Tracer):
    """Records a network down to the layers that have a rule, and PyTorch's own."""

    place = "the network"

    def is_leaf_module(self, module, name):
        return type(module) in LAYERS or super().is_leaf_module(module, name)

    def call_module(self, module, forward, args, kwargs):
        before, self.place = self.place, f"{self.path_of_module(module)} ({type(module).__name__})"
        outputs = super().call_module(module, forward, args, kwargs)
        self.place = before
        return outputs


class _Interpreter(fx.Interpreter):
    """Repeats a recorded computation with intervals."""

    def __init__(self, network: fx.GraphModule, box: Box):
        super().__init__(network)
        self.box = box

    def get_attr(self, target, args, kwargs):
        value = self.fetch_attr(target)
        is_number = isinstance(value, torch.Tensor) and value.is_floating_point()
        return self.box.around(value) if is_number else value

    def call_module(self, target, args, kwargs):
        module = self.fetch_attr(target)
        return LAYERS[type(module)](module, *args, self.box)

    def call_function(self, target, args, kwargs):
        return FUNCTIONS[target](target, *args, **kwargs)

    def call_method(self, target, args, kwargs):
        return METHODS[target](getattr(torch.Tensor, target), *args, **kwargs)


def _increasing(layer: nn.Module, x: Interval, box: Box) -> Interval:
    return increasing(layer, x)


def _linear(layer: nn.Linear, x: Interval, box: Box) -> Interval:
    return _biased(weighted(functional.linear, x, layer.weight, box.zeta_of(layer.weight)), layer.bias, box)


def _image_linear(layer: fast.ImageLinear, x: Interval, box: Box) -> Interval:
    return _linear(layer, increasing(torch.flatten, x, 1), box)


def _convolution(layer: Any, x: Interval, box: Box) -> Interval:
    def convolved(images, weight):
        return layer._conv_forward(images, weight, None)

    outputs = weighted(convolved, x, layer.weight, box.zeta_of(layer.weight))
    return _biased(outputs, layer.bias, box, (-1, *[1] * len(layer.kernel_size)))


def _batch_normalised(layer: Any, x: Interval, box: Box) -> Interval:
    shape = (-1, *[1] * (x.lower.dim() - 2))
    spread = torch.sqrt(layer.running_var + layer.eps).view(shape)
    outputs = increasing(lambda values: (values - layer.running_mean.view(shape)) / spread, x)
    return _affine(layer, outputs, box, shape)


def _layer_normalised(layer: nn.LayerNorm, x: Interval, box: Box) -> Interval:
    return _affine(layer, standardised(x, len(layer.normalized_shape), layer.eps), box, layer.normalized_shape)


def _prelu(layer: nn.PReLU, x: Interval, box: Box) -> Interval:
    """x for x ≥ 0 and a·x for x < 0: what is negative is multiplied by a, what is positive by 1."""
    slope = box.around(layer.weight)
    shape = (-1, *[1] * (x.lower.dim() - 2))
    slope = increasing(torch.Tensor.view, slope, shape)
    negative = product(increasing(torch.clamp, x, max=0), slope)
    return increasing(torch.add, increasing(torch.clamp, x, min=0), negative)


def _masked(layer: Masks, x: Interval, box: Box) -> Interval:
    noise = increasing(lambda values: layer.level * values[:, :, 0], box.around(layer.noise))
    return increasing(torch.add, x, noise)


def _gelu(layer: nn.GELU, x: Interval, box: Box) -> Interval:
    return dipping(layer, x, GELU_LOWEST[layer.approximate])


def _affine(layer: Any, x: Interval, box: Box, shape: tuple) -> Interval:
    """Bounds after a normalisation layer's own factor, where it has one, and bias."""
    if layer.weight is not None:
        x = product(x, increasing(torch.Tensor.view, box.around(layer.weight), shape))
    return _biased(x, layer.bias, box, shape)


def _biased(x: Interval, bias: torch.Tensor | None, box: Box, shape: tuple = (-1,)) -> Interval:
    if bias is None:
        return x
    return increasing(torch.add, x, increasing(torch.Tensor.view, box.around(bias), shape))


def _usable(layer: nn.Module) -> bool:
    """Whether a layer's settings allow its rule: no falling activation, and normalisation with stored statistics."""
    slopes = [getattr(layer, name, 0) for name in ("negative_slope", "alpha", "lower")]
    has_places = getattr(layer, "return_indices", False)
    return min(slopes) >= 0 and getattr(layer, "running_mean", 0) is not None and not has_places


def _has_rule(node: fx.Node) -> bool:
    """Whether a call of a function or method has a rule, with these arguments."""
    target, named = node.target, node.kwargs
    if target is getattr:
        return node.args[1] in ("shape", "ndim")
    return (target in FUNCTIONS or target in METHODS) and not (
        "alpha" in named or "out" in named or named.get("return_indices")
    )


def _function(function: Callable, *arguments: Any, **settings: Any) -> Any:
    if any(isinstance(argument, Interval) for argument in arguments):
        return increasing(function, *arguments, **settings)
    return function(*arguments, **settings)  # of shapes


def _of_shape(function: Callable, x: Any, *arguments: Any) -> Any:
    """Functions of a tensor's shape are the same at both ends of an interval."""
    return function(x.lower if isinstance(x, Interval) else x, *arguments)


INCREASING = (
    *(nn.Identity, nn.Flatten, nn.Unflatten, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout, nn.Upsample),
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.RReLU, nn.ELU, nn.SELU, nn.CELU, nn.Hardtanh, nn.Tanh, nn.Sigmoid),
    *(nn.Hardsigmoid, nn.Softplus, nn.Softsign, nn.LogSigmoid, nn.ConstantPad2d, nn.ZeroPad2d),
    *(nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d),
    *(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d),
    *(Standardize, fast_convolution.Contiguous, fast.PoolReLU),
)
"""Layers without weights whose outputs decrease in none of their inputs, in evaluation mode."""
LAYERS: dict[type, Callable] = {
    **dict.fromkeys(INCREASING, _increasing),
    **dict.fromkeys((nn.Linear, fast.Linear), _linear),
    **dict.fromkeys((nn.Conv1d, nn.Conv2d, fast_convolution.Conv2d), _convolution),
    **dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d), _batch_normalised),
    fast.ImageLinear: _image_linear,
    nn.LayerNorm: _layer_normalised,
    nn.PReLU: _prelu,
    nn.GELU: _gelu,
    Masks: _masked,
}
"""The rule of each type of layer: bounds on its outputs from the layer, bounds on its inputs and the box."""
FUNCTIONS: dict[Callable, Callable] = {
    **dict.fromkeys((operator.add, operator.iadd, torch.add, torch.flatten, operator.getitem), _function),
    **dict.fromkeys((torch.relu, torch.tanh, torch.sigmoid, functional.relu, functional.max_pool2d), _function),
    **dict.fromkeys((functional.avg_pool2d, functional.adaptive_avg_pool2d, functional.pad), _function),
    getattr: _of_shape,
}
METHODS: dict[str, Callable] = {
    **dict.fromkeys(("add", "add_", "flatten", "view", "reshape", "contiguous", "relu", "relu_"), _function),
    **dict.fromkeys(("size", "dim"), _of_shape),
}
