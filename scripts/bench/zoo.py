"""Tiny generators as they come from other tools, as ONNX files for tests of what the engines can read.

    python scripts/bench/zoo.py --out tests/data/zoo [NAME]...

The weights are drawn from a fixed seed and mean nothing. Each PyTorch model is written by both of its exporters: `script-NAME.onnx` by the
one over TorchScript, `dynamo-NAME.onnx` by the one over torch.export, both with their default optimizations. `keras_zoo.py` writes the
models of Keras.

    python scripts/bench/zoo.py --architectures --out DIR [NAME]...

writes the generators of `architectures.py` instead, which are not kept here: for each the files of both exporters, and NAME.npz with inputs
and PyTorch's images. DIR/zoo.json says how each is drawn; `zoo_table.py` draws, compiles and times them.
"""

import json
import pathlib
import sys
import zlib

import numpy
import onnx
import onnxruntime
import seeds
import torch
from architectures import ARCHITECTURES, BATCH_OF_ONE, build
from export import BEFORE_SQUASHING, LINEAR, Shape, arguments, export, initialize, write
from torch import nn
from torch.nn import functional as F

CLASSES = 10


def last(layer):
    layer.gain = BEFORE_SQUASHING
    return layer


def up(inputs, outputs, bias=True):
    return nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=bias)


def seed(latent, channels, side):
    return [nn.Linear(latent, channels * side * side), Shape(channels, side, side)]


def dcgan():
    """The layout of PyTorch's own DCGAN example: latent [N, z, 1, 1], a first transposed convolution of stride 1, no biases."""
    first, channels = nn.ConvTranspose2d(12, 12, 4, 1, 0, bias=False), [12, 10, 8, 6]
    # On an image of one pixel, one of the 16 taps reaches each output.
    first.gain = 16
    layers = [first, nn.BatchNorm2d(12), nn.ReLU(True)]
    for inputs, outputs in zip(channels[:-1], channels[1:]):
        layers += [up(inputs, outputs, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(True)]
    return nn.Sequential(*layers, last(nn.ConvTranspose2d(6, 3, 4, 2, 1, bias=False)), nn.Tanh())


def activations():
    """LeakyReLU, PReLU with a slope for each channel, PReLU with one slope, ELU, Softplus, and hard limits at the end."""
    layers = [*seed(8, 12, 4), nn.LeakyReLU(0.2), up(12, 10), nn.PReLU(10), nn.Conv2d(10, 10, 3, 1, 1), nn.PReLU()]
    layers += [up(10, 8), nn.ELU(), nn.Conv2d(8, 6, 1), nn.Softplus(), last(nn.Conv2d(6, 1, 3, 1, 1)), nn.Hardtanh()]
    return nn.Sequential(*layers)


def smooth():
    """The smooth activations: GELU, SiLU, Mish's parts, and sigmoid scaled to -1 to 1."""

    class Smooth(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.third = nn.Sequential(*seed(8, 8, 4)), up(8, 8), last(up(8, 1))

        def forward(self, latent):
            x = F.silu(self.second(F.gelu(self.first(latent))))
            x = x * torch.tanh(F.softplus(x))
            return torch.sigmoid(self.third(x)) * 2 - 1

    return Smooth()


def bilinear():
    """Bilinear doubling with half-pixel centres, then with aligned corners."""
    layers = [*seed(8, 12, 5), nn.ReLU(), nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False), nn.Conv2d(12, 8, 3, 1, 1)]
    layers += [nn.ReLU(), nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), last(nn.Conv2d(8, 1, 3, 1, 1)), nn.Tanh()]
    return nn.Sequential(*layers)


def nearest():
    """Nearest doubling to a factor, and to a size."""
    layers = [*seed(8, 12, 5), nn.BatchNorm2d(12), nn.ReLU(), nn.Upsample(scale_factor=2), nn.Conv2d(12, 8, 3, 1, 1, bias=False)]
    layers += [nn.BatchNorm2d(8), nn.ReLU(), nn.Upsample(size=(20, 30)), last(nn.Conv2d(8, 1, 3, 1, 1)), nn.Tanh()]
    return nn.Sequential(*layers)


