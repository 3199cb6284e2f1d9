"""Initial weights and masks, each tensor from a random stream of its own, named after the layer's place.

So nothing that is chosen of one layer changes the weights of another, and masks change no weights at all. A first
filter of 7 pixels, which brings a pooling with it, moves all other layers to other places.
"""

import torch
from torch import nn

from nnet.architectures.parts.masks import Masks
from nnet.random import streams


def draw_seed() -> int:
    """The seed of all streams of a network, from the process-wide generator; to be drawn before its layers are made."""
    return int(torch.randint(2**62, ()))


@torch.no_grad()
def initialise(network: nn.Module, seed: int) -> nn.Module:
    """Draw all weights and masks of a network, which is returned.

    Convolutions of k×k weights to O channels: N(0, 2/(k²·O)), whatever their groups. Their biases, and linear layers:
    U(−1/√n, 1/√n), where n values are summed, as PyTorch draws them.
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
