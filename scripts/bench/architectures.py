"""Small generators of the architectures that people have, with drawn weights, as PyTorch modules. `zoo.py --architectures` exports them.

Each follows its paper in what its graph holds, with few channels and small images. None was trained.
"""

import math

import torch
from export import BEFORE_SQUASHING, initialize
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, spectral_norm

CLASSES = 10


def drawn(*shape, std=1.0):
    """A parameter that `build` draws from N(0, std^2)."""
    parameter = nn.Parameter(torch.zeros(shape))
    parameter.deviation = std
    return parameter


def build(make, seed, arguments, older=False):
    """A model with drawn weights, ready for evaluation: none is left at what would hide a fault, such as a scale of 1.

    `arguments` are inputs of many rows; batch normalization gets their statistics, so that layers after it see what they were made for.
    `older`: with the older of PyTorch's two spectral norms, the one that the exporter over TorchScript reads."""
    spectral.older = older
    torch.manual_seed(seed)
    model = initialize(make(), seed)
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (nn.GroupNorm, nn.LayerNorm, nn.InstanceNorm2d)) and module.weight is not None:
                module.weight.copy_(torch.rand(module.weight.shape, generator=generator) * 0.6 + 0.7)
                module.bias.copy_(torch.rand(module.bias.shape, generator=generator) * 0.6 - 0.3)
        for parameter in model.parameters():
            if hasattr(parameter, "deviation"):
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * parameter.deviation)
    settle(model)
    normals = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    for module in normals:
        module.reset_running_stats()
        module.momentum = None
        module.train()
    with torch.no_grad():
        model(*arguments)
    return model.eval()


def settle(model):
    """Lets spectral norms find their singular vectors, which a trained model has."""
    hooks = [module for module in model.modules() if hasattr(module, "weight_u")]
    for module in [*hooks, *(part for part in model.modules() if type(part).__name__ == "_SpectralNorm")]:
        module.train()
        for _ in range(20):
            for hook in module._forward_pre_hooks.values():
                hook(module, None)
            if not hasattr(module, "weight_u"):
                module(module.of)
        module.eval()


def spectral(layer):
    """A layer under one of PyTorch's spectral norms, as `build` was told."""
    if spectral.older:
        return spectral_norm(layer)
    layer = parametrizations.spectral_norm(layer)
    holder = layer.parametrizations.weight
    # `settle` runs it on this; a list keeps it out of the registered parameters.
    object.__setattr__(holder[0], "of", holder.original)
    return layer


def seed_map(latent, channels, side):
    return nn.Sequential(nn.Linear(latent, channels * side * side), nn.Unflatten(1, (channels, side, side)))


class WganGp(nn.Module):
    """WGAN-GP (Gulrajani et al. 2017): residual blocks of batch normalization, ReLU, nearest doubling and 3x3 convolutions."""

    class Block(nn.Module):
        def __init__(self, inputs, outputs):
            super().__init__()
            self.main = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(), nn.Upsample(scale_factor=2), nn.Conv2d(inputs, outputs, 3, 1, 1),
                                      nn.BatchNorm2d(outputs), nn.ReLU(), nn.Conv2d(outputs, outputs, 3, 1, 1))
            self.shortcut = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(inputs, outputs, 1))

        def forward(self, x):
            return self.main(x) + self.shortcut(x)

    def __init__(self, layer=lambda layer: layer):
        super().__init__()
        blocks = [self.Block(24, 24), self.Block(24, 16), self.Block(16, 16)]
        self.layers = nn.Sequential(seed_map(32, 24, 4), *blocks, nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 3, 3, 1, 1), nn.Tanh())
        self.layers[-2].gain = BEFORE_SQUASHING
        for module in self.modules():
            for name, child in list(module.named_children()):
                if isinstance(child, (nn.Conv2d, nn.Linear)):
                    setattr(module, name, layer(child))

    def forward(self, latent):
        return self.layers(latent)