def doubling():
    """Nearest doubling and a 3x3 convolution of enough channels for the layer that the device has for both."""
    layers = [*seed(4, 32, 5), nn.ReLU(), nn.Upsample(scale_factor=2), nn.Conv2d(32, 32, 3, 1, 1), nn.ReLU()]
    return nn.Sequential(*layers, last(nn.Conv2d(32, 1, 3, 1, 1)), nn.Tanh())


def pixel_shuffle():
    """Sub-pixel convolution (Shi et al. 2016): channels into space, twice."""
    layers = [*seed(8, 8, 6), nn.ReLU(), nn.Conv2d(8, 32, 3, 1, 1), nn.PixelShuffle(2), nn.ReLU()]
    return nn.Sequential(*layers, last(nn.Conv2d(8, 12, 3, 1, 1)), nn.PixelShuffle(2), nn.Tanh())


def residual():
    """Two residual blocks (He et al. 2016), one with a convolution on the shortcut, after `nn.Unflatten`, which reads the batch's size."""

    class Block(nn.Module):
        def __init__(self, inputs, outputs, scale):
            super().__init__()
            self.up = nn.Upsample(scale_factor=scale) if scale > 1 else nn.Identity()
            self.first, self.second = nn.Conv2d(inputs, outputs, 3, 1, 1), nn.Conv2d(outputs, outputs, 3, 1, 1)
            self.shortcut = nn.Conv2d(inputs, outputs, 1, bias=False) if inputs != outputs else nn.Identity()
            self.normal = nn.BatchNorm2d(inputs)

        def forward(self, x):
            y = self.first(self.up(F.relu(self.normal(x))))
            return self.second(F.relu(y)) + self.shortcut(self.up(x))

    blocks = [Block(8, 8, 2), Block(8, 6, 2), nn.ReLU(), last(nn.Conv2d(6, 3, 3, 1, 1)), nn.Tanh()]
    return nn.Sequential(nn.Linear(8, 8 * 16), nn.Unflatten(1, (8, 4, 4)), *blocks)


