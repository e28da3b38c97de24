"""Draws the losses of runs of one configuration over each other, as SVG: one curve a run and loss."""

import argparse
import json
import pathlib

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 300, 46, 34, 26
COLOURS = ("#1f6fb4", "#d9572a", "#3c8f4b")


def read(run, name):
    lines = (pathlib.Path(run) / "stats.jsonl").read_text().splitlines()
    return [(line["step"], line[name]) for line in map(json.loads, lines)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", metavar="LABEL=RUN")
    parser.add_argument("--losses", default="d_loss,g_loss")
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    runs = [word.partition("=")[::2] for word in args.runs]
    names = args.losses.split(",")
    curves = [(label, name, read(run, name)) for name in names for label, run in runs]
    values = [y for *_, points in curves for _, y in points]
    low, high = min(values), max(values)
    last = max(x for *_, points in curves for x, _ in points)

    def place(x, y):
        across = LEFT + (WIDTH - LEFT - 10) * x / last
        return f"{across:.1f},{TOP + (HEIGHT - TOP - BOTTOM) * (high - y) / ((high - low) or 1):.1f}"

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>']
    for i in range(5):
        y = low + (high - low) * i / 4
        across, down = place(0, y).split(",")
        parts.append(f'<path d="M{across},{down}H{WIDTH - 10}" stroke="#ddd"/><text x="{LEFT - 6}" y="{float(down) + 4}" text-anchor="end">{y:.2f}</text>')
        x = last * i / 4
        parts.append(f'<text x="{place(x, low).split(",")[0]}" y="{HEIGHT - 14}" text-anchor="middle">{x:.0f}</text>')
    # The first run is broad and pale, so that the others are seen on it.
    for label, name, points in curves:
        first = label == runs[0][0]
        colour = COLOURS[names.index(name) % len(COLOURS)]
        style = f'stroke="{colour}" ' + ('stroke-width="6" stroke-opacity="0.3"' if first else 'stroke-width="1.3"')
        parts.append(f'<polyline fill="none" {style} points="{" ".join(place(*point) for point in points)}"/>')
    keys = [f"{name}: {runs[0][0]} broad, {', '.join(label for label, _ in runs[1:])} thin" for name in names]
    for i, key in enumerate(keys):
        parts.append(f'<text x="{LEFT + 330 * i}" y="16" fill="{COLOURS[i % len(COLOURS)]}">{key}</text>')
    pathlib.Path(args.out).write_text("\n".join(parts) + "\n</svg>\n")


if __name__ == "__main__":
    main()
