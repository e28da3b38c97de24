#!/usr/bin/env python3
"""test-kill.py PROGRAM [--kills N] [--seed N]: kill -9 at random moments, and nothing is lost.

Runs of a GAN, a VAE and a VAE of two stages, a sweep and a measurement are killed again and again and go on each time. In the end
each has what the same thing has that nobody killed: checkpoints and exports byte for byte, the same losses at the same steps, the
same measurements. N kills for each kind, 20 unless said otherwise.
"""

import argparse
import csv
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

STEPS = 60
SMALL = ["data.size=16", "optimizer.batch=16", "training.log_every=1", "training.checkpoint_every=4", "training.sample_every=8"]
RUNS = {
    "gan": ("dcgan", ["model.width=8", "gan.discriminator_hidden=16"]),
    "vae": ("vae-dense", ["model.hidden=[64]"]),
    "two stages": ("vae-two-stage", ["model.width=8", "vae.second_hidden=[16, 16]"]),
}
SWEEP = """
preset = "vae-dense"
data = "glyphs"
metric = "score"
goal = "min"
trials = 4
seed = 0
algorithm = "asha"

[budget]
steps = 32
min = 8
eta = 2

[set]
"data.size" = 16
"optimizer.batch" = 16
"model.hidden" = [16]
"training.checkpoint_every" = 4
"training.eval_every" = 8
"training.eval_samples" = 128

[parameters]
"optimizer.learning_rate" = { log = [1e-4, 1e-2] }
"""


def run(program, arguments, folder, after=None):
    """Runs the program; kills it after so many seconds, where it is not done by then. The status, None if it was killed."""
    environment = {**os.environ, "DREAMLET_CACHE_DIR": str(folder / "cache")}
    # In a group of its own: a sweep has children, which a machine that loses power would end too.
    with open(folder / "said.txt", "ab") as said, open(folder / "out.txt", "wb") as out:
        process = subprocess.Popen(
            [program, *arguments], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=said, start_new_session=True
        )
        try:
            return process.wait(after)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return None


def finish(program, begin, resume, folder, kills, rng, most):
    """Begins, is killed so many times, goes on each time and comes to its end. How many kills came before the end."""
    done = 0
    for turn in range(kills + 1):
        arguments = resume(folder) or begin
        last = turn == kills
        status = run(program, arguments, folder, None if last else rng.uniform(0.0, most))
        if status is None:
            done += 1
        elif status != 0:
            sys.exit(f"{' '.join(arguments)} ended with {status}:\n" + (folder / "said.txt").read_text()[-2000:])
        elif not last:
            # It was done before it was killed: once more from the beginning.
            for path in folder.iterdir():
                if path.name not in ("said.txt", "out.txt", "cache", "sweep.toml"):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
    return done


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def without_times(value):
    """JSON without what a clock says."""
    if isinstance(value, dict):
        clock = ("seconds", "images_per_second", "time", "sha256", "files", "run", "folder", "out")
        return {key: without_times(part) for key, part in value.items() if key not in clock}
    return [without_times(part) for part in value] if isinstance(value, list) else value


def of_run(folder):
    """What a run left: its newest nets, byte for byte, its losses by step, its last sheet of samples."""
    (path,) = [path for path in (folder / "runs").iterdir() if path.is_dir()]
    names = sorted(folder.name for folder in (path / "checkpoints").iterdir() if folder.is_dir())
    newest = path / "checkpoints" / names[-1]
    found = {file.name: digest(file) for file in newest.iterdir() if file.suffix == ".bpk"}
    lines = (path / "stats.jsonl").read_text().splitlines()
    found["checkpoints"] = names
    found["losses"] = [without_times(json.loads(line)) for line in lines]
    found["state"] = without_times(json.loads((newest / "state.json").read_text()))
    found["samples"] = {sheet.name: digest(sheet) for sheet in (path / "samples").iterdir()}
    return found