class ClassConcat(nn.Module):
    """Conditional: the class's embedding beside the latent, as in the conditional GAN (Mirza and Osindero 2014)."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(CLASSES, 6)
        self.layers = nn.Sequential(*seed(12, 10, 7), nn.ReLU(), up(10, 6), nn.ReLU(), last(up(6, 1)), nn.Tanh())

    def forward(self, latent, label):
        return self.layers(torch.cat([latent, self.embedding(label)], 1))


class ClassNorm(nn.Module):
    """Conditional batch normalization (Dumoulin et al. 2017): a class gives each channel's scale and shift."""

    class Normal(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.normal, self.embedding = nn.BatchNorm2d(channels), nn.Embedding(CLASSES, 2 * channels)

        def forward(self, x, label):
            scale, shift = self.embedding(label).chunk(2, 1)
            return self.normal(x) * (1 + 0.3 * scale[:, :, None, None]) + shift[:, :, None, None]

    def __init__(self):
        super().__init__()
        self.seed, self.first = nn.Sequential(*seed(6, 10, 7)), self.Normal(10)
        self.up, self.second, self.last = up(10, 6), self.Normal(6), last(up(6, 1))

    def forward(self, latent, label):
        x = F.relu(self.first(self.seed(latent), label))
        return torch.tanh(self.last(F.relu(self.second(self.up(x), label))))


def grouped():
    """Grouped, depthwise and dilated convolutions, a grouped transposed one, and an asymmetric kernel."""
    layers = [*seed(6, 12, 7), nn.ReLU(), nn.Conv2d(12, 12, 3, 1, 1, groups=3), nn.ReLU(), nn.Conv2d(12, 12, 3, 1, 1, groups=12)]
    layers += [nn.Conv2d(12, 8, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 1, 2, dilation=2), nn.ReLU()]
    layers += [nn.ConvTranspose2d(8, 8, 4, 2, 1, groups=2), nn.ReLU(), nn.Conv2d(8, 8, (1, 5), 1, (0, 2)), nn.ReLU()]
    return nn.Sequential(*layers, last(nn.ConvTranspose2d(8, 1, 4, 2, 1)), nn.Tanh())


def padding():
    """Reflection, replication and constant padding in nodes of their own, the last uneven, and a crop of one row and column."""

    class Crop(nn.Module):
        def forward(self, x):
            return x[:, :, 1:, :-1]

    layers = [*seed(8, 10, 6), nn.ReLU(), nn.ReflectionPad2d(1), nn.Conv2d(10, 8, 3), nn.ReLU(), up(8, 8), nn.ReLU()]
    layers += [nn.ReplicationPad2d(2), nn.Conv2d(8, 8, 5), nn.ReLU(), up(8, 6), nn.ReLU(), nn.ConstantPad2d((2, 1, 0, 3), 0.25)]
    return nn.Sequential(*layers, last(nn.Conv2d(6, 1, 3)), nn.Tanh(), Crop())


def output_padding():
    """Transposed convolutions with output padding: 3x3, 5x5, and 2x3 with strides 2x3 and an output padding of 1x2."""
    layers = [*seed(8, 10, 4), nn.ReLU(), nn.ConvTranspose2d(10, 8, 3, 2, 1, output_padding=1), nn.ReLU()]
    layers += [nn.ConvTranspose2d(8, 6, 5, 2, 2, output_padding=1), nn.ReLU()]
    return nn.Sequential(*layers, last(nn.ConvTranspose2d(6, 1, (2, 3), (2, 3), 0, output_padding=(1, 2))), nn.Tanh())


def normalizations():
    """Instance, group, layer and root-mean-square normalization, the last two over channels, as ConvNeXt has them."""

    class OverChannels(nn.Module):
        def __init__(self, normal):
            super().__init__()
            self.normal = normal

        def forward(self, x):
            return self.normal(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

    class RootMeanSquare(nn.Module):
        """What the exporter over TorchScript does not know as `nn.RMSNorm`."""

        def __init__(self, channels):
            super().__init__()
            self.weight = nn.Parameter(torch.linspace(0.7, 1.3, channels))

        def forward(self, x):
            return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight

    layers = [*seed(8, 12, 5), nn.InstanceNorm2d(12, affine=True), nn.ReLU(), up(12, 8), nn.GroupNorm(4, 8), nn.SiLU(), nn.Conv2d(8, 8, 3, 1, 1)]
    layers += [OverChannels(nn.LayerNorm(8)), nn.GELU("tanh"), up(8, 6), OverChannels(RootMeanSquare(6))]
    return nn.Sequential(*layers, last(nn.Conv2d(6, 3, 3, 1, 1)), nn.Tanh())


def pixel_norm():
    """Equalized rates left in the graph, and normalization of each pixel over its channels (Karras et al. 2018)."""

    class Equalized(nn.Module):
        def __init__(self, inputs, outputs):
            super().__init__()
            self.weight, self.scale = nn.Parameter(torch.randn(outputs, inputs, 3, 3)), (inputs * 9) ** -0.5

        def forward(self, x):
            x = F.leaky_relu(F.conv2d(x, self.weight * self.scale, padding=1), 0.2)
            return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)

    layers = [*seed(8, 10, 4), Equalized(10, 8), nn.Upsample(scale_factor=2), Equalized(8, 8), nn.Upsample(scale_factor=2), Equalized(8, 6)]
    return nn.Sequential(*layers, last(nn.Conv2d(6, 3, 1)), nn.Tanh())


def style():
    """A learned constant, adaptive instance normalization, then a convolution whose input is scaled and whose output is demodulated
    (StyleGAN and StyleGAN2, Karras et al. 2019 and 2020), and constant noise."""

    class Style(nn.Module):
        def __init__(self):
            super().__init__()
            self.constant, self.noise = nn.Parameter(torch.randn(1, 8, 4, 4)), nn.Parameter(torch.randn(1, 1, 8, 8))
            self.mapping, self.first, self.second = nn.Linear(8, 16), nn.Linear(16, 16), nn.Linear(16, 8)
            self.before, self.weight, self.after = nn.Conv2d(8, 8, 3, 1, 1), nn.Parameter(torch.randn(6, 8, 3, 3) / 9), last(nn.Conv2d(6, 3, 1))

        def forward(self, latent):
            w = F.leaky_relu(self.mapping(latent), 0.2)
            scale, shift = self.first(w)[:, :, None, None].chunk(2, 1)
            x = F.instance_norm(self.before(self.constant.repeat(latent.shape[0], 1, 1, 1))) * (1 + scale) + shift
            x = F.interpolate(F.leaky_relu(x, 0.2), scale_factor=2, mode="bilinear") + 0.1 * self.noise
            factor = self.second(w) + 1
            x = F.conv2d(x * factor[:, :, None, None], self.weight, padding=1)
            x = x * torch.rsqrt(factor.square() @ self.weight.square().sum((2, 3)).t() + 1e-8)[:, :, None, None]
            return torch.tanh(self.after(F.leaky_relu(x, 0.2)))

    return Style()


def attention():
    """Attention over pixels (SAGAN, Zhang et al. 2019), then of two heads over tokens, with a dense layer for each token."""

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Sequential(*seed(8, 8, 6), nn.ReLU()), last(nn.ConvTranspose2d(8, 3, 2, 2))
            self.query, self.key, self.value = nn.Conv2d(8, 2, 1), nn.Conv2d(8, 2, 1), nn.Conv2d(8, 8, 1)
            self.normal, self.all, self.out, self.wide = nn.LayerNorm(8), nn.Linear(8, 24), nn.Linear(8, 8), nn.Linear(8, 8)
            for layer in (self.query, self.key, self.value, self.all, self.out, self.wide):
                layer.gain = LINEAR / 2

        def forward(self, latent):
            x = self.first(latent)
            query, key, value = (layer(x).flatten(2) for layer in (self.query, self.key, self.value))
            weights = torch.softmax(query.transpose(1, 2) @ key, 2)
            x = x + 0.7 * (value @ weights.transpose(1, 2)).view(-1, 8, 6, 6)
            tokens = x.flatten(2).transpose(1, 2)
            query, key, value = (part.view(-1, 36, 2, 4).transpose(1, 2) for part in self.all(self.normal(tokens)).chunk(3, 2))
            tokens = tokens + self.out(F.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(-1, 36, 8))
            tokens = tokens + self.wide(F.gelu(tokens))
            return torch.tanh(self.last(tokens.transpose(1, 2).reshape(-1, 8, 6, 6)))

    return Attention()


def excitation():
    """Squeeze-and-excitation (Hu et al. 2018), gated linear units, and the excitation of skipped layers (FastGAN, Liu et al. 2021)."""

    class Excitation(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.gated, self.up = nn.Sequential(*seed(8, 12, 4)), nn.Conv2d(12, 16, 3, 1, 1), up(8, 8)
            self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 4, 1), nn.ReLU(), nn.Conv2d(4, 8, 1), nn.Sigmoid())
            self.skip = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(12, 8, 2), nn.LeakyReLU(0.1), nn.Conv2d(8, 8, 1), nn.Sigmoid())
            self.last = last(nn.Conv2d(8, 3, 3, 1, 1))

        def forward(self, latent):
            first = F.relu(self.first(latent))
            x = self.up(F.glu(self.gated(first), 1))
            x = x * self.squeeze(x) * self.skip(first)
            return torch.tanh(self.last(4 * x))

    return Excitation()


