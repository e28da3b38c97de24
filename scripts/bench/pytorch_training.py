"""Training steps of dreamlet's presets in PyTorch: same nets, batch and optimizer, random images.

A step of a GAN preset is what the trainer counts as one: one update of the generator with the discriminator updates that go with
it. `images/s` counts real images that the step has read: batch x discriminator updates. On a GPU a step is over when the device has
done it.
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
    """Generator and discriminator; Adam with beta1 0.5. `spectral`: spectral normalization of the discriminator, and the hinge loss.
    With `classes` both get the class of each image besides. `gamma`: the relativistic loss with R1 and R2 in each step."""

    def __init__(self, generator, discriminator, latent, shape, rate, discriminator_steps, spectral=False, classes=0, gamma=0.0):
        self.generator, self.discriminator = generator.to(DEVICE), discriminator.to(DEVICE)
        self.latent, self.shape, self.discriminator_steps = latent, shape, discriminator_steps
        self.hinge, self.classes, self.gamma = spectral, classes, gamma
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
            real = torch.rand(batch, *self.shape, device=DEVICE)
            given = [torch.randint(self.classes, (batch,), device=DEVICE)] if self.classes else []
            fake = self.generator(torch.randn(batch, self.latent, device=DEVICE), *given)
            seen = [images.requires_grad_(self.gamma > 0) for images in (real, fake.detach())]
            on_real, on_fake = (self.discriminator(images, *given) for images in seen)
            if self.gamma:
                loss = F.softplus(on_fake - on_real).mean()
                for logits, images in zip((on_real, on_fake), seen):
                    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
                    loss = loss + 0.5 * self.gamma * gradient.square().sum((1, 2, 3)).mean()
            else:
                loss = discriminator_loss(on_real, on_fake, self.hinge)
            self.discriminator_adam.zero_grad(set_to_none=True)
            loss.backward()
            self.discriminator_adam.step()
        # As in PyTorch's own DCGAN example, and in dreamlet: the last images serve the generator's update too.
        on_fake = self.discriminator(fake, *given)
        if self.gamma:
            loss = F.softplus(self.discriminator(real.detach(), *given).detach() - on_fake).mean()
        else:
            loss = generator_loss(on_fake, self.hinge)
        self.generator_adam.zero_grad(set_to_none=True)
        loss.backward()
        self.generator_adam.step()


class Vae:
    """Encoder to `features`, two heads, decoder to logits; Bernoulli likelihood, Adam 1e-3."""

    def __init__(self, encoder, features, latent, decoder, shape):
        heads = nn.ModuleList([nn.Linear(features, latent), nn.Linear(features, latent)])
        self.net = nn.ModuleList([encoder, heads, decoder]).to(DEVICE)
        self.shape = shape
        self.adam = torch.optim.Adam(self.net.parameters(), 1e-3)

    def images_per_step(self, batch):
        return batch

    def step(self, batch):
        encoder, heads, decoder = self.net
        x = torch.rand(batch, *self.shape, device=DEVICE)
        h = encoder(x)
        mean, log_variance = (head(h) for head in heads)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        likelihood = F.binary_cross_entropy_with_logits(decoder(z), x, reduction="sum")
        divergence = -0.5 * torch.sum(1 + log_variance - mean.square() - log_variance.exp())
        loss = (likelihood + divergence) / batch
        self.adam.zero_grad(set_to_none=True)
        loss.backward()
        self.adam.step()


def dense_vae(hidden, latent):
    """784 - hidden - latent - hidden - 784."""
    encoder = nn.Sequential(nn.Linear(784, hidden), nn.ReLU())
    decoder = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, 784))
    return Vae(encoder, hidden, latent, decoder, (784,))


def seed_gan():
    generator = nn.Sequential(nn.Linear(100, 256), nn.ReLU(), nn.Linear(256, 784), nn.Sigmoid())
    discriminator = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 1))
    return Gan(generator, discriminator, 100, (784,), 2e-4, 5)


def down(inputs, outputs, normalized):
    layers = [nn.Conv2d(inputs, outputs, 4, 2, 1, bias=not normalized)]
    return layers + ([nn.BatchNorm2d(outputs)] if normalized else []) + [nn.LeakyReLU(0.2)]


def bound(module):
    """Spectral normalization of every weight, one round of power iteration in each forward pass of training."""
    for layer in list(module.modules()):
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.utils.parametrizations.spectral_norm(layer)


def pyramid(size, width):
    """The smallest map's side, and the feature maps at each size from there on, as dreamlet chooses them."""
    edge, maps = size // 2, [width]
    while edge % 2 == 0 and edge // 2 >= 4:
        edge //= 2
        maps.append(min(2 * maps[-1], max(512, width)))
    return edge, maps[::-1]


