"""Time of one image, and of a batch, of an ONNX generator in onnxruntime on the CPU: median and least microseconds."""

import sys

import numpy
import onnxruntime
from sampling import arguments, compare


def open_session(model, threads):
    """The session of a file and the width of its latent; leaves with a message if it has other inputs."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    inputs = session.get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 2 or not isinstance(inputs[0].shape[1], int):
        sys.exit(f"{model}: one input of shape [N, z] is needed, found {[i.shape for i in inputs]}")
    return session, inputs[0].shape[1]


def case(model, session, width, batch):
    latent = numpy.random.default_rng(0).standard_normal((batch, width), dtype=numpy.float32)
    feed = {session.get_inputs()[0].name: latent}
    return model, batch, lambda: session.run(None, feed)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--batch", type=int, action="append", help="default: 1 and 32; may be given several times")
    args = parser.parse_args()
    cases = []
    for model in args.models:
        session, width = open_session(model, args.threads)
        cases += [case(model, session, width, batch) for batch in args.batch or [1, 32]]
    compare("onnxruntime", onnxruntime.__version__, args, cases)


if __name__ == "__main__":
    main()
