#!/usr/bin/env python3
"""test-bad-days.py PROGRAM: a disk that is full at any moment, a folder that cannot be written, a run deleted while it trains.

Each time the program ends with status 1, names the file and the reason, leaves no half file, and the run goes on when there is room
again: to the same nets as one that always had room. Small disks are file systems in memory, mounted in a name space of the test's own.
"""

import argparse
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

STEPS = 24
TRAIN = ["train", "vae-dense", "--seed", "5", "--steps", str(STEPS), "--device", "cpu"]
SETS = ["data.size=16", "optimizer.batch=16", "model.hidden=[64]", "training.log_every=1", "training.checkpoint_every=4"]
TRAIN += [word for setting in SETS for word in ("--set", setting)]
wrong = []


def run(program, arguments, cwd, **environment):
    environment = {**os.environ, "DREAMLET_CACHE_DIR": str(cwd / "cache"), **environment}
    return subprocess.run(
        [program, *map(str, arguments)], cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def expect(condition, what, done=None):
    if not condition:
        wrong.append(what)
        print(f"WRONG: {what}" + (f"\n{done.stdout[-500:]}{done.stderr[-1500:]}" if done else ""), flush=True)


def refused(done, what, *words):
    said = done.stderr + done.stdout
    expect(done.returncode == 1, f"{what}: status {done.returncode}, expected 1", done)
    expect("panicked" not in said, f"{what}: it panicked", done)
    for word in words:
        expect(any(part in said for part in word.split("|")), f"{what}: it does not say {word}", done)


class Disk:
    """A file system in memory of so many KiB."""

    def __init__(self, place, kib):
        self.place = place
        place.mkdir()
        self.mount(kib)

    def mount(self, kib, more="", remount=False):
        options = f"{'remount,' if remount else ''}size={kib}k{more}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.place)], check=True)

    def remount(self, kib, more=""):
        self.mount(kib, more, remount=True)

    def end(self):
        subprocess.run(["umount", "--lazy", str(self.place)], check=True)
        self.place.rmdir()


def nets(runs):
    (path,) = runs.iterdir()
    newest = path / "checkpoints" / f"{STEPS:08}"
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in newest.glob("*.bpk")}


def half_files(folder):
    return [path for path in folder.rglob("*") if path.name.endswith((".tmp", ".part"))]


def full_while_training(program, area):
    calm = area / "calm"
    calm.mkdir()
    done = run(program, [*TRAIN, "--out", "runs"], calm)
    expect(done.returncode == 0, "a run with room", done)
    whole = nets(calm / "runs")
    used = sum(path.stat().st_size for path in (calm / "runs").rglob("*") if path.is_file())
    # Before a checkpoint goes there is one more than stays.
    most = 2 * used // 1024
    ends = 0
    for part in range(1, 25):
        kib = 16 + most * part // 24
        disk = Disk(area / "disk", kib)
        done = run(program, [*TRAIN, "--out", disk.place / "runs"], area)
        what = f"training on a disk of {kib} KiB"
        if done.returncode != 0:
            ends += 1
            refused(done, what, "full|No space left|no space left", str(disk.place))
            disk.remount(4 * most)
            runs = list((disk.place / "runs").glob("*"))
            expect(not half_files(disk.place), f"{what}: half files stay: {half_files(disk.place)}", done)
            if runs and any((runs[0] / "checkpoints").glob("*/state.json")):
                done = run(program, ["train", "--resume", runs[0]], area)
            else:
                shutil.rmtree(disk.place / "runs", ignore_errors=True)
                done = run(program, [*TRAIN, "--out", disk.place / "runs"], area)
            expect(done.returncode == 0, f"{what}: it does not go on with room", done)
        if done.returncode == 0:
            expect(nets(disk.place / "runs") == whole, f"{what}: other nets")
        disk.end()
    expect(5 < ends < 24, f"the disk was full in {ends} runs of 24: the sizes are wrong")
    print(f"full while training: {ends} of 24 sizes, from {16 + most // 24} to {16 + most} KiB", flush=True)


def verbs(models, out):
    """Verbs that write, each into `out`."""
    cgan, pico = models / "mnist-cgan/mnist-cgan.onnx", models / "pico/pico.dream"
    return {
        "sample, a sheet": ["sample", pico, "--seeds", "0-99", "--scale", "8", "--out", out / "sheet.png"],
        "sample, a folder": ["sample", pico, "--seeds", "0-99", "--scale", "8", "--out", f"{out}/images/"],
        "sample, an array": ["sample", pico, "--seeds", "0-99", "--out", out / "images.npy"],
        "compile": ["compile", cgan, "--out", out / "model.dream"],
        "explore": ["explore", pico, "--out", out / "page.html"],
        "card --hub": ["card", cgan, "--hub", out / "hub"],
        "card --set": ["card", models / "people/people.onnx", "--set", out / "copy.onnx"],
        "man": ["man", out / "man"],
        "directions": ["directions", cgan, "--sheet", out / "sheet.png", "--out", out / "moved.onnx"],
    }