def coordinates():
    """An image as a function of its coordinates (SIREN, Sitzmann et al. 2020; CPPN): a grid beside the latent, sines, a flip."""

    class Coordinates(nn.Module):
        def __init__(self):
            super().__init__()
            line = torch.linspace(-1, 1, 12)
            self.register_buffer("grid", torch.stack(torch.meshgrid(line, line, indexing="ij"))[None])
            self.first, self.second, self.last = nn.Conv2d(8, 12, 1), nn.Conv2d(12, 12, 1), nn.Conv2d(12, 3, 1)

        def forward(self, latent):
            rows = latent.shape[0]
            x = torch.cat([latent[:, :, None, None].expand(-1, -1, 12, 12), self.grid.expand(rows, -1, -1, -1)], 1)
            x = torch.sin(3 * self.first(x))
            x = torch.sin(3 * self.second(x) + torch.cos(x).flip(3))
            return torch.sigmoid(3 * self.last(x))

    return Coordinates()


def cubic():
    """Bicubic and uneven resizing, average and maximum pools, and channels last at the end."""

    class Last(nn.Module):
        def forward(self, x):
            return x.permute(0, 2, 3, 1)

    layers = [*seed(8, 10, 5), nn.Upsample(size=(12, 8), mode="bicubic"), nn.Conv2d(10, 8, 3, 1, 1), nn.ELU(), nn.AvgPool2d(3, 1, 1)]
    layers += [nn.Upsample(scale_factor=2, mode="bicubic", align_corners=True), nn.Conv2d(8, 8, 3, 1, 1), nn.MaxPool2d(3, 1, 1)]
    return nn.Sequential(*layers, last(nn.Conv2d(8, 3, 3, 1, 1)), nn.Tanh(), Last())


