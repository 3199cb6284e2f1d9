"""The plain programs that `benchmarks.throughput` compares with: PyTorch as in its tutorials, no code of this project.

    python -m benchmarks.plain_programs noise --arch mlp_small --alpha 0.05     # Gaussian noise on the weights
    python -m benchmarks.plain_programs pixels --model mlp --p 0.3              # corrupted training pixels

Images come sample by sample from torchvision's MNIST through a DataLoader, Adam has its default settings, noise is
drawn, added to the weights and subtracted again, and the sweep reads the test loader once per noise draw. Prints one
line of JSON: seconds of training, seconds of the sweep, accuracy on the test images.
"""

import argparse
import json
import time

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision.datasets import MNIST
from torchvision.models import resnet18
from torchvision.transforms import Compose, Lambda, ToTensor

HIDDEN = {"mlp_small": (256, 128), "mlp_medium": (512, 256), "mlp_large": (1024, 512, 256)}
ALPHAS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
DRAWS = 5


def perceptron(inputs: int, hidden: tuple[int, ...]) -> nn.Module:
    """Linear layers with ReLU between them."""
    layers: list[nn.Module] = [nn.Flatten()]
    for width in hidden:
        layers += [nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, 10))


def convolutional(channels: int, widths: tuple[int, ...], head: list[nn.Module]) -> nn.Module:
    """Stages of convolution, ReLU and pooling, then the head."""
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        channels = width
    return nn.Sequential(*layers, nn.Flatten(), *head)


def network_for_noise(arch: str) -> nn.Module:
    """The networks of the study of weight noise, for images of 3×28×28 pixels."""
    if arch == "resnet18":
        return resnet18(weights=None, num_classes=10)
    if arch == "cnn":
        return convolutional(3, (32, 64, 64), [nn.Linear(64 * 9, 10)])
    return perceptron(3 * 28 * 28, HIDDEN[arch])


def network_for_pixels(model: str) -> nn.Module:
    """The networks of the study of corrupted pixels, for images of 1×28×28 pixels."""
    if model == "cnn":
        return convolutional(1, (32, 64), [nn.Linear(64 * 49, 128), nn.ReLU(), nn.Linear(128, 10)])
    return perceptron(28 * 28, (256, 128))


class Corrupted(Dataset):
    """The images, with each pixel replaced by U(0, 1) with probability p."""

    def __init__(self, images: Dataset, p: float):
        self.images, self.p = images, p

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int):
        image, label = self.images[index]
        return torch.where(torch.rand_like(image) < self.p, torch.rand_like(image), image), label


def add_noise(model: nn.Module, alpha: float) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Add noise of α·std to each weight tensor; return (weight, noise) pairs."""
    pairs = []
    for module in model.modules():
        if hasattr(module, "weight") and not isinstance(module, nn.BatchNorm2d):
            noise = torch.randn_like(module.weight.data) * module.weight.data.std() * alpha
            module.weight.data.add_(noise)
            pairs.append((module.weight.data, noise))
    return pairs


def subtract_noise(pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
    """Take the noise of `add_noise` away, up to rounding."""
    for weight, noise in pairs:
        weight.sub_(noise)


def train(model: nn.Module, loader: DataLoader, epochs: int, alpha: float = 0.0) -> None:
    """Adam and cross-entropy; with alpha above 0 each gradient is taken at noisy weights."""
    device = next(model.parameters()).device
    optimizer = torch.optim.Adam(model.parameters())
    model.train()
    for _ in range(epochs):
        for images, labels in loader:
            images, labels = images.to(device), labels.to(device)  # noqa: PLW2901
            optimizer.zero_grad()
            pairs = add_noise(model, alpha) if alpha > 0 else []
            nn.functional.cross_entropy(model(images), labels).backward()
            subtract_noise(pairs)
            optimizer.step()


@torch.no_grad()
def accuracy(model: nn.Module, loader: DataLoader, alpha: float = 0.0) -> float:
    """The share of correct labels under one draw of noise."""
    device = next(model.parameters()).device
    model.eval()
    pairs = add_noise(model, alpha) if alpha > 0 else []
    correct = total = 0
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)  # noqa: PLW2901
        correct += (model(images).argmax(1) == labels).sum().item()
        total += len(labels)
    subtract_noise(pairs)
    return correct / total


def datasets(data_dir: str, channels: int) -> list[Dataset]:
    """The training and the test images of MNIST, with one channel or with its copies."""
    copies = [Lambda(lambda image: image.repeat(channels, 1, 1))] if channels > 1 else []
    return [MNIST(data_dir, train=part, transform=Compose([ToTensor(), *copies])) for part in (True, False)]


def run(arguments: argparse.Namespace) -> dict:
    """Train and measure one network; returns train_s, sweep_s and accuracy."""
    noise = arguments.program == "noise"
    images, test_images = datasets(arguments.data_dir, 3 if noise else 1)
    if arguments.train_samples is not None:
        images = Subset(images, range(arguments.train_samples))
    if not noise:
        images = Corrupted(images, arguments.p)
    loader = DataLoader(images, batch_size=128, shuffle=True)
    test_loader = DataLoader(test_images, batch_size=128)
    torch.manual_seed(arguments.seed)
    model = network_for_noise(arguments.arch) if noise else network_for_pixels(arguments.model)

    start = time.perf_counter()
    train(model, loader, arguments.epochs, arguments.alpha if noise else 0.0)
    trained = time.perf_counter()
    clean = accuracy(model, test_loader)
    for alpha in ALPHAS if noise else ():
        for _ in range(DRAWS):
            accuracy(model, test_loader, alpha)
    return {"train_s": trained - start, "sweep_s": time.perf_counter() - trained, "accuracy": clean}


def main(words: list[str] | None = None) -> None:
    """Run one program on one thread and print its figures."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--data-dir", default="data", help="folder with MNIST/raw")
    common.add_argument("--train-samples", type=int, help="number of training images; default: all")
    common.add_argument("--epochs", type=int, default=1)
    common.add_argument("--seed", type=int, default=0)
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    programs = parser.add_subparsers(dest="program", required=True)
    noise = programs.add_parser("noise", parents=[common], help="noise on the weights, in training and in a sweep")
    noise.add_argument("--arch", choices=[*HIDDEN, "cnn", "resnet18"], default="mlp_small")
    noise.add_argument("--alpha", type=float, default=0.05, help="noise in training, relative to each tensor's std")
    pixels = programs.add_parser("pixels", parents=[common], help="corrupted pixels in training")
    pixels.add_argument("--model", choices=["mlp", "cnn"], default="mlp")
    pixels.add_argument("--p", type=float, default=0.3, help="probability that a pixel is replaced")
    arguments = parser.parse_args(words)
    torch.set_num_threads(1)
    print(json.dumps(run(arguments)))


if __name__ == "__main__":
    main()