def conv_decoder(up, latent, size, channels, width):
    """latent -> smallest map -> doublings -> size x size x channels, batch normalization before each doubling; logits."""
    edge, maps = pyramid(size, width)
    layers = [nn.Linear(latent, maps[0] * edge**2, bias=False), nn.Unflatten(1, (maps[0], edge, edge))]
    for inputs, outputs in zip(maps, maps[1:] + [channels]):
        layers += [nn.BatchNorm2d(inputs), nn.ReLU(), *up(inputs, outputs, outputs == channels)]
    return nn.Sequential(*layers)


def conv_encoder(size, channels, width, normalized):
    """The same mirrored, and the number of its features. `normalized` says of each halving whether it has batch normalization."""
    edge, maps = pyramid(size, width)
    maps = [channels] + maps[::-1]
    layers = [down(*pair, normalized(i)) for i, pair in enumerate(zip(maps, maps[1:]))]
    return nn.Sequential(*sum(layers, []), nn.Flatten()), maps[-1] * edge**2


class ClassGenerator(nn.Module):
    """A generator that gets 16 numbers a class beside the latent vector."""

    def __init__(self, net, classes):
        super().__init__()
        self.net, self.embedding = net, nn.Embedding(classes, 16)

    def forward(self, z, classes):
        return self.net(torch.cat([z, self.embedding(classes)], 1))


class ProjectionDiscriminator(nn.Module):
    """Features, a logit of them, and their projection on the class's direction."""

    def __init__(self, features, judge, classes):
        super().__init__()
        self.features, self.judge, self.embedding = features, judge, nn.Embedding(classes, judge.in_features)

    def forward(self, x, classes):
        features = self.features(x)
        return self.judge(features) + (self.embedding(classes) * features).sum(1, keepdim=True)


def conv_gan(size, channels, up, spectral=True, classes=0, latent=32, hidden=256, width=64, gamma=0.0):
    """DCGAN nets with a dense layer before the discriminator's logit.

    `spectral`: spectral normalization in the place of the discriminator's batch normalization, and the hinge loss."""
    inputs = latent + (16 if classes else 0)
    generator = nn.Sequential(conv_decoder(up, inputs, size, channels, width), nn.Tanh())
    encoder, features = conv_encoder(size, channels, width, lambda i: i > 0 and not spectral and not gamma)
    body = nn.Sequential(*encoder, nn.Linear(features, hidden), nn.LeakyReLU(0.2))
    judge = nn.Linear(hidden, 1)
    discriminator = nn.Sequential(*body, judge)
    if classes:
        generator = ClassGenerator(generator, classes)
        discriminator = ProjectionDiscriminator(body, judge, classes)
    return Gan(generator, discriminator, latent, (channels, size, size), 2e-4, 1, spectral, classes, gamma)


class Block(nn.Module):
    """1x1, 3x3 and 1x1, added to what went in; with groups of `group` channels twice as wide inside."""

    def __init__(self, maps, group):
        super().__init__()
        inner, groups = (2 * maps, 2 * maps // group) if group else (maps, 1)
        self.body = nn.Sequential(
            nn.Conv2d(maps, inner, 1), nn.LeakyReLU(0.2), nn.Conv2d(inner, inner, 3, padding=1, groups=groups), nn.LeakyReLU(0.2),
            nn.Conv2d(inner, maps, 1, bias=False))

    def forward(self, x):
        return x + self.body(x)


class Halving(nn.Module):
    """1 3 3 1 over 8 along each axis, edges repeated."""

    def __init__(self, maps):
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        self.register_buffer("kernel", torch.outer(taps, taps).expand(maps, 1, 4, 4).clone())

    def forward(self, x):
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), self.kernel, stride=2, groups=len(self.kernel))


class Constants(nn.Module):
    """Learned maps times what a dense layer makes of the latent vector."""

    def __init__(self, latent, maps, edge):
        super().__init__()
        self.scales, self.maps = nn.Linear(latent, maps), nn.Parameter(torch.randn(maps, edge, edge))

    def forward(self, z):
        return self.scales(z)[:, :, None, None] * self.maps


