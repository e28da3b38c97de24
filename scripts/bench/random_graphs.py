"""Random generators over the operators of both engines, opset 7 to 24, each through `dreamlet verify`: reference, tract, compiled model and onnxruntime.

    python scripts/bench/random_graphs.py PATH/TO/dreamlet [--graphs 10000] [--seed 0] [--layers 6] [--keep DIR] [--only SEED]

A generator is a dense layer of the latent, some random layers and a last convolution to one or three channels. Its seed says everything of it.
It prints each generator that differs between engines or is refused, and at the end how many were right; the exit status is 1 if any differed.
Files that differ are written to --keep.
"""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper
from zoo_table import onnxruntime_library

OPSETS = range(7, 25)
MOST_CHANNELS, LONGEST_SIDE = 12, 24


class Network:
    """A graph that grows at its end, a value [N, channels, height, width]."""

    def __init__(self, seed, layers):
        self.random = numpy.random.default_rng(seed)
        self.opset = int(self.random.choice(OPSETS))
        self.nodes, self.weights, self.used = [], [], []
        self.latent = int(self.random.integers(2, 9))
        # Where something inside is for one image, the file is, too.
        self.batch = "N"
        self.shape = (self.whole(1, 6), self.whole(2, 6), self.whole(2, 6))
        flat = self.dense(self.latent, int(numpy.prod(self.shape)))
        self.x = self.node("Reshape", [flat, self.integers([-1, *self.shape])])
        choices = [layer for layer, first in LAYERS if first <= self.opset]
        while len(self.used) < layers:
            layer = choices[self.random.integers(len(choices))]
            if layer(self) is not False:
                self.used.append(layer.__name__)
        self.convolve(int(self.random.choice([1, 3])), 3, pads=[1, 1, 1, 1])
        self.apply(str(self.random.choice(["Tanh", "Sigmoid"])), name="image")

    # Random choices.
    def whole(self, low, high):
        return int(self.random.integers(low, high + 1))

    def chance(self, of=0.5):
        return bool(self.random.random() < of)

    def pick(self, *of):
        return of[self.random.integers(len(of))]

    def normal(self, *shape, scale=1.0):
        return (self.random.standard_normal(shape) * scale).astype(numpy.float32)

    # Parts of a graph.
    def constant(self, array):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(numpy.array(array, order="C"), name))
        return name

    def floats(self, *values, shape=None):
        array = numpy.array(values, numpy.float32)
        return self.constant(array.reshape(shape) if shape is not None else array)

    def integers(self, values):
        return self.constant(numpy.array(values, numpy.int64))

    def number(self, value):
        return self.constant(numpy.array(value, numpy.float32))

    def node(self, operator, inputs, outputs=1, name=None, **attributes):
        names = [name] if name else [f"v{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(operator, inputs, names, name=f"n{len(self.nodes)}", **attributes))
        return names[0] if outputs == 1 else names

    def dense(self, inputs, outputs, of="latent"):
        weights = self.normal(inputs, outputs, scale=inputs ** -0.5)
        if self.chance():
            return self.node("Gemm", [of, self.constant(weights.T), self.constant(self.normal(outputs, scale=0.3))], transB=1)
        return self.node("Add", [self.node("MatMul", [of, self.constant(weights)]), self.constant(self.normal(outputs, scale=0.3))])

    def apply(self, operator, *more, **attributes):
        self.x = self.node(operator, [self.x, *more], **attributes)

    def become(self, value, *shape):
        self.x, self.shape = value, shape

    def reshaped(self, value, *shape):
        return self.node("Reshape", [value, self.integers([-1, *shape])])

    def transposed(self, value, *perm):
        return self.node("Transpose", [value], perm=perm)

    def clip(self, value, low, high):
        if self.opset < 11:
            return self.node("Clip", [value], min=low, max=high)
        return self.node("Clip", [value, self.number(low), self.number(high)])

    def tame(self):
        """Keeps values small where a layer makes them grow."""
        self.x = self.node("Tanh", [self.x])

    def unsqueeze(self, value, *axes):
        if self.opset < 13:
            return self.node("Unsqueeze", [value], axes=axes)
        return self.node("Unsqueeze", [value, self.integers(axes)])

    def reduce(self, operator, value, *axes, keepdims=1):
        by_input = 13 if operator == "ReduceSum" else 18
        if self.opset < by_input:
            return self.node(operator, [value], axes=axes, keepdims=keepdims)
        return self.node(operator, [value, self.integers(axes)], keepdims=keepdims)

    def convolve(self, out, kernel, **attributes):
        channels, height, width = self.shape
        group = attributes.get("group", 1)
        scale = (channels // group * kernel * kernel) ** -0.5
        inputs = [self.x, self.constant(self.normal(out, channels // group, kernel, kernel, scale=scale))]
        if self.chance():
            inputs.append(self.constant(self.normal(out, scale=0.2)))
        top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
        dilation, stride = attributes.get("dilations", [1, 1]), attributes.get("strides", [1, 1])
        sides = [(side + pads - steps * (kernel - 1) - 1) // step + 1 for side, pads, steps, step
                 in zip((height, width), (top + bottom, left + right), dilation, stride)]
        if min(sides) < 1:
            return False
        self.become(self.node("Conv", inputs, kernel_shape=[kernel] * 2, **attributes), out, *sides)

    def document(self):
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [self.batch, *self.shape])
        latent = helper.make_tensor_value_info("latent", TensorProto.FLOAT, [self.batch, self.latent])
        graph = helper.make_graph(self.nodes, "random", [latent], [image], self.weights)
        opset = helper.make_opsetid("", self.opset)
        ir_version = helper.find_min_ir_version_for([opset])
        # Before version 4 weights are inputs, too.
        if ir_version < 4:
            for weight in self.weights:
                graph.input.append(helper.make_tensor_value_info(weight.name, weight.data_type, weight.dims))
        model = helper.make_model(graph, opset_imports=[opset], ir_version=ir_version)
        onnx.checker.check_model(model)
        return model


def convolution(net):
    channels, height, width = net.shape
    group = net.pick(1, 1, channels)
    out = group * net.whole(1, max(1, MOST_CHANNELS // group))
    return net.convolve(out, net.whole(1, min(4, height, width)), group=group, pads=[net.whole(0, 2) for _ in range(4)],
                        dilations=[net.whole(1, 2) for _ in range(2)], strides=[net.pick(1, 1, 2) for _ in range(2)])


def transposed_convolution(net):
    channels, height, width = net.shape
    kernel, group = net.whole(1, 4), net.pick(1, 1, channels)
    strides = [net.whole(1, 3) for _ in range(2)]
    dilations = [net.pick(1, 1, 2) for _ in range(2)]
    extra = [net.whole(0, step - 1) if net.chance(0.3) else 0 for step in strides]
    each = net.whole(1, max(1, MOST_CHANNELS // group))
    spans = [(kernel - 1) * dilation + 1 for dilation in dilations]
    attributes = {}
    if net.chance(0.25) and dilations == [1, 1] and all(kernel >= step for step in strides):
        attributes["auto_pad"] = net.pick("SAME_UPPER", "SAME_LOWER")
        sides = [side * step for side, step in zip((height, width), strides)]
        extra = [0, 0]
    else:
        pads = [net.whole(0, min(1, span - 1)) for span in spans * 2]
        attributes["pads"] = pads
        sides = [step * (side - 1) + more + span - pads[i] - pads[i + 2]
                 for i, (side, step, more, span) in enumerate(zip((height, width), strides, extra, spans))]
    if not all(1 <= side <= LONGEST_SIDE for side in sides):
        return False
    weights = net.normal(channels, each, kernel, kernel, scale=(channels // group * kernel) ** -0.5)
    inputs = [net.x, net.constant(weights)] + ([net.constant(net.normal(each * group, scale=0.2))] if net.chance() else [])
    if any(extra):
        attributes["output_padding"] = extra
    net.become(net.node("ConvTranspose", inputs, kernel_shape=[kernel] * 2, strides=strides, dilations=dilations, group=group, **attributes),
               each * group, *sides)


def activation(net):
    kinds = [("Relu", {}), ("LeakyRelu", {"alpha": 0.2}), ("Elu", {"alpha": 0.7}), ("Selu", {}), ("Sigmoid", {}), ("Tanh", {}),
             ("HardSigmoid", {"alpha": 0.3}), ("Softplus", {}), ("Softsign", {}), ("Abs", {}), ("Neg", {}), ("Sin", {}), ("Cos", {})]
    kinds += [("Erf", {})] if net.opset >= 9 else []
    kinds += [("Celu", {"alpha": 0.5})] if net.opset >= 12 else []
    kinds += [("HardSwish", {})] if net.opset >= 14 else []
    kinds += [("Mish", {})] if net.opset >= 18 else []
    kinds += [("Gelu", {}), ("Gelu", {"approximate": "tanh"})] if net.opset >= 20 else []
    kinds += [("Swish", {"alpha": 1.3})] if net.opset >= 24 else []
    operator, attributes = kinds[net.random.integers(len(kinds))]
    net.apply(operator, **attributes)


def parametric(net):
    net.apply("PRelu", net.constant(net.normal(net.pick(1, net.shape[0]), 1, 1, scale=0.3)))


def clipped(net):
    net.x = net.clip(net.x, -0.8, net.pick(0.9, 6.0))


def exponential(net):
    net.tame()
    net.apply("Exp")


def logarithm(net):
    net.x = net.node("Log", [net.node("Add", [net.node("Abs", [net.x]), net.number(1.0)])])


def power(net):
    net.tame()
    base = net.node("Add", [net.node("Abs", [net.x]), net.number(0.5)])
    net.x = net.node("Pow", [base, net.number(net.pick(2.0, 3.0, 0.5, -0.5, -1.0))])


def root(net):
    net.x = net.node(net.pick("Sqrt", "Reciprocal"), [net.node("Add", [net.node("Abs", [net.x]), net.number(0.4)])])


def gelu_written_out(net):
    half = net.node("Mul", [net.x, net.number(0.5)])
    if net.opset >= 9:
        inner = net.node("Erf", [net.node("Div", [net.x, net.number(2 ** 0.5)])])
    else:
        inner = net.node("Tanh", [net.x])
    net.x = net.node("Mul", [half, net.node("Add", [inner, net.number(1.0)])])


def silu(net):
    net.x = net.node("Mul", [net.x, net.node("Sigmoid", [net.x])])


def constant_map(net):
    channels, height, width = net.shape
    shape = net.pick((), (channels, 1, 1), (1, channels, 1, 1), (height, width), (width,), (height, 1), (channels, height, width))
    # Max and Min broadcast from opset 8 on.
    operators = ["Add", "Mul", "Sub"] + (["Max", "Min"] if net.opset >= 8 else [])
    net.apply(net.pick(*operators), net.constant(net.normal(*shape)))


def constant_first(net):
    net.x = net.node("Sub", [net.constant(net.normal(net.shape[0], 1, 1)), net.x])


def division(net):
    divisor = numpy.abs(net.normal(net.shape[0], 1, 1)) + 0.5
    net.apply("Div", net.constant(divisor.astype(numpy.float32)))


def batch_norm(net):
    channels = net.shape[0]
    parts = [net.normal(channels), net.normal(channels), net.normal(channels), numpy.abs(net.normal(channels)) + numpy.float32(0.3)]
    net.apply("BatchNormalization", *map(net.constant, parts))


def instance_norm(net):
    if net.shape[1] * net.shape[2] < 4:
        return False
    net.apply("InstanceNormalization", net.constant(net.normal(net.shape[0])), net.constant(net.normal(net.shape[0])), epsilon=1e-3)


def group_norm(net):
    channels = net.shape[0]
    groups = net.pick(*[n for n in range(1, channels + 1) if channels % n == 0])
    if channels // groups * net.shape[1] * net.shape[2] < 4:
        return False
    net.apply("GroupNormalization", net.constant(net.normal(channels)), net.constant(net.normal(channels)), num_groups=groups, epsilon=1e-3)


def group_norm_written_out(net):
    channels, height, width = net.shape
    groups = net.pick(*[n for n in range(1, channels + 1) if channels % n == 0])
    if channels // groups * height * width < 4:
        return False
    grouped = net.node("Reshape", [net.x, net.integers([0, groups, -1])])
    made = net.node("InstanceNormalization", [grouped, net.floats(*[1.0] * groups), net.floats(*[0.0] * groups)], epsilon=1e-3)
    back = net.node("Reshape", [made, net.integers([-1, *net.shape])])
    scaled = net.node("Mul", [back, net.constant(net.normal(channels, 1, 1))])
    net.x = net.node("Add", [scaled, net.constant(net.normal(channels, 1, 1))])


def pixel_norm(net):
    axes = net.pick((1,), (1,), (2, 3), (3,))
    if numpy.prod([net.shape[axis - 1] for axis in axes]) < 2:
        return False
    square = net.node("Mul", [net.x, net.x]) if net.chance() else net.node("Pow", [net.x, net.number(2.0)])
    mean = net.node("Add", [net.reduce("ReduceMean", square, *axes), net.number(0.01)])
    if net.chance():
        net.x = net.node("Div", [net.x, net.node("Sqrt", [mean])])
    else:
        net.x = net.node("Mul", [net.x, net.node("Reciprocal", [net.node("Sqrt", [mean])])])


def layer_norm(net):
    channels = net.shape[0]
    if channels < 2:
        return False
    last = net.transposed(net.x, 0, 2, 3, 1)
    parts = [net.constant(net.normal(channels)), net.constant(net.normal(channels))]
    if net.opset >= 23 and net.chance():
        last = net.node("RMSNormalization", [last, parts[0]], axis=-1, epsilon=1e-3)
    elif net.opset >= 17 and net.chance():
        last = net.node("LayerNormalization", [last, *parts], axis=-1, epsilon=1e-3)
    else:
        centred = net.node("Sub", [last, net.reduce("ReduceMean", last, -1)])
        variance = net.reduce("ReduceMean", net.node("Mul", [centred, centred]), -1)
        deviation = net.node("Sqrt", [net.node("Add", [variance, net.number(1e-3)])])
        last = net.node("Add", [net.node("Mul", [net.node("Div", [centred, deviation]), parts[0]]), parts[1]])
    net.x = net.transposed(last, 0, 3, 1, 2)


def adaptive_norm(net):
    if net.shape[1] * net.shape[2] < 4:
        return False
    channels = net.shape[0]
    style = net.node("Reshape", [net.dense(net.latent, 2 * channels), net.integers([-1, 2 * channels, 1, 1])])
    net.apply("InstanceNormalization", net.floats(*[1.0] * channels), net.floats(*[0.0] * channels), epsilon=1e-3)
    scale, shift = split(net, style, 1, [channels, channels])
    net.x = net.node("Add", [net.node("Mul", [net.x, net.node("Add", [scale, net.number(1.0)])]), shift])


def modulated_convolution(net):
    channels, height, width = net.shape
    out = net.whole(1, 8)
    style = net.node("Add", [net.reshaped(net.dense(net.latent, channels), channels, 1, 1), net.number(1.0)])
    kernel = net.normal(out, channels, 3, 3, scale=(channels * 9) ** -0.5)
    net.x = net.node("Mul", [net.x, style])
    net.become(net.node("Conv", [net.x, net.constant(kernel)], pads=[1, 1, 1, 1]), out, height, width)
    if net.chance():
        square = net.node("Mul", [style, style])
        sums = numpy.square(kernel).sum(axis=(2, 3)).T
        flat = net.node("Reshape", [square, net.integers([-1, channels])])
        norm = net.node("Sqrt", [net.node("Add", [net.node("MatMul", [flat, net.constant(sums)]), net.number(0.1)])])
        net.x = net.node("Div", [net.x, net.reshaped(norm, out, 1, 1)])


def computed_kernel(net):
    """StyleGAN2's other form: the latent scales the kernel, each image is a group (of a batch of one)."""
    channels, height, width = net.shape
    out = net.whole(1, 6)
    net.batch = 1
    style = net.node("Reshape", [net.dense(net.latent, channels), net.integers([1, channels, 1, 1])])
    kernel = net.node("Mul", [net.constant(net.normal(out, channels, 3, 3, scale=(channels * 9) ** -0.5)), style])
    if net.chance():
        sums = net.reduce("ReduceSum", net.node("Mul", [kernel, kernel]), 1, 2, 3)
        kernel = net.node("Div", [kernel, net.node("Sqrt", [net.node("Add", [sums, net.number(0.1)])])])
    net.become(net.node("Conv", [net.x, kernel], pads=[1, 1, 1, 1], kernel_shape=[3, 3]), out, height, width)


def split(net, value, axis, sizes):
    if net.opset < 13:
        return net.node("Split", [value], len(sizes), axis=axis, split=sizes)
    if net.opset >= 18 and len(set(sizes)) == 1 and net.chance():
        return net.node("Split", [value], len(sizes), axis=axis, num_outputs=len(sizes))
    return net.node("Split", [value, net.integers(sizes)], len(sizes), axis=axis)


def gated(net):
    channels = net.shape[0]
    if channels % 2:
        return False
    first, second = split(net, net.x, 1, [channels // 2] * 2)
    net.become(net.node("Mul", [first, net.node("Sigmoid", [second])]), channels // 2, *net.shape[1:])


def upsample(net):
    channels, height, width = net.shape
    factors = [net.whole(1, 3) for _ in range(2)]
    sides = [height * factors[0], width * factors[1]]
    if max(sides) > LONGEST_SIDE:
        return False
    mode = net.pick("nearest", "linear")
    scales = [1.0, 1.0, *map(float, factors)]
    if net.opset < 9:
        net.apply("Upsample", scales=scales, mode=mode)
    elif net.opset < 10:
        net.apply("Upsample", net.floats(*scales), mode=mode)
    elif net.opset < 11:
        net.apply("Resize", net.floats(*scales), mode=mode)
    else:
        attributes = {"mode": mode}
        if net.opset < 13:
            net.apply("Resize", net.floats(), net.floats(*scales), **attributes)
        else:
            net.apply("Resize", "", net.floats(*scales), **attributes)
    net.become(net.x, channels, *sides)


def resized(net):
    channels, height, width = net.shape
    sides = [net.whole(1, min(LONGEST_SIDE, 3 * side)) for side in (height, width)]
    mode = net.pick("nearest", "linear", "cubic")
    coordinates = net.pick("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")
    if net.opset >= 19:
        coordinates = net.pick(coordinates, "half_pixel_symmetric")
    attributes = {"mode": mode, "coordinate_transformation_mode": coordinates}
    if mode == "nearest":
        # Others give the neighbour by the last digit of a coordinate.
        attributes["coordinate_transformation_mode"] = "asymmetric"
        attributes["nearest_mode"] = "floor"
        sides = [side * net.whole(1, 3) for side in (height, width)]
        if max(sides) > LONGEST_SIDE:
            return False
    if mode == "cubic":
        attributes["cubic_coeff_a"] = net.pick(-0.75, -0.5)
        if net.chance(0.3):
            attributes["exclude_outside"] = 1
    if net.opset >= 18 and mode != "nearest" and coordinates == "half_pixel" and net.chance(0.3):
        attributes["antialias"] = 1
    absent = net.floats() if net.opset < 13 else ""
    net.batch = 1
    net.apply("Resize", absent, absent, net.integers([1, channels, *sides]), **attributes)
    net.become(net.x, channels, *sides)


def average_pool(net):
    channels, height, width = net.shape
    kernel = net.whole(1, min(3, height, width))
    stride = net.whole(1, 2)
    operator = net.pick("AveragePool", "MaxPool")
    pads = [net.whole(0, kernel - 1) for _ in range(4)]
    more = {"count_include_pad": net.whole(0, 1)} if operator == "AveragePool" else {}
    sides = [(side + pads[i] + pads[i + 2] - kernel) // stride + 1 for i, side in enumerate((height, width))]
    if min(sides) < 1:
        return False
    net.apply(operator, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=pads, **more)
    net.become(net.x, channels, *sides)


def squeeze_excite(net):
    channels = net.shape[0]
    mean = net.node(net.pick("GlobalAveragePool", "GlobalMaxPool"), [net.x])
    flat = net.node("Flatten", [mean], axis=1)
    gate = net.node("Sigmoid", [net.dense(channels, channels, flat)])
    net.x = net.node("Mul", [net.x, net.reshaped(gate, channels, 1, 1)])


def reduced(net):
    operator = net.pick("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceSumSquare")
    axes = net.pick((1,), (2,), (3,), (2, 3), (1, 2, 3))
    net.tame()
    made = net.node("Mul", [net.reduce(operator, net.x, *axes), net.number(0.2)])
    net.x = net.node(net.pick("Add", "Sub"), [net.x, made])


def softmax(net):
    # Before opset 13 an axis before the last means all that follow.
    axis = net.pick(1, 2, 3, -1) if net.opset >= 13 else 3
    net.apply(net.pick("Softmax", "LogSoftmax"), axis=axis)


def attention(net):
    channels, height, width = net.shape
    inner = net.whole(1, 6)
    shapes = net.shape
    tokens = net.transposed(net.reshaped(net.x, channels, height * width), 0, 2, 1)
    query, key = (net.node("MatMul", [tokens, net.constant(net.normal(channels, inner, scale=channels ** -0.5))]) for _ in range(2))
    value = net.node("MatMul", [tokens, net.constant(net.normal(channels, channels, scale=channels ** -0.5))])
    if net.opset >= 23 and net.chance():
        made = net.node("Attention", [query, key, value], q_num_heads=1, kv_num_heads=1)
    else:
        scores = net.node("Mul", [net.node("MatMul", [query, net.transposed(key, 0, 2, 1)]), net.number(inner ** -0.5)])
        made = net.node("MatMul", [net.node("Softmax", [scores], axis=2), value])
    back = net.reshaped(net.transposed(made, 0, 2, 1), *shapes)
    net.x = net.node("Add", [net.x, back])


def linear_over_pixels(net):
    channels, height, width = net.shape
    out = net.whole(1, 8)
    last = net.transposed(net.x, 0, 2, 3, 1)
    made = net.node("Add", [net.node("MatMul", [last, net.constant(net.normal(channels, out, scale=channels ** -0.5))]),
                            net.constant(net.normal(out, scale=0.2))])
    net.become(net.transposed(made, 0, 3, 1, 2), out, height, width)


def einsum(net):
    channels, height, width = net.shape
    out = net.whole(1, 8)
    weights = net.constant(net.normal(out, channels, scale=channels ** -0.5))
    net.become(net.node("Einsum", [net.x, weights], equation="bchw,dc->bdhw"), out, height, width)


def turned(net):
    channels, height, width = net.shape
    if net.chance():
        net.become(net.transposed(net.x, 0, 1, 3, 2), channels, width, height)
    elif max(channels, height) <= MOST_CHANNELS:
        net.become(net.transposed(net.x, 0, 2, 1, 3), height, channels, width)
    else:
        return False


def sliced(net):
    axis = net.whole(1, 3)
    size = net.shape[axis - 1]
    start, step = net.whole(0, size - 1), 1
    end = net.whole(start + 1, size)
    if net.opset < 10:
        net.apply("Slice", axes=[axis], starts=[start], ends=[end])
    else:
        step = net.pick(1, 1, 2, -1)
        if step < 0:
            # From the end of the part to its beginning.
            first, last = end - 1, start - 1 if start else -size - 1
            net.apply("Slice", net.integers([first]), net.integers([last]), net.integers([axis]), net.integers([step]))
        else:
            end_given = net.pick(end, 2 ** 31) if end == size else end
            net.apply("Slice", net.integers([start]), net.integers([end_given]), net.integers([axis]), net.integers([step]))
    shape = list(net.shape)
    shape[axis - 1] = -(-(end - start) // abs(step))
    net.become(net.x, *shape)


def concatenated(net):
    channels, height, width = net.shape
    if net.chance():
        if 2 * channels > MOST_CHANNELS:
            return False
        other = net.node("Tanh", [net.x])
        net.become(net.node("Concat", [net.x, other], axis=1), 2 * channels, height, width)
    elif net.chance():
        axis = net.pick(2, 3)
        shape = list(net.shape)
        if 2 * shape[axis - 1] > LONGEST_SIDE:
            return False
        shape[axis - 1] *= 2
        net.become(net.node("Concat", [net.x, net.x], axis=axis), *shape)
    else:
        # A grid of coordinates.
        net.batch = 1
        grid = net.constant(net.normal(1, 2, height, width))
        net.become(net.node("Concat", [net.x, grid], axis=1), channels + 2, height, width)


def padded(net):
    channels, height, width = net.shape
    mode = net.pick("constant", "edge", "reflect")
    pads = [net.whole(0, min(2, (height if i % 2 == 0 else width) - 1)) for i in range(4)]
    whole = [0, 0, pads[0], pads[1], 0, 0, pads[2], pads[3]]
    sides = [height + pads[0] + pads[2], width + pads[1] + pads[3]]
    if max(sides) > LONGEST_SIDE:
        return False
    if net.opset < 11:
        net.apply("Pad", pads=whole, mode=mode, **({"value": 0.3} if mode == "constant" else {}))
    else:
        net.apply("Pad", net.integers(whole), *([net.number(0.3)] if mode == "constant" else []), mode=mode)
    net.become(net.x, channels, *sides)


def shuffled(net):
    channels, height, width = net.shape
    if channels % 4 == 0 and 2 * max(height, width) <= LONGEST_SIDE:
        more = {"mode": net.pick("DCR", "CRD")} if net.opset >= 11 else {}
        net.become(net.node("DepthToSpace", [net.x], blocksize=2, **more), channels // 4, 2 * height, 2 * width)
    elif height % 2 == 0 and width % 2 == 0 and channels * 4 <= MOST_CHANNELS:
        net.become(net.node("SpaceToDepth", [net.x], blocksize=2), channels * 4, height // 2, width // 2)
    else:
        return False


def tiled(net):
    channels, height, width = net.shape
    if 2 * max(height, width) > LONGEST_SIDE:
        return False
    times = net.pick((1, 2), (2, 1), (2, 2))
    net.become(net.node("Tile", [net.x, net.integers([1, 1, *times])]), channels, height * times[0], width * times[1])


def expanded(net):
    style = net.reshaped(net.dense(net.latent, net.shape[0]), net.shape[0], 1, 1)
    wide = net.node("Expand", [style, net.integers([1, *net.shape])])
    net.x = net.node("Add", [net.x, wide])


def gathered(net):
    channels = net.shape[0]
    chosen = [net.whole(0, channels - 1) for _ in range(net.whole(1, 6))]
    net.become(net.node("Gather", [net.x, net.integers(chosen)], axis=1), len(chosen), *net.shape[1:])


def chosen(net):
    positive = net.node("Greater", [net.x, net.number(0.0)])
    net.x = net.node("Where", [positive, net.x, net.node("Mul", [net.x, net.number(0.1)])])


def reshaped_back(net):
    channels, height, width = net.shape
    flat = net.node("Flatten", [net.x], axis=1)
    wide = net.unsqueeze(flat, 1)
    net.x = net.node("Reshape", [wide, net.integers([-1, *net.shape])])


def shape_computed(net):
    """Torch's `view(x.size(0), -1)` and back."""
    size = net.node("Gather", [net.node("Shape", [net.x]), net.integers(0)], axis=0)
    one = net.unsqueeze(size, 0)
    there = net.node("Concat", [one, net.integers([-1])], axis=0)
    flat = net.node("Reshape", [net.x, there])
    back = net.node("Concat", [one, net.integers(net.shape)], axis=0)
    net.x = net.node("Reshape", [flat, back])


def triangle(net):
    net.apply("Trilu", upper=net.whole(0, 1))


def running_sum(net):
    net.tame()
    net.apply("CumSum", net.integers(net.whole(1, 3)), reverse=net.whole(0, 1), exclusive=net.whole(0, 1))


def residual(net):
    before = net.x
    for _ in range(2):
        net.convolve(net.shape[0], 3, pads=[1, 1, 1, 1])
        net.apply("Relu")
    net.x = net.node("Add", [before, net.x])


def normalized_by_length(net):
    net.x = net.node("LpNormalization", [net.node("Add", [net.node("Abs", [net.x]), net.number(0.1)])], axis=1, p=net.whole(1, 2))


def mean_variance(net):
    if net.shape[1] * net.shape[2] < 4:
        return False
    # Of equal elements onnxruntime's deviation is NaN.
    net.apply("Add", net.constant(net.normal(*net.shape)))
    net.apply("MeanVarianceNormalization", axes=[2, 3])


def half_precision(net):
    half = net.node("Cast", [net.x], to=TensorProto.FLOAT16)
    net.x = net.node("Cast", [net.node("Cast", [half], to=TensorProto.FLOAT)], to=TensorProto.FLOAT)


LAYERS = [
    (convolution, 7), (convolution, 7), (transposed_convolution, 7), (transposed_convolution, 7), (activation, 7), (activation, 7), (parametric, 7),
    (clipped, 7), (exponential, 7), (logarithm, 7), (power, 7), (root, 7), (gelu_written_out, 7), (silu, 7), (constant_map, 7), (constant_map, 7),
    (constant_first, 7), (division, 7), (batch_norm, 7), (instance_norm, 7), (group_norm, 21), (group_norm_written_out, 7), (pixel_norm, 7),
    (layer_norm, 7), (adaptive_norm, 7), (modulated_convolution, 7), (computed_kernel, 7), (gated, 7), (upsample, 7), (resized, 11), (average_pool, 7),
    (squeeze_excite, 7), (reduced, 7), (softmax, 7), (attention, 7), (linear_over_pixels, 7), (einsum, 12), (turned, 7), (sliced, 7),
    (concatenated, 7), (padded, 7), (shuffled, 7), (tiled, 7), (expanded, 8), (gathered, 7), (chosen, 9), (reshaped_back, 7), (shape_computed, 7),
    (triangle, 14), (running_sum, 11), (residual, 7), (normalized_by_length, 7), (mean_variance, 9),
]


def try_one(program, seed, layers, folder, environment):
    """The verdict, with what the graph is and what was said. f16 alone may differ where a random network has a pole near its values."""
    net = Network(seed, layers)
    file = pathlib.Path(folder) / f"{seed}.onnx"
    onnx.save(net.document(), file)
    done = subprocess.run([program, "verify", file], capture_output=True, text=True, errors="replace", env=environment, timeout=120)
    said = done.stdout + done.stderr
    what = f"opset {net.opset}: {', '.join(net.used)}"
    if done.returncode == 0:
        return ("right" if " f32" in said else "partly"), what, said, file
    if done.returncode < 0 or "panicked" in said:
        return "crashed", what, said, file
    if "TOO LARGE" not in said:
        return "refused", what, said, file
    large = [line for line in said.splitlines() if "TOO LARGE" in line]
    return ("f16 differs" if all("f16" in line for line in large) else "different"), what, said, file


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--graphs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first graph")
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--keep", type=pathlib.Path)
    parser.add_argument("--only", type=int, help="one graph, by its seed")
    options = parser.parse_args()
    seeds = [options.only] if options.only is not None else range(options.seed, options.seed + options.graphs)
    environment = {"ORT_DYLIB_PATH": onnxruntime_library(), **os.environ, "RAYON_NUM_THREADS": "1"}
    counts, kinds = collections.Counter(), collections.Counter()
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        made = {pool.submit(try_one, options.program, seed, options.layers, folder, environment): seed for seed in seeds}
        for future in concurrent.futures.as_completed(made):
            verdict, what, said, file = future.result()
            counts[verdict] += 1
            if verdict != "right" or options.only is not None:
                kinds[(verdict, re.sub(r"\S*\d\S*", "#", said.strip().splitlines()[-1] if said.strip() else ""))] += 1
                print(f"{made[future]}: {verdict}, {what}\n{said.strip()}\n", flush=True)
                if options.keep:
                    options.keep.mkdir(parents=True, exist_ok=True)
                    (options.keep / file.name).write_bytes(file.read_bytes())
            file.unlink()
    for (verdict, said), count in kinds.most_common(20):
        print(f"{count:5} {verdict}: {said}")
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.most_common()))
    sys.exit(1 if counts["different"] or counts["crashed"] else 0)


if __name__ == "__main__":
    main()
