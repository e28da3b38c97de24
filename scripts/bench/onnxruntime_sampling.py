"""Time of one picture, and of a batch, of an ONNX generator in onnxruntime on the CPU: median and least microseconds."""

import argparse
import json
import statistics
import sys
import time

import numpy
import onnxruntime


def measure(session, latent, seconds):
    """Times runs for about `seconds`, after a tenth of that to warm up."""
    feed = {session.get_inputs()[0].name: latent}
    end = time.perf_counter() + seconds / 10
    while time.perf_counter() < end:
        session.run(None, feed)
    times, begin = [], time.perf_counter()
    while not times or time.perf_counter() - begin < seconds:
        start = time.perf_counter_ns()
        session.run(None, feed)
        times.append((time.perf_counter_ns() - start) / 1e3)
    return {"runs": len(times), "median_us": statistics.median(times), "min_us": min(times)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", help="ONNX files with one input, [N, z]")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, action="append", help="default: 1 and 32; may be given several times")
    parser.add_argument("--seconds", type=float, default=3.0, help="to measure each model and batch for")
    parser.add_argument("--json", help="also write the figures to this file")
    args = parser.parse_args()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = args.threads, 1
    result = {"engine": "onnxruntime", "version": onnxruntime.__version__, "threads": args.threads, "models": []}
    print(f"onnxruntime {onnxruntime.__version__}, {args.threads} thread(s), microseconds", file=sys.stderr)
    print(f"{'batch':>5} {'median':>9} {'least':>9} {'median/image':>13}  model", file=sys.stderr)
    for model in args.models:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        inputs = session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 2 or not isinstance(inputs[0].shape[1], int):
            parser.error(f"{model}: one input of shape [N, z] is needed, found {[i.shape for i in inputs]}")
        generator = numpy.random.default_rng(0)
        for batch in args.batch or [1, 32]:
            latent = generator.standard_normal((batch, inputs[0].shape[1]), dtype=numpy.float32)
            row = {"model": model, "batch": batch, **measure(session, latent, args.seconds)}
            result["models"].append(row)
            print(f"{batch:5} {row['median_us']:9.1f} {row['min_us']:9.1f} {row['median_us'] / batch:13.2f}  {model}",
                  file=sys.stderr)
    text = json.dumps(result, indent=2)
    print(text)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            file.write(text + "\n")


if __name__ == "__main__":
    main()
