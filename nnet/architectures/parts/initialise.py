"""Initial weights and masks, each tensor from its own random stream, named after the layer's place.

No choice for one layer changes the weights of another, and masks change no weights. Only a first filter of 7 pixels,
which adds a pooling layer, moves all other layers to other places.
"""

import torch
from torch import nn

from nnet.architectures.parts.masks import Masks
from nnet.random import streams


def draw_seed() -> int:
    """The seed of all streams of a network, from the process-wide generator; drawn before its layers are built."""
    return int(torch.randint(2**62, ()))


@torch.no_grad()
def initialise(network: nn.Module, seed: int) -> nn.Module:
    """Draw all weights and masks of a network, and return it.

    Convolutions k×k to O channels: N(0, 2/(k²·O)), for any number of groups. Their biases, and linear
    layers: U(−1/√n, 1/√n) for sums of n values, as in PyTorch.
    """
    for name, module in network.named_modules():
        stream = streams.generator(seed, f"init of {name}")
        if isinstance(module, Masks):
            module.draw(streams.generator(seed, f"masks of {name}"))
        elif isinstance(module, nn.Conv2d):
            height, width = module.kernel_size
            module.weight.normal_(0, (2 / (height * width * module.out_channels)) ** 0.5, generator=stream)
        elif isinstance(module, nn.Linear):
            _uniform(module.weight, module.in_features, stream)
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            _uniform(module.bias, module.weight[0].numel(), stream)
    return network


def _uniform(tensor: torch.Tensor, summed: int, stream: torch.Generator) -> None:
    tensor.uniform_(-(summed**-0.5), summed**-0.5, generator=stream)
