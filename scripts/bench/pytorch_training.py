"""Training steps of dreamlet's presets in PyTorch: same nets, batch and optimizer, random images.

A step of a GAN preset is what the trainer counts as one: one update of the generator with the discriminator updates that go with
it. `images/s` counts real images that the step has read: batch x discriminator updates.
"""

import argparse
import json
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


def initialize(module: nn.Module) -> None:
    """The DCGAN paper's initialization: N(0, 0.02), batch normalization's scale N(1, 0.02)."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def discriminator_loss(real, fake, hinge):
    """Hinge, or cross-entropy on logits with real labels smoothed to 0.9."""
    if hinge:
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
    loss = F.binary_cross_entropy_with_logits(real, torch.full_like(real, 0.9))
    return loss + F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))


def generator_loss(fake, hinge):
    """The generator's side of the same, non-saturating."""
    return -fake.mean() if hinge else F.binary_cross_entropy_with_logits(fake, torch.ones_like(fake))


class Gan:
    """Generator and discriminator; Adam with beta1 0.5. `spectral`: spectral normalization of the discriminator, and the hinge loss."""

    def __init__(self, generator, discriminator, latent, shape, rate, discriminator_steps, spectral=False):
        self.generator, self.discriminator = generator, discriminator
        self.latent, self.shape, self.discriminator_steps = latent, shape, discriminator_steps
        self.hinge = spectral
        generator.apply(initialize)
        discriminator.apply(initialize)
        if spectral:
            bound(discriminator)
        self.generator_adam = torch.optim.Adam(generator.parameters(), rate, (0.5, 0.999))
        self.discriminator_adam = torch.optim.Adam(discriminator.parameters(), rate, (0.5, 0.999))

    def images_per_step(self, batch):
        return batch * self.discriminator_steps

    def step(self, batch):
        for _ in range(self.discriminator_steps):
            real = torch.rand(batch, *self.shape)
            fake = self.generator(torch.randn(batch, self.latent))
            on_real, on_fake = self.discriminator(real), self.discriminator(fake.detach())
            loss = discriminator_loss(on_real, on_fake, self.hinge)
            self.discriminator_adam.zero_grad(set_to_none=True)
            loss.backward()
            self.discriminator_adam.step()
        # As in PyTorch's own DCGAN example, and in dreamlet: the last images serve the generator's update too.
        loss = generator_loss(self.discriminator(fake), self.hinge)
        self.generator_adam.zero_grad(set_to_none=True)
        loss.backward()
        self.generator_adam.step()


class Vae(nn.Module):
    """784 - hidden - latent - hidden - 784, Bernoulli likelihood, Adam 1e-3."""

    def __init__(self, hidden, latent):
        super().__init__()
        self.hidden = nn.Linear(784, hidden)
        self.mean, self.log_variance = nn.Linear(hidden, latent), nn.Linear(hidden, latent)
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, 784))
        self.adam = torch.optim.Adam(self.parameters(), 1e-3)

    def images_per_step(self, batch):
        return batch

    def step(self, batch):
        x = torch.rand(batch, 784)
        h = F.relu(self.hidden(x))
        mean, log_variance = self.mean(h), self.log_variance(h)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        likelihood = F.binary_cross_entropy_with_logits(self.decoder(z), x, reduction="sum")
        divergence = -0.5 * torch.sum(1 + log_variance - mean.square() - log_variance.exp())
        loss = (likelihood + divergence) / batch
        self.adam.zero_grad(set_to_none=True)
        loss.backward()
        self.adam.step()


def seed_gan():
    generator = nn.Sequential(nn.Linear(100, 256), nn.ReLU(), nn.Linear(256, 784), nn.Sigmoid())
    discriminator = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 1))
    return Gan(generator, discriminator, 100, (784,), 2e-4, 5)


def down(inputs, outputs, normalized):
    layers = [nn.Conv2d(inputs, outputs, 4, 2, 1, bias=not normalized)]
    return layers + ([nn.BatchNorm2d(outputs)] if normalized else []) + [nn.LeakyReLU(0.2)]


