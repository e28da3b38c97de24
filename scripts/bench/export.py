"""PyTorch module -> ONNX bytes that are the same on every run and hold nothing of the machine that wrote them."""

import argparse
import contextlib
import io
import logging
import math
import os
import pathlib
import tempfile
import warnings

import onnx
import torch
from torch import nn


class Shape(nn.Module):
    """[N, ...] -> [N, shape], as one Reshape node (`nn.Unflatten` leaves a chain of Shape, Slice and Concat)."""

    def __init__(self, *shape):
        super().__init__()
        self.shape = shape

    def forward(self, x):
        return x.reshape(-1, *self.shape)


# Square of the gain that keeps the second moment of unit-variance input, by the activation that follows.
BEFORE_RELU, BEFORE_SQUASHING, LINEAR = 2.0, 0.5, 1.0


def draw(module, generator, gain=BEFORE_RELU):
    """Draws a layer's weights: N(0, gain / fan-in) (He et al. 2015, equation 10), with biases N(0, 0.05^2).

    The fan-in of a transposed convolution is what reaches one output pixel: of k x k taps, k x k / (stride x stride). Batch
    normalization gets statistics and an affine part that differ by channel, so that a reader that swaps two of them is found out.
    """

    def normal(tensor, std, mean=0.0):
        tensor.copy_(torch.randn(tensor.shape, generator=generator) * std + mean)

    def uniform(tensor, low, high):
        tensor.copy_(torch.rand(tensor.shape, generator=generator) * (high - low) + low)

    with torch.no_grad():
        if isinstance(module, nn.Linear):
            normal(module.weight, math.sqrt(gain / module.in_features))
        elif isinstance(module, nn.ConvTranspose2d):
            taps = math.prod(module.kernel_size) / math.prod(module.stride)
            normal(module.weight, math.sqrt(gain / (module.in_channels / module.groups * max(taps, 1.0))))
        elif isinstance(module, nn.Conv2d):
            normal(module.weight, math.sqrt(gain / (module.in_channels // module.groups * math.prod(module.kernel_size))))
        elif isinstance(module, nn.BatchNorm2d):
            uniform(module.running_mean, -0.3, 0.3)
            uniform(module.running_var, 0.5, 1.5)
            if module.affine:
                uniform(module.weight, 0.7, 1.3)
                uniform(module.bias, -0.3, 0.3)
        elif isinstance(module, nn.PReLU):
            uniform(module.weight, 0.1, 0.4)
        elif isinstance(module, nn.Embedding):
            normal(module.weight, 1.0)
        if isinstance(module, (nn.Linear, nn.ConvTranspose2d, nn.Conv2d)) and module.bias is not None:
            normal(module.bias, 0.05)


def initialize(model, seed):
    """Draws every layer of `model` in order. A layer's attribute `gain` overrides that for ReLU."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        draw(module, generator, getattr(module, "gain", BEFORE_RELU))
    return model.eval()


def export(model, arguments, names, exporter="torchscript", fold=False, opset=17, batch=True):
    """ONNX of `model`, checked, with a dynamic first axis on every input and on the output `image`, unless `batch` is false.

    `arguments` are samples of the inputs in the order of `names`. `fold` lets the TorchScript exporter fold batch normalization into
    plain convolutions, as it does by default; the exporter over `torch.export` ("dynamo") folds it into every layer, always.
    """
    with tempfile.TemporaryDirectory() as folder, quiet():
        path = os.path.join(folder, "model.onnx")
        common = {"input_names": names, "output_names": ["image"], "opset_version": opset}
        if exporter == "torchscript":
            mode = torch.onnx.TrainingMode.EVAL if fold else torch.onnx.TrainingMode.PRESERVE
            axes = {name: {0: "batch"} for name in [*names, "image"]} if batch else None
            torch.onnx.export(model, arguments, path, dynamo=False, training=mode, dynamic_axes=axes, **common)
        else:
            shapes = tuple({0: torch.export.Dim("batch")} for _ in names) if batch else None
            torch.onnx.export(model, arguments, path, dynamo=True, external_data=False, dynamic_shapes=shapes, **common)
        file = onnx.load(path)
    strip(file)
    onnx.checker.check_model(file, full_check=True)
    return file.SerializeToString(deterministic=True)


def declare(data, shape):
    """The file with [batch, shape] declared for its output: after a Reshape to -1 the TorchScript exporter names every axis of it."""
    file = onnx.load_from_string(data)
    sizes = file.graph.output[0].type.tensor_type.shape.dim
    for size, value in zip(sizes[1:], shape, strict=True):
        size.dim_value = value
    onnx.checker.check_model(file, full_check=True)
    return file.SerializeToString(deterministic=True)


def strip(file):
    """Removes what a graph does not need and what names the exporting machine: stack traces hold its paths."""
    graph = file.graph
    for part in [file, graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer]:
        for field in ("metadata_props", "doc_string"):
            if field in part.DESCRIPTOR.fields_by_name:
                part.ClearField(field)


@contextlib.contextmanager
def quiet():
    """Keeps the exporters' progress and their advice on which exporter to use off the terminal."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def write(folder, name, data):
    """Writes `data` to `folder`/`name`.onnx and returns the path."""
    path = pathlib.Path(folder) / f"{name}.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def arguments(about, models, written, given=None):
    """The folder to write to and the names of the models that the command line wants; leaves with a message if there is no such model."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=[], metavar="NAME", help=f"of {', '.join(models)}; default: all")
    parser.add_argument("--out", required=True, help=f"folder to write {written} to")
    args = parser.parse_args(given)
    unknown = [name for name in args.names if name not in models]
    if unknown:
        parser.error(f"no model {unknown[0]}: choose of {', '.join(models)}")
    return args.out, args.names or list(models)