class SelfAttention(nn.Module):
    """Self-attention over pixels (Zhang et al. 2019); keys and values of a quarter of the pixels as in BigGAN, if `pool`."""

    def __init__(self, channels, pool, layer=lambda layer: layer):
        super().__init__()
        self.query, self.key = layer(nn.Conv2d(channels, channels // 4, 1, bias=False)), layer(nn.Conv2d(channels, channels // 4, 1, bias=False))
        self.value, self.out = layer(nn.Conv2d(channels, channels // 2, 1, bias=False)), layer(nn.Conv2d(channels // 2, channels, 1, bias=False))
        self.gamma, self.pool = drawn(1, std=0.7), pool

    def forward(self, x):
        key, value = self.key(x), self.value(x)
        if self.pool:
            key, value = F.max_pool2d(key, 2), F.max_pool2d(value, 2)
        query, key, value = self.query(x).flatten(2), key.flatten(2), value.flatten(2)
        weights = F.softmax(torch.bmm(query.transpose(1, 2), key), -1)
        mixed = torch.bmm(value, weights.transpose(1, 2)).view(x.shape[0], -1, x.shape[2], x.shape[3])
        return self.gamma * self.out(mixed) + x


class Sagan(nn.Module):
    """SAGAN (Zhang et al. 2019): transposed convolutions under the older spectral norm, attention at 16x16."""

    def __init__(self):
        super().__init__()
        layers, channels = [spectral_norm(nn.ConvTranspose2d(32, 32, 4)), nn.BatchNorm2d(32), nn.ReLU()], [32, 24, 16]
        for inputs, outputs in zip(channels[:-1], channels[1:]):
            layers += [spectral_norm(nn.ConvTranspose2d(inputs, outputs, 4, 2, 1)), nn.BatchNorm2d(outputs), nn.ReLU()]
        layers += [SelfAttention(16, pool=False, layer=spectral_norm), nn.ConvTranspose2d(16, 3, 4, 2, 1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, latent):
        return self.layers(latent.view(latent.size(0), -1, 1, 1))


class BigGanDeep(nn.Module):
    """BigGAN-deep (Brock et al. 2019): the class's embedding beside the latent scales and shifts every batch normalization; bottleneck
    blocks whose shortcut drops channels; attention with pooled keys; spectral norm."""

    class Normal(nn.Module):
        def __init__(self, channels, condition):
            super().__init__()
            self.normal = nn.BatchNorm2d(channels, affine=False)
            self.gain, self.bias = spectral(nn.Linear(condition, channels, bias=False)), spectral(nn.Linear(condition, channels, bias=False))

        def forward(self, x, condition):
            gain, bias = 1 + self.gain(condition), self.bias(condition)
            return self.normal(x) * gain.view(gain.size(0), -1, 1, 1) + bias.view(bias.size(0), -1, 1, 1)

    class Block(nn.Module):
        def __init__(self, inputs, outputs, condition, up):
            super().__init__()
            hidden, self.outputs, self.up = inputs // 4, outputs, up
            sizes = [(inputs, hidden, 1), (hidden, hidden, 3), (hidden, hidden, 3), (hidden, outputs, 1)]
            self.convs = nn.ModuleList(spectral(nn.Conv2d(a, b, k, padding=k // 2)) for a, b, k in sizes)
            self.normals = nn.ModuleList(BigGanDeep.Normal(a, condition) for a, _, _ in sizes)

        def forward(self, x, condition):
            y = x
            for number, (conv, normal) in enumerate(zip(self.convs, self.normals)):
                y = F.relu(normal(y, condition))
                if self.up and number == 1:
                    y = F.interpolate(y, scale_factor=2)
                y = conv(y)
            shortcut = x[:, : self.outputs]
            return y + (F.interpolate(shortcut, scale_factor=2) if self.up else shortcut)

    def __init__(self):
        super().__init__()
        self.shared, self.seed = nn.Embedding(CLASSES, 16), spectral(nn.Linear(32, 32 * 16))
        shapes = [(32, 32, False), (32, 24, True), (24, 24, False), (24, 16, True)]
        self.blocks = nn.ModuleList(self.Block(a, b, 32, up) for a, b, up in shapes)
        self.attention, self.normal, self.last = SelfAttention(16, pool=True, layer=spectral), nn.BatchNorm2d(16), spectral(nn.Conv2d(16, 3, 3, 1, 1))

    def forward(self, latent, label):
        condition = torch.cat([self.shared(label), latent], 1)
        x = self.seed(condition).view(condition.size(0), 32, 4, 4)
        for block in self.blocks:
            x = block(x, condition)
        return torch.tanh(self.last(F.relu(self.normal(self.attention(x)))))


class PixelNorm(nn.Module):
    def forward(self, x):
        return x * torch.rsqrt(torch.mean(x ** 2, dim=1, keepdim=True) + 1e-8)


class Equalized(nn.Module):
    """A convolution or dense layer with an equalized learning rate (Karras et al. 2018): weights of variance 1, scaled at run time."""

    def __init__(self, inputs, outputs, kernel=0, gain=math.sqrt(2), rate=1.0):
        super().__init__()
        taps = max(kernel, 1) ** 2
        self.weight = drawn(outputs, inputs, *([kernel, kernel] if kernel else []), std=1 / rate)
        self.bias, self.scale, self.rate, self.kernel = drawn(outputs, std=0.1 / rate), gain / math.sqrt(inputs * taps) * rate, rate, kernel

    def forward(self, x):
        if self.kernel:
            return F.conv2d(x, self.weight * self.scale, self.bias * self.rate, padding=self.kernel // 2)
        return F.linear(x, self.weight * self.scale, self.bias * self.rate)


class ProGan(nn.Module):
    """Progressive GAN (Karras et al. 2018): pixel normalization, equalized learning rate, half-way through fading in its last size."""

    def __init__(self):
        super().__init__()
        self.normal, self.first = PixelNorm(), Equalized(32, 32 * 16)
        self.start = Equalized(32, 32, 3)
        self.blocks = nn.ModuleList(nn.ModuleList([Equalized(a, b, 3), Equalized(b, b, 3)]) for a, b in [(32, 24), (24, 16)])
        self.colors = nn.ModuleList(Equalized(channels, 3, 1, gain=1) for channels in (24, 16))

    def forward(self, latent):
        def activated(x):
            return self.normal(F.leaky_relu(x, 0.2))

        x = activated(self.first(self.normal(latent)).view(-1, 32, 4, 4))
        x = activated(self.start(x))
        images = []
        for (one, two), color in zip(self.blocks, self.colors):
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = activated(two(activated(one(x))))
            images.append(color(x))
        return torch.clamp(torch.lerp(F.interpolate(images[0], scale_factor=2.0), images[1], 0.5), -1, 1)


class Mapping(nn.Module):
    """StyleGAN's mapping network with the truncation trick towards the mean style."""

    def __init__(self, latent, style, truncation=0.7):
        super().__init__()
        self.layers = nn.Sequential(PixelNorm(), Equalized(latent, style), nn.LeakyReLU(0.2), Equalized(style, style), nn.LeakyReLU(0.2))
        self.mean, self.truncation = drawn(style, std=0.3), truncation

    def forward(self, latent):
        return self.mean + self.truncation * (self.layers(latent) - self.mean)


class Noise(nn.Module):
    """Noise of a fixed buffer ("const"), or drawn anew ("random") at a strength of zero, with which StyleGAN begins."""

    def __init__(self, side, kind):
        super().__init__()
        self.kind = kind
        self.strength = drawn(1, std=0.5) if kind == "const" else nn.Parameter(torch.zeros(1))
        self.noise = drawn(1, 1, side, side)

    def forward(self, x):
        noise = self.noise if self.kind == "const" else torch.randn(x.shape[0], 1, x.shape[2], x.shape[3])
        return x + noise * self.strength


def blur(x):
    """The filter [1 2 1] in both directions, of each channel."""
    taps = torch.tensor([1.0, 2.0, 1.0])
    kernel = (taps[:, None] * taps[None, :] / 16).expand(x.shape[1], 1, 3, 3)
    return F.conv2d(x, kernel, padding=1, groups=x.shape[1])


class StyleGan1(nn.Module):
    """StyleGAN (Karras et al. 2019): a learned constant, adaptive instance normalization, noise, blurred doubling."""

    class Layer(nn.Module):
        def __init__(self, inputs, outputs, style, side, noise, conv=True):
            super().__init__()
            self.conv, self.noise = Equalized(inputs, outputs, 3) if conv else None, Noise(side, noise)
            self.normal, self.style = nn.InstanceNorm2d(outputs), Equalized(style, 2 * outputs, gain=1)

        def forward(self, x, style):
            x = x if self.conv is None else self.conv(x)
            x = self.normal(F.leaky_relu(self.noise(x), 0.2))
            scale, shift = self.style(style).view(-1, 2, x.shape[1], 1, 1).unbind(1)
            return x * (scale + 1) + shift

    def __init__(self, noise="const"):
        super().__init__()
        self.mapping, self.constant, self.color = Mapping(32, 32), drawn(1, 24, 4, 4), Equalized(16, 3, 1, gain=1)
        shapes = [(24, 24, 4, False), (24, 24, 4, True), (24, 24, 8, True), (24, 24, 8, True), (24, 16, 16, True), (16, 16, 16, True)]
        self.layers = nn.ModuleList(self.Layer(a, b, 32, side, noise, conv) for a, b, side, conv in shapes)

    def forward(self, latent):
        style = self.mapping(latent)
        x = self.constant.expand(latent.shape[0], -1, -1, -1)
        for number, layer in enumerate(self.layers):
            if number in (2, 4):
                x = blur(F.interpolate(x, scale_factor=2, mode="nearest"))
            x = layer(x, style)
        return torch.clamp(self.color(x) * 0.5, -1, 1)


class StyleGan2(nn.Module):
    """StyleGAN2 (Karras et al. 2020): modulated convolution, with demodulation, and images summed up over the sizes.

    `grouped`: each image's own weights in one grouped convolution, the form of the official code; else the input is scaled by the style
    and the output by the demodulation."""

    class Modulated(nn.Module):
        def __init__(self, inputs, outputs, kernel, style, grouped, demodulate=True, up=False):
            super().__init__()
            self.weight, self.style = drawn(outputs, inputs, kernel, kernel), Equalized(style, inputs, gain=1)
            self.grouped, self.demodulate, self.up, self.scale = grouped, demodulate, up, 1 / math.sqrt(inputs * kernel ** 2)

        def forward(self, x, style):
            style, weight, pad = self.style(style) + 1, self.weight * self.scale, self.weight.shape[-1] // 2
            outputs, inputs, kernel, _ = weight.shape
            if self.grouped:
                n, _, height, width = x.shape
                weight = weight[None] * style[:, None, :, None, None]
                if self.demodulate:
                    weight = weight * torch.rsqrt((weight ** 2).sum(dim=[2, 3, 4], keepdim=True) + 1e-8)
                if not self.up:
                    x = F.conv2d(x.reshape(1, n * inputs, height, width), weight.reshape(n * outputs, inputs, kernel, kernel), padding=pad, groups=n)
                else:
                    weight = weight.transpose(1, 2).reshape(n * inputs, outputs, kernel, kernel)
                    x = F.conv_transpose2d(x.reshape(1, n * inputs, height, width), weight, stride=2, padding=1, output_padding=1, groups=n)
                return x.reshape(n, outputs, x.shape[2], x.shape[3])
            x = x * style[:, :, None, None]
            if self.up:
                x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2, padding=1, output_padding=1)
            else:
                x = F.conv2d(x, weight, padding=pad)
            if self.demodulate:
                x = x * torch.rsqrt(style ** 2 @ (weight ** 2).sum([2, 3]).T + 1e-8)[:, :, None, None]
            return x

    class Layer(nn.Module):
        def __init__(self, inputs, outputs, side, grouped, up=False):
            super().__init__()
            self.conv, self.noise, self.bias = StyleGan2.Modulated(inputs, outputs, 3, 32, grouped, up=up), Noise(side, "const"), drawn(outputs, std=0.1)

        def forward(self, x, style):
            x = self.conv(x, style)
            x = blur(x) * 4 if self.conv.up else x
            return F.leaky_relu(self.noise(x) + self.bias.view(1, -1, 1, 1), 0.2) * math.sqrt(2)

    def __init__(self, grouped):
        super().__init__()
        self.mapping, self.constant = Mapping(32, 32), drawn(1, 24, 4, 4)
        shapes = [(24, 24, 4, False), (24, 24, 8, True), (24, 24, 8, False), (24, 16, 16, True), (16, 16, 16, False)]
        self.layers = nn.ModuleList(self.Layer(a, b, side, grouped, up) for a, b, side, up in shapes)
        self.colors = nn.ModuleList(self.Modulated(channels, 3, 1, 32, grouped, demodulate=False) for channels in (24, 24, 16))

    def forward(self, latent):
        style = self.mapping(latent)
        x = self.layers[0](self.constant.repeat(latent.shape[0], 1, 1, 1), style)
        image = self.colors[0](x, style)
        for number in (1, 3):
            x = self.layers[number + 1](self.layers[number](x, style), style)
            image = F.interpolate(image, scale_factor=2, mode="bilinear", align_corners=False) + self.colors[(number + 1) // 2](x, style)
        return torch.clamp(image * 0.5, -1, 1)


class FastGan(nn.Module):
    """FastGAN (Liu et al. 2021): gated linear units, skip-layer excitation, batch and spectral normalization."""

    def __init__(self):
        super().__init__()

        def up(inputs, outputs):
            conv = spectral(nn.Conv2d(inputs, outputs * 2, 3, 1, 1, bias=False))
            return nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), conv, nn.BatchNorm2d(outputs * 2), nn.GLU(dim=1))

        def excite(inputs, outputs):
            convs = [spectral(nn.Conv2d(inputs, outputs, 4, 1, 0, bias=False)), nn.SiLU(), spectral(nn.Conv2d(outputs, outputs, 1, 1, 0, bias=False))]
            return nn.Sequential(nn.AdaptiveAvgPool2d(4), *convs, nn.Sigmoid())

        self.first = nn.Sequential(spectral(nn.ConvTranspose2d(32, 64, 4, 1, 0, bias=False)), nn.BatchNorm2d(64), nn.GLU(dim=1))
        self.to8, self.to16, self.to32, self.excite = up(32, 24), up(24, 16), up(16, 12), excite(24, 12)
        self.last = nn.Sequential(spectral(nn.Conv2d(12, 3, 3, 1, 1)), nn.Tanh())

    def forward(self, latent):
        x8 = self.to8(self.first(latent.view(latent.shape[0], -1, 1, 1)))
        x32 = self.to32(self.to16(x8))
        return self.last(x32 * self.excite(x8))


class R3Gan(nn.Module):
    """R3GAN (Huang et al. 2024): a learned basis times a linear map of the latent, grouped convolutions between 1x1 ones, no normalization."""

    class Block(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.first, self.last = nn.Conv2d(channels, 2 * channels, 1, bias=False), nn.Conv2d(2 * channels, channels, 1, bias=False)
            self.middle = nn.Conv2d(2 * channels, 2 * channels, 3, 1, 1, groups=4, bias=False)
            self.bias1, self.bias2 = drawn(2 * channels, std=0.1), drawn(2 * channels, std=0.1)
            self.last.gain = 0.3

        def forward(self, x):
            y = F.leaky_relu(self.first(x) + self.bias1.view(1, -1, 1, 1), 0.2)
            return x + self.last(F.leaky_relu(self.middle(y) + self.bias2.view(1, -1, 1, 1), 0.2))

    def __init__(self):
        super().__init__()
        self.basis, self.linear = drawn(24, 4, 4), nn.Linear(32, 24, bias=False)
        self.stages = nn.ModuleList(nn.Sequential(self.Block(c), self.Block(c)) for c in (24, 24, 16))
        self.shrink, self.color = nn.Conv2d(24, 16, 1, bias=False), nn.Conv2d(16, 3, 1, bias=False)
        self.color.gain = 0.2

    def forward(self, latent):
        x = self.basis.view(1, -1, 4, 4) * self.linear(latent).view(latent.shape[0], -1, 1, 1)
        x = self.stages[0](x)
        x = self.stages[1](F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False))
        x = self.stages[2](F.interpolate(self.shrink(x), scale_factor=2, mode="bilinear", align_corners=False))
        return torch.clamp(self.color(x), -1, 1)


class Nvae(nn.Module):
    """Cells of NVAE's decoder (Vahdat and Kautz 2020): batch normalization, depthwise 5x5 convolution, Swish, squeeze and excitation."""

    class Cell(nn.Module):
        def __init__(self, channels):
            super().__init__()
            wide = 3 * channels
            self.main = nn.Sequential(
                nn.BatchNorm2d(channels), nn.Conv2d(channels, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.SiLU(),
                nn.Conv2d(wide, wide, 5, 1, 2, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.SiLU(),
                nn.Conv2d(wide, channels, 1, bias=False), nn.BatchNorm2d(channels))
            self.squeeze, self.excite = nn.Linear(channels, 4), nn.Linear(4, channels)

        def forward(self, x):
            y = self.main(x)
            gate = torch.sigmoid(self.excite(F.relu(self.squeeze(torch.mean(y, dim=[2, 3])))))
            return x + 0.1 * y * gate[:, :, None, None]

    def __init__(self):
        super().__init__()
        self.prior, self.first = drawn(1, 16, 4, 4), seed_map(32, 16, 4)
        self.layers = nn.Sequential(self.Cell(16), nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(16, 12, 1), self.Cell(12),
                                    nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), self.Cell(12), nn.ELU(),
                                    nn.Conv2d(12, 3, 3, 1, 1), nn.Sigmoid())

    def forward(self, latent):
        return self.layers(torch.cat([self.first(latent)[:, :8], self.prior[:, 8:].expand(latent.shape[0], -1, -1, -1)], 1))


class LdmDecoder(nn.Module):
    """The decoder of VQGAN and latent diffusion (Esser et al. 2021): group normalization, Swish, attention in the middle."""

    class Block(nn.Module):
        def __init__(self, inputs, outputs):
            super().__init__()
            self.normal1, self.conv1 = nn.GroupNorm(4, inputs, eps=1e-6), nn.Conv2d(inputs, outputs, 3, 1, 1)
            self.normal2, self.conv2 = nn.GroupNorm(4, outputs, eps=1e-6), nn.Conv2d(outputs, outputs, 3, 1, 1)
            self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

        def forward(self, x):
            y = self.conv1(F.silu(self.normal1(x)))
            return self.shortcut(x) + self.conv2(F.silu(self.normal2(y)))

    class Attention(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.normal = nn.GroupNorm(4, channels, eps=1e-6)
            self.query, self.key, self.value, self.out = (nn.Conv2d(channels, channels, 1) for _ in range(4))

        def forward(self, x):
            y = self.normal(x)
            b, c, h, w = x.shape
            query, key, value = self.query(y).reshape(b, c, h * w).permute(0, 2, 1), self.key(y).reshape(b, c, h * w), self.value(y).reshape(b, c, h * w)
            weights = F.softmax(torch.bmm(query, key) * (int(c) ** -0.5), dim=2)
            return x + self.out(torch.bmm(value, weights.permute(0, 2, 1)).reshape(b, c, h, w))

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(4, 16, 3, 1, 1)
        self.layers = nn.Sequential(
            self.Block(16, 16), self.Attention(16), self.Block(16, 16), nn.Upsample(scale_factor=2), nn.Conv2d(16, 16, 3, 1, 1),
            self.Block(16, 8), nn.Upsample(scale_factor=2), nn.Conv2d(8, 8, 3, 1, 1), nn.GroupNorm(4, 8, eps=1e-6), nn.SiLU(), nn.Conv2d(8, 3, 3, 1, 1))

    def forward(self, latent):
        return torch.clamp(self.layers(self.first(latent.view(-1, 4, 8, 8))) * 0.5, -1, 1)


class ConvNext(nn.Module):
    """A decoder of ConvNeXt blocks (Liu et al. 2022): depthwise 7x7, LayerNorm and dense layers with channels last, GELU, layer scale."""

    class Block(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.depthwise, self.normal = nn.Conv2d(channels, channels, 7, 1, 3, groups=channels), nn.LayerNorm(channels, eps=1e-6)
            self.wide, self.narrow, self.gamma = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, channels), drawn(channels, std=0.5)

        def forward(self, x):
            y = self.normal(self.depthwise(x).permute(0, 2, 3, 1))
            return x + (self.gamma * self.narrow(F.gelu(self.wide(y)))).permute(0, 3, 1, 2)

    class ChannelsFirst(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.weight, self.bias = drawn(channels, std=1.0), drawn(channels, std=0.2)

        def forward(self, x):
            mean = x.mean(1, keepdim=True)
            x = (x - mean) / torch.sqrt((x - mean).pow(2).mean(1, keepdim=True) + 1e-6)
            return self.weight[:, None, None] * x + self.bias[:, None, None]

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(seed_map(32, 24, 4), self.Block(24), self.ChannelsFirst(24), nn.ConvTranspose2d(24, 16, 2, 2), self.Block(16),
                                    self.ChannelsFirst(16), nn.ConvTranspose2d(16, 12, 2, 2), self.Block(12), nn.Conv2d(12, 3, 1), nn.Tanh())

    def forward(self, latent):
        return self.layers(latent)


class Vit(nn.Module):
    """A transformer decoder (Dosovitskiy et al. 2021): tokens of the latent, attention of several heads, patches back to an image."""

    class Block(nn.Module):
        def __init__(self, width, heads):
            super().__init__()
            self.heads, self.normal1, self.normal2 = heads, nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(approximate="tanh"), nn.Linear(2 * width, width))

        def forward(self, x):
            b, n, c = x.shape
            query, key, value = self.qkv(self.normal1(x)).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
            mixed = F.scaled_dot_product_attention(query, key, value)
            x = x + self.out(mixed.transpose(1, 2).reshape(b, n, c))
            return x + self.mlp(self.normal2(x))

    def __init__(self):
        super().__init__()
        self.first, self.place = nn.Linear(32, 32), drawn(1, 16, 32)
        self.blocks, self.normal, self.last = nn.Sequential(self.Block(32, 4), self.Block(32, 4)), nn.LayerNorm(32), nn.Linear(32, 4 * 4 * 3)

    def forward(self, latent):
        x = self.last(self.normal(self.blocks(self.first(latent)[:, None] + self.place)))
        x = x.reshape(-1, 4, 4, 4, 4, 3).permute(0, 5, 1, 3, 2, 4)
        return torch.tanh(x.reshape(-1, 3, 16, 16) * 0.5)


class Siren(nn.Module):
    """An image as a function of its coordinates (Sitzmann et al. 2020), with the latent beside each pair of them."""

    def __init__(self, side=16):
        super().__init__()
        axis = torch.linspace(-1, 1, side)
        self.register_buffer("grid", torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).reshape(1, side * side, 2))
        self.first, self.second, self.last, self.side = nn.Linear(10, 24), nn.Linear(24, 24), nn.Linear(24, 3), side
        self.first.gain, self.second.gain = 0.02, 0.05

    def forward(self, latent):
        places = self.grid.repeat(latent.shape[0], 1, 1)
        x = torch.cat([places, latent[:, None, :].expand(-1, places.shape[1], -1)], -1)
        x = torch.sin(30 * self.second(torch.sin(30 * self.first(x))))
        return torch.sigmoid(self.last(x)).permute(0, 2, 1).reshape(-1, 3, self.side, self.side)


class CvaeOneHot(nn.Module):
    """The decoder of a conditional VAE: the class as a one-hot vector beside the latent, given so or made of the class."""

    def __init__(self, inside):
        super().__init__()
        self.inside, self.layers = inside, nn.Sequential(nn.Linear(18, 64), nn.ReLU(), nn.Linear(64, 256), nn.Sigmoid())

    def forward(self, latent, label):
        hot = F.one_hot(label, CLASSES).to(latent.dtype) if self.inside else label
        return self.layers(torch.cat([latent, hot], 1)).view(-1, 1, 16, 16)


class InfoGan(nn.Module):
    """InfoGAN (Chen et al. 2016): noise, a categorical code and two continuous ones as inputs of their own."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Sequential(nn.Linear(16 + 10 + 2, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 16 * 49), nn.BatchNorm1d(16 * 49), nn.ReLU())
        self.layers = nn.Sequential(nn.ConvTranspose2d(16, 12, 4, 2, 1), nn.BatchNorm2d(12), nn.ReLU(), nn.ConvTranspose2d(12, 1, 4, 2, 1), nn.Sigmoid())

    def forward(self, noise, category, code):
        return self.layers(self.dense(torch.cat([noise, category, code], 1)).view(-1, 16, 7, 7))


# Name: how it is made, inputs (name, shape after N, what is drawn), black and white. "class" is int64 [N].
LATENT = ("latent", (32,), "normal")
ARCHITECTURES = {
    "wgan-gp": (WganGp, [LATENT], (-1, 1)),
    "sngan": (lambda: WganGp(spectral), [LATENT], (-1, 1)),
    "biggan-deep": (BigGanDeep, [("latent", (16,), "normal"), ("class", (), "class")], (-1, 1)),
    "sagan": (Sagan, [LATENT], (-1, 1)),
    "progan": (ProGan, [LATENT], (-1, 1)),
    "stylegan1": (StyleGan1, [LATENT], (-1, 1)),
    "stylegan1-noise": (lambda: StyleGan1("random"), [LATENT], (-1, 1)),
    "stylegan2-scaled": (lambda: StyleGan2(False), [LATENT], (-1, 1)),
    "stylegan2-grouped": (lambda: StyleGan2(True), [LATENT], (-1, 1)),
    "fastgan": (FastGan, [LATENT], (-1, 1)),
    "r3gan": (R3Gan, [LATENT], (-1, 1)),
    "nvae": (Nvae, [LATENT], (0, 1)),
    "ldm-decoder": (LdmDecoder, [("latent", (256,), "normal")], (-1, 1)),
    "convnext": (ConvNext, [LATENT], (-1, 1)),
    "vit": (Vit, [LATENT], (-1, 1)),
    "siren": (Siren, [("latent", (8,), "normal")], (0, 1)),
    "cvae-one-hot": (lambda: CvaeOneHot(False), [("latent", (8,), "normal"), ("class", (10,), "onehot")], (0, 1)),
    "cvae-class": (lambda: CvaeOneHot(True), [("latent", (8,), "normal"), ("class", (), "class")], (0, 1)),
    "infogan": (InfoGan, [("noise", (16,), "normal"), ("category", (10,), "onehot"), ("code", (2,), "normal")], (0, 1)),
}
# Each image has convolutions of its own: their number is that of the sample that was exported with.
BATCH_OF_ONE = {"stylegan2-grouped"}
