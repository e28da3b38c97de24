"""Each generator of a folder that `zoo.py --architectures` wrote: drawn, compiled, timed, as a table.

    python scripts/bench/zoo_table.py PATH/TO/dreamlet DIR [--only REGEX] [--seconds 1] [--json FILE]

A cell says `right` (the largest difference from PyTorch's or Keras's images, in levels of 255), `WRONG`, `CRASHED` or `refused`, with the
reasons below the table. int8 has the mean difference beside the largest. Times are of one image on one thread, from `dreamlet bench`, which
takes all engines in turns: median of the compiled f32 model, of onnxruntime, and their ratio. onnxruntime's library is that of this
environment's package, unless $ORT_DYLIB_PATH says otherwise.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy
from PIL import Image

# Largest difference, in levels, of images that are right: rounding to a level is one, f16's 11 bits are a second; int8 is lossy: there the
# mean counts.
TOLERANCE = {"sample": 1, "f32": 1, "f16": 2}
TOLERANCE_INT8 = 8


def onnxruntime_library():
    folder = pathlib.Path(importlib.util.find_spec("onnxruntime").origin).parent / "capi"
    return next((str(file) for file in sorted(folder.glob("libonnxruntime.*")) if "provider" not in file.name), "")


class Dreamlet:
    """The program, run as a person would."""

    def __init__(self, program, folder):
        self.program = program
        self.environment = {"ORT_DYLIB_PATH": onnxruntime_library(), **os.environ, "DREAMLET_CACHE_DIR": str(folder)}

    def run(self, *arguments, timeout=300):
        """The word `refused` or `CRASHED` with the reason, or None; and what it printed."""
        try:
            done = subprocess.run([self.program, *map(str, arguments)], capture_output=True, text=True, errors="replace", env=self.environment,
                                  timeout=timeout)
        except subprocess.TimeoutExpired:
            return ("CRASHED", f"still running after {timeout} s"), ""
        said = done.stderr.strip() or done.stdout.strip() or "no message"
        if done.returncode == 0:
            return None, done.stdout
        crashed = done.returncode < 0 or done.returncode == 101 or "panicked at" in said
        return ("CRASHED" if crashed else "refused", " ".join(said.splitlines()[:2]) if crashed else said.splitlines()[-1]), ""

    def draw(self, model, out, entry, flags):
        """What was refused, and the images of the entry's seeds as levels, [seeds, height, width, channels]."""
        seeds = ",".join(map(str, entry["seeds"]))
        failed, _ = self.run("sample", model, "--seeds", seeds, "--out", f"{out}/", "--terminal", "off", *flags)
        if failed:
            return failed, None
        files = sorted(out.glob("*.png"))
        images = [numpy.asarray(Image.open(file), numpy.float64) for file in files]
        return None, numpy.stack([image if image.ndim == 3 else image[..., None] for image in images])


def compare(images, right, engine):
    """`right` or `WRONG` with the difference in levels."""
    if images.shape != right.shape:
        return "WRONG", f"images {images.shape[1:]}, right are {right.shape[1:]}"
    difference = abs(images - right)
    # A right level is no whole number: half a level is lost in rounding.
    largest, mean = difference.max() - 0.5, difference.mean()
    if engine == "int8":
        return "right" if mean <= TOLERANCE_INT8 else "WRONG", f"{difference.max():.0f}, mean {mean:.1f}"
    return "right" if largest <= TOLERANCE[engine] else "WRONG", f"{difference.max():.1f}"


def conditional(entry):
    return any(given["kind"] in ("class", "onehot") for given in entry["inputs"])


def foreign(entry):
    """Flags for a file that says nothing about itself."""
    low, high = entry["range"]
    flags = [f"--range={low},{high}", "--latent", "normal", *entry.get("flags", [])]
    return [*flags, "--classes", "10"] if conditional(entry) else flags