def bound(module):
    """Spectral normalization of every weight, one round of power iteration in each forward pass of training."""
    for layer in module:
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.utils.parametrizations.spectral_norm(layer)


def convolutional(up, hidden=0, spectral=False, latent=32):
    """z -> 7x7x128 -> 14x14x64 -> 28x28x1, and the mirrored discriminator, with a dense layer before its logit if `hidden` > 0.

    `spectral`: spectral normalization in the place of the discriminator's batch normalization, and the hinge loss."""
    generator = nn.Sequential(
        nn.Linear(latent, 128 * 49, bias=False), nn.Unflatten(1, (128, 7, 7)), nn.BatchNorm2d(128), nn.ReLU(),
        *up(128, 64, False), nn.BatchNorm2d(64), nn.ReLU(),
        *up(64, 1, True), nn.Tanh(),
    )
    head = [nn.Linear(128 * 49, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 1)] if hidden else [nn.Linear(128 * 49, 1)]
    discriminator = nn.Sequential(*down(1, 64, False), *down(64, 128, not spectral), nn.Flatten(), *head)
    return Gan(generator, discriminator, latent, (1, 28, 28), 2e-4, 1, spectral)


def transposed(inputs, outputs, bias):
    return [nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=bias)]


def resized(inputs, outputs, bias):
    return [nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(inputs, outputs, 3, 1, 1, bias=bias)]


# Name: how it is made, its batch.
PRESETS = {
    "seed-gan": (seed_gan, 64),
    "seed-vae": (lambda: Vae(256, 256), 128),
    "vae-dense": (lambda: Vae(400, 20), 64),
    "dcgan": (lambda: convolutional(transposed, 256, spectral=True), 64),
    # What dcgan was before: --set gan.loss=non-saturating --set gan.discriminator_norm=batch.
    "dcgan-batch": (lambda: convolutional(transposed, 256), 64),
    "dcgan-resize": (lambda: convolutional(resized, 256, spectral=True), 64),
}


def measure(name, batch, seconds):
    """Times steps for about `seconds`, after a tenth of that to warm up."""
    torch.manual_seed(0)
    make, usual = PRESETS[name]
    batch = batch or usual
    model = make()
    end = time.perf_counter() + seconds / 10
    while time.perf_counter() < end:
        model.step(batch)
    times, begin = [], time.perf_counter()
    while not times or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        model.step(batch)
        times.append(time.perf_counter() - start)
    images = model.images_per_step(batch)
    median = statistics.median(times)
    return {
        "preset": name, "batch": batch, "steps": len(times), "images_per_step": images,
        "step_ms_median": 1e3 * median, "step_ms_min": 1e3 * min(times), "images_per_s": images / median,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="*", default=[], help=f"of {', '.join(PRESETS)}; default: all")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=0, help="default: the preset's")
    parser.add_argument("--seconds", type=float, default=10.0, help="to measure each preset for")
    parser.add_argument("--json", help="also write the times to this file")
    args = parser.parse_args()
    unknown = [name for name in args.presets if name not in PRESETS]
    if unknown:
        parser.error(f"no preset {unknown[0]}: choose of {', '.join(PRESETS)}")
    torch.set_num_threads(args.threads)
    result = {"engine": "pytorch", "version": torch.__version__, "threads": args.threads, "presets": []}
    print(f"PyTorch {torch.__version__}, {args.threads} thread(s)", file=sys.stderr)
    print(f"{'preset':14} {'batch':>5} {'step ms':>9} {'best ms':>9} {'images/s':>9}", file=sys.stderr)
    for name in args.presets or PRESETS:
        row = measure(name, args.batch, args.seconds)
        result["presets"].append(row)
        print(f"{name:14} {row['batch']:5} {row['step_ms_median']:9.2f} {row['step_ms_min']:9.2f} "
              f"{row['images_per_s']:9.0f}", file=sys.stderr)
    text = json.dumps(result, indent=2)
    print(text)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            file.write(text + "\n")


if __name__ == "__main__":
    main()
