"""What the scripts that time images share: arguments, rounds, the table and the JSON, one form for every engine."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time


def arguments(description):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="ONNX files with one input, [N, z]")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3.0, help="to measure each model and batch for, in each round")
    parser.add_argument("--rounds", type=int, default=1, help="times to go through all models; the times are over all of them")
    parser.add_argument("--between", metavar="COMMAND", help="run before each round, with its number in $ROUND: another program to "
                        "measure in turns, so that what else the machine does falls on both; what it prints goes to standard error")
    parser.add_argument("--json", help="also write the times to this file")
    return parser


def measure(run, seconds):
    """Microseconds of each call of `run` in about `seconds`, after a tenth of that to warm up."""
    end = time.perf_counter() + seconds / 10
    while time.perf_counter() < end:
        run()
    times, begin = [], time.perf_counter()
    while not times or time.perf_counter() - begin < seconds:
        start = time.perf_counter_ns()
        run()
        times.append((time.perf_counter_ns() - start) / 1e3)
    return times


def compare(engine, version, args, cases):
    """Times `cases`, a list of (model, batch, run), and prints the table (standard error) and the JSON (standard output)."""
    times = [[] for _ in cases]
    for number in range(max(1, args.rounds)):
        if args.between:
            environment = {**os.environ, "ROUND": str(number)}
            subprocess.run(args.between, shell=True, check=True, stdout=sys.stderr, env=environment)
        for (_, _, run), rounds in zip(cases, times):
            rounds.append(measure(run, args.seconds))
    result = {"engine": engine, "version": version, "threads": args.threads, "models": []}
    print(f"{engine} {version}, {args.threads} thread(s), microseconds", file=sys.stderr)
    print(f"{'batch':>5} {'median':>9} {'least':>9} {'median/image':>13}  model", file=sys.stderr)
    for (model, batch, _), rounds in zip(cases, times):
        every = [each for one in rounds for each in one]
        row = {"model": model, "batch": batch, "runs": len(every), "median_us": statistics.median(every), "min_us": min(every)}
        if len(rounds) > 1:
            row["rounds"] = [{"runs": len(one), "median_us": statistics.median(one), "min_us": min(one)} for one in rounds]
        result["models"].append(row)
        print(f"{batch:5} {row['median_us']:9.1f} {row['min_us']:9.1f} {row['median_us'] / batch:13.2f}  {model}", file=sys.stderr)
    text = json.dumps(result, indent=2)
    print(text)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            file.write(text + "\n")