# Name: how it is made, the latent's shape after N, whether a class goes in too.
MODELS = {
    "dcgan": (dcgan, (12, 1, 1), False),
    "activations": (activations, (8,), False),
    "smooth": (smooth, (8,), False),
    "bilinear": (bilinear, (8,), False),
    "nearest": (nearest, (8,), False),
    "doubling": (doubling, (4,), False),
    "pixel-shuffle": (pixel_shuffle, (8,), False),
    "residual": (residual, (8,), False),
    "class-concat": (ClassConcat, (6,), True),
    "class-norm": (ClassNorm, (6,), True),
    "grouped": (grouped, (6,), False),
    "padding": (padding, (8,), False),
    "output-padding": (output_padding, (8,), False),
    "normalizations": (normalizations, (8,), False),
    "pixel-norm": (pixel_norm, (8,), False),
    "style": (style, (8,), False),
    "attention": (attention, (8,), False),
    "excitation": (excitation, (8,), False),
    "coordinates": (coordinates, (6,), False),
    "cubic": (cubic, (8,), False),
}
EXPORTERS = {"script": ("torchscript", 17), "dynamo": ("dynamo", 18)}
# Exports besides those: the opset that has Attention.
NEWER = {"vit": {"dynamo23": ("dynamo", 23)}}
# Seeds whose images are kept, and the class of all of them.
SEEDS, CLASS = range(4), 3
LARGEST = 60_000


def inputs(latent, conditional, rows):
    generator = torch.Generator().manual_seed(7)
    z = torch.randn((rows, *latent), generator=generator)
    return (z, torch.randint(CLASSES, (rows,), generator=generator)) if conditional else (z,)


def check(name, model, data, names, latent, conditional):
    """Fails if onnxruntime's images are not PyTorch's, for one and for several, or are flat. Returns a line about the file."""
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    for rows in (1, 3):
        arguments = inputs(latent, conditional, rows)
        found = session.run(["image"], {key: value.numpy() for key, value in zip(names, arguments)})[0]
        with torch.no_grad():
            expected = model(*arguments).numpy()
        if found.shape != expected.shape or not numpy.allclose(found, expected, atol=1e-5):
            sys.exit(f"{name}: onnxruntime's {found.shape} is not PyTorch's {expected.shape}")
    if found.std() < 0.1 or abs(found[0] - found[1]).mean() < 0.02:
        sys.exit(f"{name}: flat images cannot show a fault: deviation {found.std():.3f}")
    if len(data) > LARGEST:
        sys.exit(f"{name}: {len(data)} bytes, more than {LARGEST}")
    operators = " ".join(node.op_type for node in onnx.load_from_string(data).graph.node)
    return f"{len(data)} bytes, {found.shape[1:]}, deviation {found.std():.2f}: {operators}"


def drawn(inputs, generator, rows):
    """Inputs of `rows` rows, for calibration and as samples for an exporter."""
    def one(shape, kind):
        classes = torch.randint(CLASSES, (rows,), generator=generator)
        hot = F.one_hot(classes, CLASSES).float()
        return {"class": classes, "onehot": hot}.get(kind, torch.randn((rows, *shape), generator=generator))

    return tuple(one(shape, kind) for _, shape, kind in inputs)


def of_seed(inputs, seed):
    """The inputs that dreamlet makes of a seed: its latent is cut up among the latent inputs in their order; class `CLASS`."""
    lengths = [int(numpy.prod(shape)) for _, shape, kind in inputs if kind == "normal"]
    parts = iter(numpy.split(seeds.latent(seed, sum(lengths)), numpy.cumsum(lengths)[:-1]))
    hot = numpy.eye(CLASSES, dtype=numpy.float32)[[CLASS]]
    fixed = {"class": numpy.array([CLASS], numpy.int64), "onehot": hot}
    return [fixed[kind] if kind in fixed else next(parts).reshape(1, *shape) for _, shape, kind in inputs]


def exported(model, inputs, exporter, opset, free, generator):
    """The file of a model, and whether its batch is free. The exporter over TorchScript gets a sample of one image, as most people export;
    where it loses a size on the way, a batch of one."""
    names = [each for each, _, _ in inputs]
    samples = drawn(inputs, generator, 1 if exporter == "torchscript" or not free else 2)
    for batch in [True, False] if free else [False]:
        try:
            return export(model, samples, names, exporter, fold=True, opset=opset, batch=batch), batch
        except Exception as error:
            failed = error
            if exporter != "torchscript":
                break
    raise failed


