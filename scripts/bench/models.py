"""Untrained generators as ONNX files, to time engines on: `latent` [N, z] -> `image` [N, C, H, W].

    python scripts/bench/models.py --out DIR [NAME]...

A to E are the usual shapes; F1 to F5 are sizes, channels and kernels that an engine is not likely to have been tuned for. The weights are
drawn from a fixed seed so that activations neither saturate nor vanish, which is checked in onnxruntime; the images mean nothing.
"""

import sys

import numpy
import onnx
import onnxruntime
import torch
from export import BEFORE_SQUASHING, Shape, arguments, declare, export, initialize, write
from torch import nn


def last(layer):
    """A layer before tanh or sigmoid: its weights are drawn smaller, so that the activation does not saturate."""
    layer.gain = BEFORE_SQUASHING
    return layer


def dense(latent, hidden):
    """latent - hidden - 784, ReLU and sigmoid."""
    return nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), last(nn.Linear(hidden, 784)), nn.Sigmoid(), Shape(1, 28, 28))


def seed(latent, channels, height, width):
    """latent -> [channels, height, width], ReLU."""
    return [nn.Linear(latent, channels * height * width), Shape(channels, height, width), nn.ReLU()]


def transposed(inputs, outputs):
    return nn.ConvTranspose2d(inputs, outputs, 4, 2, 1)


def dcgan(latent, channels, height, width):
    """DCGAN with 4x4 transposed convolutions of stride 2 and padding 1, each doubling the image."""
    layers = seed(latent, channels[0], height, width)
    for inputs, outputs in zip(channels[:-2], channels[1:-1]):
        layers += [transposed(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers, last(transposed(*channels[-2:])), nn.Tanh())


def normalized_dcgan():
    """z 100 -> 4x4x512 -> 64x64x3 with batch normalization (Radford et al. 2016, figure 1, with half the channels)."""
    layers = [nn.Linear(100, 512 * 16, bias=False), Shape(512, 4, 4), nn.BatchNorm2d(512), nn.ReLU()]
    for inputs, outputs in [(512, 256), (256, 128), (128, 64)]:
        layers += [nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, last(transposed(64, 3)), nn.Tanh())


def resized():
    """As C, with nearest-neighbour doubling and 3x3 convolutions in place of transposed ones (Odena et al. 2016)."""
    double = lambda: nn.Upsample(scale_factor=2, mode="nearest")
    layers = [double(), nn.Conv2d(128, 64, 3, 1, 1), nn.ReLU(), double(), last(nn.Conv2d(64, 1, 3, 1, 1)), nn.Tanh()]
    return nn.Sequential(*seed(64, 128, 7, 7), *layers)


def three_by_three():
    """7x7x100 -> 14x14x50 -> 28x28x1 with 3x3 transposed convolutions: stride 2, padding 1, output padding 1."""
    up = lambda inputs, outputs: nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, output_padding=1)
    return nn.Sequential(*seed(64, 100, 7, 7), up(100, 50), nn.ReLU(), last(up(50, 1)), nn.Tanh())


def five_by_five():
    """8x8x64 -> 16x16x32 -> 32x32x3 with 5x5 transposed convolutions (stride 2, padding 2, output padding 1) and one 5x5 convolution."""
    up = lambda inputs, outputs: nn.ConvTranspose2d(inputs, outputs, 5, 2, 2, output_padding=1)
    layers = [up(64, 32), nn.ReLU(), nn.Conv2d(32, 32, 5, 1, 2), nn.ReLU(), last(up(32, 3)), nn.Tanh()]
    return nn.Sequential(*seed(64, 64, 8, 8), *layers)


# Name: how it is made, its latent width. The order is part of the seed.
MODELS = {
    "A": (lambda: dense(100, 256), 100),
    "B": (lambda: dense(20, 400), 20),
    "C": (lambda: dcgan(64, [128, 64, 1], 7, 7), 64),
    "D": (normalized_dcgan, 100),
    "E": (resized, 64),
    "F1": (lambda: dcgan(64, [96, 48, 1], 6, 6), 64),
    "F2": (lambda: dcgan(100, [160, 80, 40, 3], 6, 6), 100),
    "F3": (lambda: dcgan(64, [72, 36, 1], 5, 7), 64),
    "F4": (three_by_three, 64),
    "F5": (five_by_five, 64),
}


def check(name, data, latent):
    """Fails if the file does not run at two batch sizes, or its images are flat or saturated. Returns a line about it."""
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    z = numpy.random.default_rng(0).standard_normal((32, latent), dtype=numpy.float32)
    images = session.run(["image"], {"latent": z})[0]
    alone = session.run(["image"], {"latent": z[:1]})[0]
    if not numpy.allclose(images[:1], alone, atol=1e-5):
        sys.exit(f"{name}: the first image of a batch differs from the same image alone by {abs(images[:1] - alone).max()}")
    low, high = (0.0, 1.0) if name in ("A", "B") else (-1.0, 1.0)
    centred = (images - (low + high) / 2) / (high - low) * 2
    saturated = (abs(centred) > 0.99).mean()
    if centred.std() < 0.15 or saturated > 0.1:
        sys.exit(f"{name}: of little use to time: standard deviation {centred.std():.3f} of a range of 2, {saturated:.1%} saturated")
    operators = " ".join(node.op_type for node in onnx.load_from_string(data).graph.node)
    return f"{images.shape[1:]}, deviation {centred.std():.2f}, {saturated:.2%} saturated: {operators}"


def main():
    out, names = arguments(__doc__, MODELS, "NAME.onnx")
    for name in names:
        make, latent = MODELS[name]
        model = initialize(make(), list(MODELS).index(name))
        sample = torch.zeros(2, latent)
        data = declare(export(model, (sample,), ["latent"]), model(sample).shape[1:])
        about = check(name, data, latent)
        print(f"{write(out, name, data)}: {about}", file=sys.stderr)


if __name__ == "__main__":
    main()
