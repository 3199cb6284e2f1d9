"""Perturbation layers (Juefei-Xu, Boddeti and Savvides 2018, CVPR): noise masks, an activation, a convolution 1×1."""

from collections.abc import Callable

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from nnet.architectures.parts.mask_options import Options

MOST_NUMBERS = 2**23
"""Sums of inputs and masks of one layer that are in memory at once: 32 MB, which the C library hands back when freed;
smaller pieces leave its memory in pieces, so that a network of 64 masks takes twice as much."""


class Masks(nn.Module):
    """Noise N that is added to the input of a layer: 1×(channels or 1)×M×H×W numbers, M for each channel or for all.

    A buffer, or a parameter where it is trained; kept as U(−1, 1) or N(0, 1) and multiplied with the level when used.
    """

    def __init__(self, shape: tuple[int, ...], level: float, noise_type: str = "uniform", trained: bool = False):
        super().__init__()
        self.level, self.noise_type = level, noise_type
        if trained:
            self.noise = nn.Parameter(torch.empty(shape))
        else:
            self.register_buffer("noise", torch.empty(shape))

    @torch.no_grad()
    def draw(self, generator: torch.Generator) -> None:
        """Draw all of them."""
        if self.noise_type == "uniform":
            self.noise.uniform_(-1, 1, generator=generator)
        else:
            self.noise.normal_(generator=generator)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """x + level·N with the first mask of each channel, B×C×H×W."""
        return torch.add(images, self.noise[:, :, 0], alpha=self.level)


class PerturbLayer(nn.Module):
    """Masks, maybe an activation, a convolution 1×1, normalisation, activation: B×channels×H×W to B×width×H×W.

    With several masks the convolution has a group for each channel; see `combined`.
    """

    def __init__(
        self, channels: int, width: int, size: tuple[int, int], make_activation: Callable, options: Options, first: bool
    ):
        super().__init__()
        count = options.nmasks
        level = options.level * (options.scale_noise if first else 1)
        shape = (1, channels if options.unique_masks else 1, count, *size)
        self.masks = Masks(shape, level, options.noise_type, options.train_masks)
        self.activation = make_activation()
        self.activation_of_sums = nn.Identity() if first and not options.use_act else self.activation
        self.conv = nn.Conv2d(channels * count, width, 1, groups=1 if count == 1 else channels)
        self.norm = nn.BatchNorm2d(width)
        mix = [nn.Conv2d(width, width, 1), nn.BatchNorm2d(width), self.activation] if options.mix_maps else []
        self.mix = nn.Sequential(*mix)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """B×channels×H×W to B×width×H×W."""
        return self.mix(self.activation(self.norm(self._weighed(images))))

    def _weighed(self, images: torch.Tensor) -> torch.Tensor:
        masks, activation = self.masks, self.activation_of_sums
        if masks.noise.shape[2] == 1:
            return self.conv(activation(masks(images)))
        return combined(images, masks.noise, self.conv.weight, masks.level, activation) + self.conv.bias[:, None, None]  # type: ignore[index]


def layer(
    channels: int, width: int, size: tuple[int, int], make_activation: Callable, options: Options, first: bool = False
) -> nn.Module:
    """The first layer of a network, or another: of masks at filter size 0, else a convolution, its normalisation, act.

    `size`: (H, W) of what comes in. A convolution 7×7 has a stride of 2; all others leave the size as it is.
    """
    filter_size = options.first_filter_size if first else options.filter_size
    if filter_size == 0:
        return PerturbLayer(channels, width, size, make_activation, options, first)
    stride, padding = 2 if filter_size == 7 else 1, filter_size // 2
    convolution = nn.Conv2d(channels, width, filter_size, stride, padding, bias=filter_size == 1)
    return nn.Sequential(convolution, nn.BatchNorm2d(width), make_activation())


def combined(
    images: torch.Tensor, noise: torch.Tensor, weight: torch.Tensor, level: float, activation: Callable
) -> torch.Tensor:
    """z_o = Σ_m w_om·act(x_c + level·N_m), c = o // (O/C): B×C×H×W, 1×(C or 1)×M×H×W and O×M×1×1 to B×O×H×W.

    Of the B×C×M×H×W sums no more than `MOST_NUMBERS` are in memory at once: where there are more, some images and
    channels at a time are taken, and their sums made again in the backward pass.
    """
    channels, masks = images.shape[1], noise.shape[2]
    noise, weight = noise.expand(-1, channels, -1, -1, -1), weight.view(channels, -1, masks)
    if images.numel() * masks <= MOST_NUMBERS:
        return _combined(images, noise, weight, level, activation)
    of_channel = noise[0, 0].numel()
    width = min(channels, max(1, MOST_NUMBERS // of_channel))
    height = max(1, MOST_NUMBERS // (of_channel * width))
    rows = []
    for row in images.split(height):
        parts = zip(row.split(width, 1), noise.split(width, 1), weight.split(width), strict=True)
        made = [checkpoint(_combined, *part, level, activation, use_reentrant=False) for part in parts]
        rows.append(torch.cat(made, 1))
    return torch.cat(rows)


def _combined(images, noise, weight, level, activation):
    sums = activation(torch.add(images.unsqueeze(2), noise, alpha=level))
    return torch.matmul(weight, sums.flatten(3)).view(len(images), -1, *images.shape[2:])