def architecture(out, name, prefix, exporter, opset):
    """Writes an architecture's file and its images. Returns its entry of zoo.json."""
    make, inputs, (low, high) = ARCHITECTURES[name]
    generator, key = torch.Generator().manual_seed(7), zlib.crc32(name.encode()) % 2 ** 31
    model = build(make, key, drawn(inputs, generator, 64), older=exporter == "torchscript")
    rows = [of_seed(inputs, seed) for seed in SEEDS]
    with torch.no_grad():
        images = numpy.concatenate([model(*map(torch.from_numpy, row)).numpy() for row in rows])
    if images.std() < 0.1 or abs(images[0] - images[1]).mean() < 0.02:
        sys.exit(f"{name}: flat images cannot show a fault: deviation {images.std():.3f}")
    try:
        data, free = exported(model, inputs, exporter, opset, name not in BATCH_OF_ONE, generator)
    except Exception as error:
        print(f"{prefix}-{name}: PyTorch does not export it: {str(error).splitlines()[0]}", file=sys.stderr)
        return None
    given = {each: numpy.concatenate([row[number] for row in rows]) for number, (each, _, _) in enumerate(inputs)}
    numpy.savez(pathlib.Path(out) / f"{prefix}-{name}.npz", image=images, **{f"input:{each}": value for each, value in given.items()})
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    differences = [abs(session.run(["image"], dict(zip(given, row)))[0] - image).max() for row, image in zip(rows, images)]
    operators = sorted({node.op_type for node in onnx.load_from_string(data).graph.node})
    about = f"{len(data)} bytes, opset {opset}, batch {'free' if free else 'of one'}, onnxruntime differs by {max(differences):.1e}"
    print(f"{write(out, f'{prefix}-{name}', data)}: {about}: {' '.join(operators)}", file=sys.stderr)
    # Inputs that a file does not explain: more than one latent, or a class as numbers.
    said = {"normal": "normal", "onehot": f"onehot:{CLASSES}", "class": "class"}
    plain = all(kind != "onehot" for _, _, kind in inputs) and sum(kind == "normal" for _, _, kind in inputs) == 1
    flags = [] if plain else [part for each, _, kind in inputs for part in ("--inputs", f"{each}={said[kind]}")]
    return {"file": f"{prefix}-{name}.onnx", "images": f"{prefix}-{name}.npz", "range": [low, high], "seeds": list(SEEDS), "class": CLASS, "flags": flags,
            "inputs": [{"name": each, "shape": shape, "kind": kind} for each, shape, kind in inputs], "onnxruntime": float(max(differences))}


def architectures(names):
    out, names = arguments(__doc__, ARCHITECTURES, "the files", names)
    seeds.check()
    pathlib.Path(out).mkdir(parents=True, exist_ok=True)
    path = pathlib.Path(out) / "zoo.json"
    kept = json.loads(path.read_text()) if path.exists() else []
    for name in names:
        for prefix, (exporter, opset) in (EXPORTERS | NEWER.get(name, {})).items():
            entry = architecture(out, name, prefix, exporter, opset)
            kept = [each for each in kept if each["file"] != f"{prefix}-{name}.onnx"] + ([entry] if entry else [])
        path.write_text(json.dumps(kept, indent=1) + "\n")


def main():
    given = sys.argv[1:]
    if "--architectures" in given:
        given.remove("--architectures")
        return architectures(given)
    out, names = arguments(__doc__, MODELS, "the files")
    for name in names:
        make, latent, conditional = MODELS[name]
        inputs_of = ["latent", "class"] if conditional else ["latent"]
        for prefix, (exporter, opset) in EXPORTERS.items():
            # A seed by name, so that a new model does not change the others.
            key = zlib.crc32(name.encode())
            torch.manual_seed(key)
            model = initialize(make(), key)
            data = export(model, inputs(latent, conditional, 2), inputs_of, exporter, fold=True, opset=opset)
            about = check(f"{prefix}-{name}", model, data, inputs_of, latent, conditional)
            print(f"{write(out, f'{prefix}-{name}', data)}: {about}", file=sys.stderr)


if __name__ == "__main__":
    main()
