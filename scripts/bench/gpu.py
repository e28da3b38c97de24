"""Proof, training steps beside PyTorch's and one whole run, on a GPU: see gpu.sh, which runs it."""

import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import threading
import time

try:
    import torch
    import pytorch_training
except ImportError:
    torch = None

BEGIN = time.monotonic()

# The most important first: what comes after the time limit is left out, and said.
SHAPES = [
    (preset, size, channels, batch)
    for batch in (256, 64, 1024)
    for size, channels in ((28, 1), (64, 3))
    for preset in ("dcgan", "vae-conv", "dcgan-resize", "cgan")
]
# What torch.compile is measured on: it compiles for most of a minute.
COMPILED = {("dcgan", 28, 1, 256), ("dcgan", 64, 3, 256)}


def say(text):
    print(f"[{time.monotonic() - BEGIN:5.0f} s] {text}", flush=True)


class Watch:
    """What the driver says of the GPU while something runs: mean utilisation in %, most memory of the process in MiB."""

    def __init__(self, pid=None):
        self.pid, self.utilisation, self.memory, self.over = pid, [], 0, threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)

    def look(self):
        while not self.over.wait(0.25):
            found = query("--query-gpu=utilization.gpu", "--format=csv,noheader,nounits")
            self.utilisation += [float(found.split()[0])] if found and found.split()[0].isdigit() else []
            for line in query("--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits").splitlines():
                pid, _, memory = line.partition(",")
                if pid.strip() == str(self.pid) and memory.strip().isdigit():
                    self.memory = max(self.memory, int(memory))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def figures(self):
        # The first looks fall on the start.
        steady = self.utilisation[len(self.utilisation) // 2:]
        return {"utilisation": sum(steady) / len(steady) if steady else None, "memory_mib": self.memory or None}


def query(*arguments):
    """What nvidia-smi prints; nothing where there is none."""
    try:
        done = subprocess.run(["nvidia-smi", *arguments], capture_output=True, text=True, timeout=10, check=False)
        return done.stdout if done.returncode == 0 else ""
    except (OSError, subprocess.TimeoutExpired):
        return ""


def run(command, limit):
    """Runs a command; its status, what it printed, how long it took and what the driver said of the GPU."""
    begin = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process, Watch(process.pid) as watch:
        try:
            out, err = process.communicate(timeout=max(1, limit))
            status = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            status = "time limit"
    return {"command": command[1:], "status": status, "out": out, "err": err[-2000:], "seconds": time.monotonic() - begin, **watch.figures()}


def json_lines(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def settings(size, channels, batch):
    words = [f"data.size={size}", f"data.channels={channels}", f"optimizer.batch={batch}"]
    return [word for pair in words for word in ("--set", pair)]


def dreamlet_step(name, device, program, shape, seconds, limit):
    preset, *rest = shape
    found = run([program, "bench", preset, "--only", "training", "--json", "--device", device, "--seconds", str(seconds), *settings(*rest)], limit)
    rows = json_lines(found["out"])
    row = {"engine": f"dreamlet {name}", "status": found["status"], "utilisation": found["utilisation"], "memory_mib": found["memory_mib"]}
    if rows:
        row |= {"images_per_s": rows[0]["images_per_second"], "step_ms": rows[0]["median_ms"]}
    else:
        row["error"] = found["err"].strip()[-300:]
    return row


def pytorch_step(shape, seconds, compiled):
    preset, size, channels, batch = shape
    row = {"engine": "PyTorch compiled" if compiled else "PyTorch eager"}
    try:
        with Watch(os.getpid()) as watch:
            found = pytorch_training.measure(preset, batch, seconds, size, channels, compiled)
        row |= {"images_per_s": found["images_per_s"], "step_ms": found["step_ms_median"], "utilisation": watch.figures()["utilisation"]}
        if torch.cuda.is_available():
            row["memory_mib"] = torch.cuda.max_memory_reserved() >> 20
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
    except Exception as error:  # pylint: disable=broad-except
        row["error"] = str(error)[-300:]
    return row


def table(result):
    """The training steps as Markdown."""
    engines = sorted({row["engine"] for line in result["steps"] for row in line["rows"]})
    lines = ["| preset | image | batch | " + " | ".join(engines) + " | best of dreamlet / eager |", "| --- " * (len(engines) + 4) + "|"]
    for line in result["steps"]:
        rates = {row["engine"]: row.get("images_per_s") for row in line["rows"]}
        own = max((rate or 0 for engine, rate in rates.items() if engine.startswith("dreamlet")), default=0)
        eager = rates.get("PyTorch eager")
        cells = [f"{rates[engine]:.0f}" if rates.get(engine) else "-" for engine in engines]
        ratio = f"{own / eager:.2f}" if eager else "-"
        lines.append(f"| {line['preset']} | {line['size']}x{line['size']}x{line['channels']} | {line['batch']} | {' | '.join(cells)} | {ratio} |")
    return "\n".join(lines)


def equal_runs(programs, args, left):
    """Whether two equal runs of 50 steps give the same weights, on each program's device."""
    result = {}
    for name, (program, device) in programs.items():
        weights = []
        for turn in ("first", "second"):
            out = args.out / f"equal-{name}-{turn}"
            run([program, "train", "dcgan", "--data", "glyphs", "--device", device, "--seed", "0", "--steps", "20" if args.rehearse else "50",
                 "--out", str(out), *(["--size", "16"] if args.rehearse else [])], min(left(), 60))
            files = sorted(out.glob("*/checkpoints/*/*generator*")) + sorted(out.glob("*/checkpoints/*/*discriminator*"))
            weights.append([file.read_bytes() for file in files])
        result[name] = bool(weights[0]) and weights[0] == weights[1]
    return result


def whole_run(programs, args, left):
    """`train dcgan` to its end, then its Fréchet distance."""
    name, (program, device) = next(iter(programs.items()))
    out = args.out / "runs"
    steps = ["--steps", "20"] if args.rehearse else []
    say(f"train dcgan --data {args.data} with {name}")
    trained = run([program, "train", "dcgan", "--data", args.data, "--device", device, "--seed", "0", "--out", str(out), *steps], left())
    result = {"program": name, "seconds": trained["seconds"], "status": trained["status"], "utilisation": trained["utilisation"],
              "memory_mib": trained["memory_mib"], "last_words": (trained["out"] + trained["err"])[-1500:]}
    runs = sorted(out.glob("0*"))
    if trained["status"] == 0 and runs:
        report = args.out / "eval.json"
        samples = ["--samples", "200"] if args.rehearse else []
        evaluated = run([program, "eval", str(runs[-1]), "--json", str(report), *samples], left())
        result["eval"] = json.loads(report.read_text()) if report.exists() else evaluated["err"][-500:]
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", action="append", required=True, metavar="DEVICE=PATH", help="a built dreamlet, for --device DEVICE")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--data", default="mnist", help="of the run to its end")
    parser.add_argument("--seconds", type=int, default=2, help="for each measurement of a step")
    parser.add_argument("--minutes", type=float, default=9, help="for everything")
    parser.add_argument("--rehearse", action="store_true", help="tiny sizes, a run of 20 steps")
    args = parser.parse_args()
    programs = {}
    for word in args.program:
        device, _, path = word.partition("=")
        programs[device] = (str(pathlib.Path(path).resolve()), device)
    args.out.mkdir(parents=True, exist_ok=True)

    def left():
        return args.minutes * 60 - (time.monotonic() - BEGIN)

    result = {"gpu": query("--query-gpu=name,driver_version,memory.total", "--format=csv,noheader").strip() or None,
              "machine": platform.platform(), "python": sys.version.split()[0], "pytorch": torch and torch.__version__,
              "devices": {}, "proof": {}, "steps": [], "left_out": []}

    def save():
        (args.out / "gpu.json").write_text(json.dumps(result, indent=1, default=str) + "\n")
        (args.out / "gpu.md").write_text(f"{result['gpu'] or result['machine']}, images/s\n\n{table(result)}\n")

    presets = ["vae-dense"] if args.rehearse else []
    for name, (program, device) in programs.items():
        result["devices"][name] = run([program, "train", "--device", "list"], 60)["out"]
        say(f"proof with {name}")
        found = run([program, "prove", *presets, "--device", device, "--json"], min(left(), 120))
        cases = json_lines(found["out"])
        unequal = [case for case in cases if case["difference"]]
        result["proof"][name] = {"status": found["status"], "seconds": found["seconds"], "cases": cases, "err": found["err"]}
        say(f"{len(cases)} cases, {len(unequal)} of them unequal, status {found['status']}")
        save()
    if torch is not None and torch.cuda.is_available():
        pytorch_training.DEVICE = torch.device("cuda")
    elif torch is not None:
        torch.set_num_threads(os.cpu_count() or 1)
    shapes = [("dcgan", 16, 1, 8), ("vae-conv", 16, 3, 8)] if args.rehearse else SHAPES
    whole = None
    for i, shape in enumerate(shapes):
        # The whole run comes after the shapes of batch 256.
        if whole is None and i == min(8, len(shapes) - 1):
            whole = result["run"] = whole_run(programs, args, left)
            result["equal_runs"] = equal_runs(programs, args, left)
            say(f"two equal runs give equal weights: {result['equal_runs']}")
            save()
        if left() < 20:
            result["left_out"].append(shape)
            continue
        say(" ".join(map(str, shape)))
        rows = [pytorch_step(shape, args.seconds, False)] if torch else []
        rows += [dreamlet_step(name, device, program, shape, args.seconds, min(left(), 60)) for name, (program, device) in programs.items()]
        if torch and (shape in COMPILED or args.rehearse) and left() > 90:
            rows.append(pytorch_step(shape, args.seconds, True))
        result["steps"].append(dict(zip(("preset", "size", "channels", "batch"), shape)) | {"rows": rows})
        save()
    save()
    print((args.out / "gpu.md").read_text())
    if result["left_out"]:
        say(f"no time was left for {result['left_out']}")


if __name__ == "__main__":
    main()