def measure(dreamlet, entry, folder, place, seconds):
    """Outcome by column."""
    kept = numpy.load(folder / entry["images"])["image"]
    low, high = entry["range"]
    levels = numpy.clip((kept.astype(numpy.float64) - low) / (high - low), 0, 1) * 255
    right = levels if entry.get("layout") == "hwc" else levels.transpose(0, 2, 3, 1)
    of_class = ["--class", str(entry["class"])] if conditional(entry) else []
    model, row = folder / entry["file"], {}
    failed, images = dreamlet.draw(model, place / "sample", entry, [*foreign(entry), *of_class])
    row["sample"] = failed or compare(images, right, "sample")
    for precision in ("f32", "f16", "int8"):
        compiled = place / f"{precision}.dream"
        failed, _ = dreamlet.run("compile", model, "--out", compiled, "--precision", precision, *foreign(entry))
        if failed is None:
            failed, images = dreamlet.draw(compiled, place / precision, entry, of_class)
        row[precision] = failed or compare(images, right, precision)
    failed, _ = dreamlet.run("verify", model, *[flag for flag in foreign(entry) if not flag.startswith("--range")])
    row["verify"] = failed or ("right", "")
    row["times"] = times(dreamlet, model, seconds, foreign(entry)) if seconds else ("refused", "not measured: --seconds 0")
    return row


def times(dreamlet, model, seconds, flags):
    """Median microseconds of one image on one thread, by engine, or what was refused."""
    failed, said = dreamlet.run("bench", model, "--only", "sampling", "--seconds", seconds, "--json", *flags, timeout=600)
    if failed:
        return failed
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return {line["engine"]: line["median_us"] for line in lines if line.get("threads") == 1 and line.get("batch") == 1 and "median_us" in line}


def cells(row):
    outcomes = (row[key] for key in ("sample", "f32", "f16", "int8", "verify"))
    yield from (f"{word} {more}".strip() if word in ("right", "WRONG") else word for word, more in outcomes)
    found = row["times"]
    if isinstance(found, tuple):
        yield from ("", "", "")
        return
    ours, theirs = found.get("f32"), found.get("onnxruntime")
    yield f"{ours:.0f}" if ours else ""
    yield f"{theirs:.0f}" if theirs else ""
    yield f"{ours / theirs:.2f}" if ours and theirs else ""


HEAD = ["file", "sample", "compiled f32", "f16", "int8", "verify", "f32, µs", "onnxruntime, µs", "ratio"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the program dreamlet")
    parser.add_argument("folder", type=pathlib.Path, help="what `zoo.py --architectures` wrote")
    parser.add_argument("--only", default="", metavar="REGEX", help="files whose name has it")
    parser.add_argument("--seconds", type=int, default=1, help="to time each line of `dreamlet bench` for; 0: no times")
    parser.add_argument("--json", type=pathlib.Path, help="write all outcomes to this file")
    args = parser.parse_args()
    entries = [entry for entry in json.loads((args.folder / "zoo.json").read_text()) if re.search(args.only, entry["file"])]
    if not entries:
        sys.exit(f"{args.folder}/zoo.json has no file whose name has '{args.only}'")
    rows, bad = [], False
    print("| " + " | ".join(HEAD) + " |\n" + "| --- " * len(HEAD) + "|")
    with tempfile.TemporaryDirectory() as cache:
        dreamlet = Dreamlet(args.program, cache)
        for entry in entries:
            with tempfile.TemporaryDirectory(dir=cache) as place:
                row = measure(dreamlet, entry, args.folder, pathlib.Path(place), args.seconds)
            rows.append({"file": entry["file"], **row})
            print(f"| {entry['file'].removesuffix('.onnx')} | " + " | ".join(cells(row)) + " |", flush=True)
            bad |= any(isinstance(outcome, tuple) and outcome[0] in ("WRONG", "CRASHED") for outcome in row.values())
    outcomes = [(row["file"], engine, *outcome) for row in rows for engine, outcome in row.items() if isinstance(outcome, tuple)]
    for word in ("WRONG", "CRASHED", "refused"):
        for file, engine, found, more in outcomes:
            if found == word:
                print(f"{word}: {file}, {engine}: {more}")
    counts = {engine: sum(row[engine][0] == "right" for row in rows) for engine in ("sample", "f32", "f16", "int8", "verify")}
    print(f"\nright, of {len(rows)}: " + ", ".join(f"{engine} {count}" for engine, count in counts.items()))
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