def full_for_other_verbs(program, area, models):
    for name in verbs(models, area):
        if name == "card --set":
            continue
        disk = Disk(area / "disk", 12)
        done = run(program, verbs(models, disk.place)[name], area)
        refused(done, f"{name} on a full disk", "full|No space left|no space left", str(disk.place))
        left = [path for path in half_files(disk.place)]
        expect(not left, f"{name} on a full disk leaves {left}", done)
        disk.end()
        disk = Disk(area / "disk", 1024)
        disk.remount(1024, ",ro")
        done = run(program, verbs(models, disk.place)[name], area)
        refused(done, f"{name} on a read-only disk", "ead-only", str(disk.place))
        disk.end()
    print("full and read-only for verbs that write", flush=True)


def read_only_run(program, area):
    disk = Disk(area / "disk", 8192)
    done = run(program, [*TRAIN, "--out", disk.place / "runs"], area)
    expect(done.returncode == 0, "a run", done)
    (path,) = (disk.place / "runs").iterdir()
    disk.remount(8192, ",ro")
    done = run(program, ["train", "--resume", path, "--steps", "48"], area)
    refused(done, "resuming a read-only run", "ead-only", str(path))
    # What only reads goes on.
    for arguments in (["export", path, "--out", area / "model.onnx"], ["report", path, "--out", area / "report.html"]):
        done = run(program, arguments, area)
        expect(done.returncode == 0, f"{arguments[0]} of a read-only run", done)
    disk.end()
    print("a read-only run", flush=True)


def deleted_run(program, area):
    out = area / "deleted"
    arguments = [program, *TRAIN[:4], "--steps", "1000000", *TRAIN[6:], "--out", str(out)]
    environment = {**os.environ, "DREAMLET_CACHE_DIR": str(area / "cache")}
    process = subprocess.Popen(arguments, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    until = time.monotonic() + 60
    while not list(out.glob("*/checkpoints/*/state.json")) and time.monotonic() < until:
        time.sleep(0.05)
    shutil.rmtree(out, ignore_errors=True)
    shutil.rmtree(out, ignore_errors=True)
    try:
        said, _ = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
        expect(False, "a run whose folder is gone does not end")
    expect(process.returncode == 1 and "panicked" not in said, f"a deleted run ended with {process.returncode}: {said[-800:]}")
    expect(str(out) in said.splitlines()[-1], f"a deleted run does not name its folder: {said[-300:]}")
    print("a run deleted while it trains", flush=True)


def two_processes(program, area):
    out = area / "two"
    done = run(program, [*TRAIN, "--out", out], area)
    expect(done.returncode == 0, "a run", done)
    (path,) = out.iterdir()
    first = subprocess.Popen(
        [program, "train", "--resume", str(path), "--steps", "1000000"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    newest = path / "checkpoints" / f"{STEPS + 4:08}"
    until = time.monotonic() + 60
    while not list((path / "checkpoints").glob("*[1-9]*")) or (not newest.exists() and time.monotonic() < until and first.poll() is None):
        time.sleep(0.05)
        if any(int(p.name) > STEPS for p in (path / "checkpoints").iterdir() if p.name.isdigit()):
            break
    done = run(program, ["train", "--resume", path, "--steps", "1000000"], area)
    refused(done, "a second process on a run", str(path))
    first.terminate()
    first.wait()
    print("two processes on one run", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    arguments = parser.parse_args()
    if os.environ.get("DREAMLET_OWN_MOUNTS") is None:
        # Mounts that nobody else sees, also without being root.
        own = ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--mount"]
        if subprocess.run([*own, "true"], check=False).returncode != 0:
            print("SKIPPED: this machine lets nobody mount, as many containers do")
            return 0
        os.environ["DREAMLET_OWN_MOUNTS"] = "1"
        os.execvp("unshare", [*own, sys.executable, *sys.argv])
    program = os.path.realpath(arguments.program)
    models = pathlib.Path(__file__).resolve().parent.parent / "models"
    with tempfile.TemporaryDirectory() as area:
        area = pathlib.Path(area)
        full_while_training(program, area)
        full_for_other_verbs(program, area, models)
        read_only_run(program, area)
        deleted_run(program, area)
        two_processes(program, area)
    print(json.dumps({"wrong": len(wrong)}))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
