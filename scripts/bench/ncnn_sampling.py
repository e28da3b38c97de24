"""Time of one image of an ONNX generator in ncnn on the CPU: median and least microseconds.

pnnx converts each file to ncnn's form in --work first. ncnn runs in f32, as the others do, and one image at a time: it has
no batch axis. Nothing is timed before its output was within --tolerance of onnxruntime's.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

import ncnn
import numpy
import pnnx
from onnxruntime_sampling import open_session
from sampling import arguments, compare


def convert(model, width, folder):
    """Paths of ncnn's graph and weights for an ONNX file with a latent of `width`. Leaves with pnnx's last words if it fails."""
    # pnnx writes beside its input and makes identifiers of its name.
    name = "".join(c if c.isalnum() else "_" for c in pathlib.Path(model).stem)
    copy = folder / f"{name}.onnx"
    shutil.copyfile(model, copy)
    command = [pnnx.EXEC_PATH, copy.name, f"inputshape=[1,{width}]", "fp16=0"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    paths = [folder / f"{name}.ncnn.{part}" for part in ("param", "bin")]
    if done.returncode != 0 or not all(path.exists() for path in paths):
        sys.exit(f"{model}: pnnx does not convert it (status {done.returncode}):\n{(done.stdout + done.stderr)[-2000:]}")
    return paths


def load(model, paths, threads):
    net = ncnn.Net()
    net.opt.num_threads = threads
    net.opt.use_vulkan_compute = False
    # Half-precision storage and arithmetic are on by default where the CPU has them.
    for option in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_packed", "bf16_storage"):
        setattr(net.opt, f"use_{option}", False)
    if net.load_param(str(paths[0])) != 0 or net.load_model(str(paths[1])) != 0:
        sys.exit(f"{model}: ncnn does not load {paths[0]}")
    return net


def runner(net, latent):
    """A call that makes the image of `latent`, [z]."""
    mat, first, final = ncnn.Mat(latent), net.input_names()[0], net.output_names()[0]

    def run():
        extractor = net.create_extractor()
        extractor.input(first, mat)
        return extractor.extract(final)[1]

    return run


def case(model, folder, args):
    session, width = open_session(model, args.threads)
    net = load(model, convert(model, width, folder), args.threads)
    latent = numpy.random.default_rng(0).standard_normal((1, width), dtype=numpy.float32)
    run = runner(net, latent[0])
    expected = session.run(None, {session.get_inputs()[0].name: latent})[0][0]
    found = numpy.array(run())
    # pnnx does not always see that a Reshape's first axis is the batch.
    if found.shape == (1, *expected.shape):
        found = found[0]
    if found.shape != expected.shape:
        sys.exit(f"{model}: onnxruntime's image is {expected.shape}, ncnn's {found.shape}")
    difference = float(abs(found - expected).max())
    # Written so that a NaN fails too.
    if not difference <= args.tolerance:
        sys.exit(f"{model}: ncnn's image differs from onnxruntime's by {difference:.1e}, more than {args.tolerance:.0e}")
    print(f"{model}: within {difference:.1e} of onnxruntime", file=sys.stderr)
    # The latent and the net must outlive the call that reads them.
    return model, 1, lambda keep=(net, latent): run()


def main():
    parser = arguments(__doc__)
    parser.add_argument("--work", type=pathlib.Path, help="folder for the converted files; default: a temporary one")
    parser.add_argument("--tolerance", type=float, default=1e-3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.work or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        cases = [case(model, folder, args) for model in args.models]
        compare("ncnn", ncnn.__version__, args, cases)


if __name__ == "__main__":
    main()
