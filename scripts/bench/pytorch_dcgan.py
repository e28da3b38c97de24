"""PyTorch's DCGAN recipe on MNIST or on a folder of images: the nets of dreamlet's preset `dcgan` by `pytorch_training.py`, all else as
in PyTorch's own example.

The discriminator is the paper's, a linear layer on the last feature maps; `--hidden 256` gives it the preset's dense layer too.

Adam at 2e-4 with beta1 0.5 for both nets, batches of 64, weights from N(0, 0.02), labels 1 and 0, no average, images from -1 to 1.
The generator is written as ONNX: `latent` [batch, 64], numbers from N(0, 1), to `image` [batch, C, H, W], values from -1 to 1.
"""

import argparse
import gzip
import os
import pathlib
import sys
import time

import numpy
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from pytorch_training import Gan, conv_decoder, conv_encoder, transposed

BATCH = 64
LATENT = 64


def mnist(folder: pathlib.Path) -> numpy.ndarray:
    """MNIST's training images, [60000, 1, 28, 28], from the IDX file, compressed or not."""
    name = "train-images-idx3-ubyte"
    for path, opener in ((folder / f"{name}.gz", gzip.open), (folder / name, open)):
        if path.exists():
            with opener(path, "rb") as file:
                data = file.read()
            break
    else:
        sys.exit(f"no {name}[.gz] in {folder}: set DREAMLET_DATA_DIR to the folder that holds mnist/")
    magic, count, height, width = numpy.frombuffer(data, ">i4", 4)
    if magic != 0x803 or len(data) != 16 + count * height * width:
        sys.exit(f"{path} is no IDX file of images")
    return numpy.frombuffer(data, numpy.uint8, offset=16).reshape(count, 1, height, width)


def from_folder(folder: pathlib.Path, size: int) -> numpy.ndarray:
    """All PNG and JPEG files below a folder as [N, 3, size, size]: the training images, not the test images."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".png", ".jpg", ".jpeg"))
    if not files:
        sys.exit(f"no PNG or JPEG files in {folder}")
    found = numpy.empty((len(files), 3, size, size), numpy.uint8)
    for place, path in zip(found, files):
        image = Image.open(path).convert("RGB")
        place[...] = numpy.asarray(image.resize((size, size), Image.Resampling.BOX)).transpose(2, 0, 1)
    return found


class Maps(nn.Module):
    """What `nn.Unflatten` does, exported as one `Reshape` and not as arithmetic on the batch's size."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape

    def forward(self, x):
        return x.reshape(-1, *self.shape)


def batches(real: torch.Tensor):
    """Shuffled batches without end; an epoch's incomplete last batch is left out."""
    while True:
        order = torch.randperm(len(real))
        for start in range(0, len(real) - BATCH + 1, BATCH):
            yield real[order[start:start + BATCH]].float() / 127.5 - 1.0


def recipe(size: int, channels: int, hidden: int) -> Gan:
    """The paper's nets: batch normalization in both, but for the discriminator's first layer."""
    generator = nn.Sequential(*conv_decoder(transposed, LATENT, size, channels, 64), nn.Tanh())
    encoder, features = conv_encoder(size, channels, 64, lambda i: i > 0)
    judge = [nn.Linear(features, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 1)] if hidden else [nn.Linear(features, 1)]
    return Gan(generator, nn.Sequential(*encoder, *judge), LATENT, (channels, size, size), 2e-4, 1)


def train(real: torch.Tensor, images: int, hidden: int, log_every: int):
    """The generator after so many images."""
    gan = recipe(real.shape[-1], real.shape[1], hidden)
    generator, discriminator = gan.generator, gan.discriminator
    feed, steps, begin = batches(real), images // BATCH, time.monotonic()
    for step in range(1, steps + 1):
        fake = generator(torch.randn(BATCH, LATENT))
        on_real, on_fake = discriminator(next(feed)), discriminator(fake.detach())
        d_loss = (F.binary_cross_entropy_with_logits(on_real, torch.ones_like(on_real))
                  + F.binary_cross_entropy_with_logits(on_fake, torch.zeros_like(on_fake)))
        gan.discriminator_adam.zero_grad(set_to_none=True)
        d_loss.backward()
        gan.discriminator_adam.step()
        logits = discriminator(fake)
        g_loss = F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
        gan.generator_adam.zero_grad(set_to_none=True)
        g_loss.backward()
        gan.generator_adam.step()
        if step % log_every == 0 or step == steps:
            print(f"step {step}/{steps}  d {d_loss.item():.3f}  g {g_loss.item():.3f}  "
                  f"{time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
    return generator


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, required=True, help="training images to read, batches of 64")
    parser.add_argument("--folder", type=pathlib.Path, help="images of a folder instead of MNIST")
    parser.add_argument("--size", type=int, default=32, help="of a folder's images, pixels")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--hidden", type=int, default=0, help="width of a dense layer before the discriminator's logit")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", required=True, help="the ONNX file")
    parser.add_argument("--log-every", type=int, default=250, help="steps")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    if args.folder:
        real = from_folder(args.folder, args.size)
    else:
        real = mnist(pathlib.Path(os.environ.get("DREAMLET_DATA_DIR", "data")) / "mnist")
    generator = train(torch.from_numpy(real), args.images, args.hidden, args.log_every)
    generator[1] = Maps(generator[1].unflattened_size)
    torch.onnx.export(
        generator.eval(), (torch.zeros(2, LATENT),), args.out, input_names=["latent"], output_names=["image"],
        dynamic_axes={"latent": {0: "batch"}, "image": {0: "batch"}}, dynamo=False,
    )


if __name__ == "__main__":
    main()