def training(program, kind, area, kills, rng):
    preset, sets = RUNS[kind]
    begin = ["train", preset, "--seed", "5", "--steps", str(STEPS), "--device", "cpu"]
    begin += [word for setting in SMALL + sets for word in ("--set", setting)]

    def resume(folder):
        runs = list((folder / "runs").glob("*")) if (folder / "runs").is_dir() else []
        # Before its first checkpoint a run has nothing to go on from.
        if not runs or not any((runs[0] / "checkpoints").glob("*/state.json")):
            shutil.rmtree(folder / "runs", ignore_errors=True)
            return None
        return ["train", "--resume", str(runs[0])]

    return killed_and_not(program, begin, resume, of_run, kind, area, kills, rng)


def sweep(program, area, kills, rng):
    begin = ["sweep", "sweep.toml", "--out", "sweep", "--jobs", "1"]

    def found(folder):
        rows = list(csv.DictReader((folder / "sweep" / "results.csv").open()))
        best = (folder / "sweep" / "best.toml").read_text()
        return {"results": [without_times(row) for row in rows], "best": best}

    return killed_and_not(program, begin, lambda _: None, found, "sweep", area, kills, rng, {"sweep.toml": SWEEP})


def measuring(program, area, kills, rng):
    model = pathlib.Path(__file__).resolve().parent.parent / "models/pico/pico.dream"
    begin = ["eval", str(model), "--data", f"idx:{area}", "--samples", "200", "--metrics", "frechet", "--json"]
    for half, count in (("train", 1000), ("t10k", 200)):
        pixels = bytes((x * (i % 10 + 1) + y * (i % 7)) % 251 for i in range(count) for y in range(28) for x in range(28))
        (area / f"{half}-images-idx3-ubyte").write_bytes(struct.pack(">HBBIII", 0, 8, 3, count, 28, 28) + pixels)
        (area / f"{half}-labels-idx1-ubyte").write_bytes(struct.pack(">HBBI", 0, 8, 1, count) + bytes(i % 10 for i in range(count)))

    def found(folder):
        return without_times(json.loads((folder / "out.txt").read_text()))

    return killed_and_not(program, begin, lambda _: None, found, "eval", area, kills, rng)


def killed_and_not(program, begin, resume, found, kind, area, kills, rng, files=()):
    results = []
    for name, count in (("whole", 0), ("killed", kills)):
        folder = area / kind / name
        folder.mkdir(parents=True)
        for file, text in dict(files).items():
            (folder / file).write_text(text)
        started = time.monotonic()
        if count == 0:
            finish(program, begin, resume, folder, 0, rng, None)
            took = time.monotonic() - started
        else:
            # Short enough that most turns end by a kill.
            count = finish(program, begin, resume, folder, count, rng, took / 3)
        results.append(found(folder))
    whole, killed = results
    print(f"{kind}: killed {count} times, {'the same' if whole == killed else 'OTHER'} in the end as the one that nobody killed", flush=True)
    if whole != killed:
        for key in whole if isinstance(whole, dict) else ():
            if whole[key] != killed.get(key):
                print(f"  {key}: {str(whole[key])[:300]} against {str(killed.get(key))[:300]}")
    return whole == killed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--kills", type=int, default=20, help="for each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=[*RUNS, "sweep", "eval"])
    arguments = parser.parse_args()
    program = os.path.realpath(arguments.program)
    rng = random.Random(arguments.seed)
    kinds = {kind: lambda area, kind=kind: training(program, kind, area, arguments.kills, rng) for kind in RUNS}
    kinds["sweep"] = lambda area: sweep(program, area, arguments.kills, rng)
    kinds["eval"] = lambda area: measuring(program, area, arguments.kills, rng)
    with tempfile.TemporaryDirectory() as area:
        right = [test(pathlib.Path(area)) for kind, test in kinds.items() if arguments.only in (None, kind)]
    return not all(right)


if __name__ == "__main__":
    sys.exit(main())
