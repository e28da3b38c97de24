"""A tiny generator of Keras, through tf2onnx, beside those that `zoo.py` writes. It needs an environment of its own (1.6 GB):

    pip install -r scripts/bench/keras-requirements.txt
    python scripts/bench/keras_zoo.py --out tests/data/zoo

Keras keeps channels last, so tf2onnx puts Transpose nodes around what ONNX has with channels first only. The input is `latent` [N, 12],
the output `image` [N, 28, 28, 3] in Keras's own order (keras-nhwc) or [N, 3, 28, 28] (keras-nchw, by tf2onnx's outputs_as_nchw). The graph
and its weights are the same on every run; tf2onnx numbers some of its names differently.

    python scripts/bench/keras_zoo.py --architectures --out DIR

writes a DCGAN, a conditional GAN and a VAE's decoder instead, by tf2onnx and by Keras's own `model.export`, with Keras's images, and puts
them into DIR/zoo.json, as `zoo.py --architectures` does.
"""

import argparse
import json
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy
import onnx
import seeds
import tensorflow
import tf2onnx

LATENT = 12
CLASSES, CLASS, SEEDS = 10, 3, range(4)


def generator():
    """The layout of TensorFlow's own DCGAN tutorial, narrow."""
    layers = keras.layers
    up = lambda outputs, stride: layers.Conv2DTranspose(outputs, 5, strides=stride, padding="same", use_bias=False)
    return keras.Sequential([
        keras.Input((LATENT,), name="latent"),
        layers.Dense(7 * 7 * 8, use_bias=False), layers.BatchNormalization(), layers.LeakyReLU(negative_slope=0.3),
        layers.Reshape((7, 7, 8)),
        up(8, 1), layers.BatchNormalization(), layers.LeakyReLU(negative_slope=0.3),
        up(6, 2), layers.BatchNormalization(), layers.LeakyReLU(negative_slope=0.3),
        layers.Conv2DTranspose(3, 4, strides=2, padding="same", activation="tanh"),
    ])


def initialize(model, seed):
    """N(0, 2 / fan-in) weights, and statistics and an affine part of batch normalization that differ by channel."""
    random = numpy.random.default_rng(seed)
    for layer in model.layers:
        values = []
        for weight in layer.weights:
            shape, name = tuple(weight.shape), weight.name
            if name == "kernel":
                # A transposed kernel is [height, width, outputs, inputs].
                taps = shape[0] * shape[1] * shape[3] / layer.strides[0] ** 2 if len(shape) == 4 else shape[0]
                value = random.standard_normal(shape) * (2 / taps) ** 0.5
            elif name == "embeddings":
                value = random.standard_normal(shape)
            elif name in ("gamma", "moving_variance"):
                value = random.uniform(0.6, 1.4, shape)
            else:
                value = random.uniform(-0.3, 0.3, shape)
            values.append(value.astype("float32"))
        layer.set_weights(values)


def convert(model, nchw):
    """ONNX of `model` with its input named `latent` and its output `image`."""
    signature = [tensorflow.TensorSpec((None, LATENT), tensorflow.float32, name="latent")]
    function = tensorflow.function(lambda latent: tensorflow.identity(model(latent, training=False), name="image"), signature)
    options = {"outputs_as_nchw": ["Identity:0"]} if nchw else {}
    file, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=17, **options)
    given = file.graph.output[0].name
    for node in file.graph.node:
        node.output[:] = ["image" if name == given else name for name in node.output]
        node.input[:] = ["image" if name == given else name for name in node.input]
    file.graph.output[0].name = "image"
    return file


def check(name, model, file, nchw):
    """Fails if the ONNX reference's images are not Keras's, for one and for several, or are flat. Returns a line about the file."""
    from onnx.reference import ReferenceEvaluator

    for rows in (1, 3):
        latent = numpy.random.default_rng(1).standard_normal((rows, LATENT), dtype=numpy.float32)
        expected = model(latent, training=False).numpy()
        expected = expected.transpose(0, 3, 1, 2) if nchw else expected
        found = ReferenceEvaluator(file).run(["image"], {"latent": latent})[0]
        if found.shape != expected.shape or not numpy.allclose(found, expected, atol=1e-5):
            sys.exit(f"{name}: the file's {found.shape} is not Keras's {expected.shape}")
    if found.std() < 0.1:
        sys.exit(f"{name}: flat images cannot show a fault: deviation {found.std():.3f}")
    operators = " ".join(node.op_type for node in file.graph.node)
    return f"{len(file.SerializeToString())} bytes, {found.shape[1:]}, deviation {found.std():.2f}: {operators}"