def residual_gan(size, channels, latent=64, width=32, group=0, gamma=0.1):
    """Residual nets without normalization, one block at each size, as dreamlet's `net = "residual"`."""
    edge, maps = size, [width]
    while edge % 2 == 0 and edge // 2 >= 4:
        edge //= 2
        maps.append(width + len(maps) * width // 2)
    generator, discriminator = [Constants(latent, maps[-1], edge)], [nn.Conv2d(channels, width, 1, bias=False)]
    for this, smaller in zip(maps, maps[1:] + [None]):
        discriminator.append(Block(this, group))
        if smaller:
            discriminator += [Halving(this), nn.Conv2d(this, smaller, 1, bias=False)]
    for this, larger in zip(maps[::-1], maps[-2::-1] + [None]):
        generator.append(Block(this, group))
        if larger:
            generator += [nn.Conv2d(this, larger, 1, bias=False), nn.Upsample(scale_factor=2, mode="bilinear")]
    generator.append(nn.Conv2d(width, channels, 1))
    discriminator += [nn.Flatten(), nn.Linear(maps[-1] * edge**2, 1)]
    return Gan(nn.Sequential(*generator), nn.Sequential(*discriminator), latent, (channels, size, size), 2e-4, 1, gamma=gamma)


def conv_vae(size, channels, latent=20, width=32):
    """DCGAN's halvings and doublings as encoder and decoder."""
    encoder, features = conv_encoder(size, channels, width, lambda _: True)
    decoder = conv_decoder(transposed, latent, size, channels, width)
    return Vae(encoder, features, latent, decoder, (channels, size, size))


def transposed(inputs, outputs, bias):
    return [nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=bias)]


def resized(inputs, outputs, bias):
    return [nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(inputs, outputs, 3, 1, 1, bias=bias)]


# Name: how it is made of images' size and channels, its batch. Dense ones are for 28x28x1.
PRESETS = {
    "seed-gan": (lambda size, channels: seed_gan(), 64),
    "seed-vae": (lambda size, channels: dense_vae(256, 256), 128),
    "vae-dense": (lambda size, channels: dense_vae(400, 20), 64),
    "vae-conv": (conv_vae, 64),
    "dcgan": (lambda size, channels: conv_gan(size, channels, transposed), 64),
    # What dcgan was before: --set gan.loss=non-saturating --set gan.discriminator_norm=batch.
    "dcgan-batch": (lambda size, channels: conv_gan(size, channels, transposed, spectral=False), 64),
    # --set gan.loss=relativistic --set gan.r1=1 --set gan.r2=1 --set gan.r1_every=1 --set gan.discriminator_norm=none
    "dcgan-relativistic": (lambda size, channels: conv_gan(size, channels, transposed, spectral=False, gamma=1.0), 64),
    "dcgan-resize": (lambda size, channels: conv_gan(size, channels, resized), 64),
    "r3-32": (residual_gan, 64),
    # --set model.group=16
    "r3-32-groups": (lambda size, channels: residual_gan(size, channels, group=16), 64),
    "cgan": (lambda size, channels: conv_gan(size, channels, transposed, classes=10), 64),
}

# Where the nets are; see --device.
DEVICE = torch.device("cpu")


def measure(name, batch, seconds, size=28, channels=1, compiled=False):
    """Times steps for about `seconds`, after a tenth of that to warm up. `compiled`: by torch.compile, after three steps."""
    torch.manual_seed(0)
    make, usual = PRESETS[name]
    batch = batch or usual
    model = make(size, channels)
    done = torch.cuda.synchronize if DEVICE.type == "cuda" else lambda: None
    step = torch.compile(model.step) if compiled else model.step
    for _ in range(3 if compiled else 1):
        step(batch)
    done()
    end = time.perf_counter() + seconds / 10
    while time.perf_counter() < end:
        step(batch)
        done()
    times, begin = [], time.perf_counter()
    while not times or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        step(batch)
        done()
        times.append(time.perf_counter() - start)
    images = model.images_per_step(batch)
    median = statistics.median(times)
    return {
        "preset": name, "size": size, "channels": channels, "batch": batch, "steps": len(times), "images_per_step": images,
        "step_ms_median": 1e3 * median, "step_ms_min": 1e3 * min(times), "images_per_s": images / median,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="*", default=[], help=f"of {', '.join(PRESETS)}; default: all")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=0, help="default: the preset's")
    parser.add_argument("--size", type=int, default=28, help="of images, for convolutional nets")
    parser.add_argument("--channels", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="such as cuda")
    parser.add_argument("--compile", action="store_true", help="by torch.compile")
    parser.add_argument("--seconds", type=float, default=10.0, help="to measure each preset for")
    parser.add_argument("--json", help="also write the times to this file")
    args = parser.parse_args()
    unknown = [name for name in args.presets if name not in PRESETS]
    if unknown:
        parser.error(f"no preset {unknown[0]}: choose of {', '.join(PRESETS)}")
    torch.set_num_threads(args.threads)
    global DEVICE  # pylint: disable=global-statement
    DEVICE = torch.device(args.device)
    result = {"engine": "pytorch", "version": torch.__version__, "threads": args.threads, "presets": []}
    print(f"PyTorch {torch.__version__}, {args.threads} thread(s)", file=sys.stderr)
    print(f"{'preset':14} {'batch':>5} {'step ms':>9} {'best ms':>9} {'images/s':>9}", file=sys.stderr)
    for name in args.presets or PRESETS:
        row = measure(name, args.batch, args.seconds, args.size, args.channels, args.compile)
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
