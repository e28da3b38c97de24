#!/usr/bin/env python3
"""Writes what fuzzing begins with into corpus/: small generators as ONNX files, compiled, and cards. Needs the package onnx.

    seeds.py DREAMLET
"""

import pathlib
import shutil
import subprocess
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = pathlib.Path(__file__).parent
CORPUS = ROOT / "corpus"
RANDOM = numpy.random.default_rng(0)


def floats(name, *dims):
    """Weights."""
    return numpy_helper.from_array(RANDOM.standard_normal(dims, numpy.float32), name)


def ints(name, *values):
    """A shape or such."""
    return numpy_helper.from_array(numpy.array(values), name)


def model(nodes, weights, image, classes=False):
    """A file with the latent vector and, where asked for, the class as inputs."""
    inputs = [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["N", 2])]
    if classes:
        inputs.append(helper.make_tensor_value_info("c", TensorProto.INT64, ["N"]))
    output = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", *image])]
    graph = helper.make_graph([helper.make_node(op, i.split(), [o], **a) for op, i, o, a in nodes], "g", inputs, output, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def models():
    """Name -> model; together they have most layers."""
    up = {"strides": [2, 2], "pads": [1, 1, 1, 1]}
    return {
        "dense": model(
            [("Gemm", "z w b", "h", {}), ("Relu", "h", "r", {}), ("Gemm", "r v", "p", {}), ("Sigmoid", "p", "q", {}), ("Reshape", "q s", "y", {})],
            [floats("w", 2, 3), floats("b", 3), floats("v", 3, 4), ints("s", -1, 1, 2, 2)],
            [1, 2, 2],
        ),
        "transposed": model(
            [("Gemm", "z w", "h", {}), ("Reshape", "h s", "a", {}), ("ConvTranspose", "a k", "u", up), ("LeakyRelu", "u", "l", {"alpha": 0.2}),
             ("Conv", "l m", "v", {"pads": [1, 1, 1, 1]}), ("Tanh", "v", "y", {})],
            [floats("w", 2, 8), ints("s", -1, 2, 2, 2), floats("k", 2, 2, 4, 4), floats("m", 3, 2, 3, 3)],
            [3, 4, 4],
        ),
        "resized": model(
            [("Gemm", "z w", "h", {}), ("Reshape", "h s", "a", {}), ("Resize", "a e f", "u", {"mode": "nearest", "nearest_mode": "floor"}),
             ("Conv", "u m", "v", {"pads": [1, 1, 1, 1]}), ("Add", "u v", "t", {}), ("Resize", "t e f", "d", {"mode": "linear"}),
             ("Conv", "d o", "x", {}), ("Tanh", "x", "y", {})],
            [floats("w", 2, 8), ints("s", -1, 2, 2, 2), floats("e", 0), numpy_helper.from_array(numpy.float32([1, 1, 2, 2]), "f"),
             floats("m", 2, 2, 3, 3), floats("o", 1, 2, 1, 1)],
            [1, 8, 8],
        ),
        "normalized": model(
            [("Gemm", "z w", "h", {}), ("Reshape", "h s", "a", {}), ("InstanceNormalization", "a g o", "n", {}),
             ("Transpose", "n", "t", {"perm": [0, 1, 3, 2]}), ("MatMul", "n t", "p", {}), ("Softmax", "p", "f", {"axis": -1}), ("MatMul", "f n", "y", {})],
            [floats("w", 2, 4), ints("s", -1, 1, 2, 2), floats("g", 1), floats("o", 1)],
            [1, 2, 2],
        ),
        "conditional": model(
            [("Gather", "e c", "r", {}), ("Concat", "z r", "b", {"axis": 1}), ("Gemm", "b w", "p", {}), ("Sigmoid", "p", "q", {}), ("Reshape", "q s", "y", {})],
            [floats("e", 3, 2), floats("w", 4, 4), ints("s", -1, 1, 2, 2)],
            [1, 2, 2],
            classes=True,
        ),
    }


def main():
    """Writes all of them."""
    for folder in ("onnx", "dream", "card"):
        (CORPUS / folder).mkdir(parents=True, exist_ok=True)
    for name, made in models().items():
        onnx.checker.check_model(made, full_check=True)
        path = CORPUS / "onnx" / f"{name}.onnx"
        path.write_bytes(made.SerializeToString())
        for precision in ("f32", "int8"):
            out = CORPUS / "dream" / f"{name}-{precision}.dream"
            said = ["--range=-1,1", "--precision", precision]
            subprocess.run([sys.argv[1], "compile", path, "--out", out, *said], check=True)
    for name in ("pico", "people"):
        shutil.copy(ROOT / ".." / "models" / name / "card.json", CORPUS / "card" / f"{name}.json")


if __name__ == "__main__":
    main()