def conditional():
    """A conditional GAN as in Keras's examples: the class's embedding as a channel beside the latent's map."""
    layers = keras.layers
    latent, label = keras.Input((LATENT,), name="latent"), keras.Input((1,), dtype="int32", name="class")
    plane = layers.Reshape((7, 7, 1))(layers.Dense(49)(layers.Flatten()(layers.Embedding(CLASSES, 8)(label))))
    x = layers.Reshape((7, 7, 12))(layers.LeakyReLU(negative_slope=0.2)(layers.Dense(7 * 7 * 12)(latent)))
    x = layers.Concatenate()([x, plane])
    for outputs in (12, 8):
        x = layers.LeakyReLU(negative_slope=0.2)(layers.Conv2DTranspose(outputs, 4, strides=2, padding="same")(x))
    return keras.Model([latent, label], layers.Conv2D(1, 7, padding="same", activation="tanh")(x))


def decoder():
    """The decoder of Keras's example of a VAE."""
    layers = keras.layers
    return keras.Sequential([
        keras.Input((2,), name="latent"),
        layers.Dense(7 * 7 * 12, activation="relu"), layers.Reshape((7, 7, 12)),
        layers.Conv2DTranspose(12, 3, activation="relu", strides=2, padding="same"),
        layers.Conv2DTranspose(8, 3, activation="relu", strides=2, padding="same"),
        layers.Conv2DTranspose(1, 3, activation="sigmoid", padding="same"),
    ])


# Name: how it is made, length of the latent, whether it has a class, black and white.
ARCHITECTURES = {"keras-dcgan": (generator, LATENT, False, (-1, 1)), "keras-cgan": (conditional, LATENT, True, (-1, 1)),
                 "keras-vae": (decoder, 2, False, (0, 1))}


def by_tf2onnx(model, path):
    signature = [tensorflow.TensorSpec([None, *given.shape[1:]], given.dtype, name=given.name) for given in model.inputs]
    call = lambda *given: model(list(given) if len(given) > 1 else given[0], training=False)
    tf2onnx.convert.from_function(tensorflow.function(call, signature), input_signature=signature, opset=17, output_path=str(path))


def by_keras(model, path):
    model.export(str(path), format="onnx", verbose=False)


def architecture(out, name):
    """Writes an architecture's files and its images. Returns its entries of zoo.json."""
    make, length, has_class, value_range = ARCHITECTURES[name]
    model, entries = make(), []
    initialize(model, 0)
    latents = numpy.stack([seeds.latent(seed, length) for seed in SEEDS])
    given = [latents, numpy.full((len(latents), 1), CLASS, numpy.int32)] if has_class else [latents]
    images = model(given if has_class else latents, training=False).numpy()
    if images.std() < 0.1 or abs(images[0] - images[1]).mean() < 0.02:
        sys.exit(f"{name}: flat images cannot show a fault: deviation {images.std():.3f}")
    numpy.savez(out / f"{name}.npz", image=images)
    for prefix, convert_with in (("tf2onnx", by_tf2onnx), ("export", by_keras)):
        path = out / f"{prefix}-{name}.onnx"
        try:
            convert_with(model, path)
        except Exception as error:
            print(f"{path.name}: not written: {type(error).__name__}: {str(error).splitlines()[0]}", file=sys.stderr)
            continue
        file = onnx.load(path)
        names = [value.name for value in file.graph.input]
        kinds = ["normal", "class"][: len(names)]
        entries.append({"file": path.name, "images": f"{name}.npz", "range": value_range, "seeds": list(SEEDS), "class": CLASS, "layout": "hwc",
                        "flags": [], "inputs": [{"name": each, "kind": kind} for each, kind in zip(names, kinds)]})
        about = " ".join(sorted({node.op_type for node in file.graph.node}))
        print(f"{path}: {path.stat().st_size} bytes, opset {file.opset_import[0].version}, inputs {names}: {about}", file=sys.stderr)
    return entries


def architectures(out):
    seeds.check()
    index = out / "zoo.json"
    kept = json.loads(index.read_text()) if index.exists() else []
    for name in ARCHITECTURES:
        kept = [entry for entry in kept if entry["images"] != f"{name}.npz"] + architecture(out, name)
    index.write_text(json.dumps(kept, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, type=pathlib.Path, help="folder to write the files to")
    parser.add_argument("--architectures", action="store_true", help="a DCGAN, a conditional GAN and a VAE's decoder instead")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.architectures:
        return architectures(args.out)
    model = generator()
    initialize(model, 0)
    for name, nchw in [("keras-nhwc", False), ("keras-nchw", True)]:
        file = convert(model, nchw)
        about = check(name, model, file, nchw)
        path = args.out / f"{name}.onnx"
        path.write_bytes(file.SerializeToString(deterministic=True))
        print(f"{path}: {about}", file=sys.stderr)


if __name__ == "__main__":
    main()
