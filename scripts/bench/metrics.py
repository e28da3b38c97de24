"""The metrics of `dreamlet eval` again, in Python, from what it dumped.

    dreamlet eval MODEL.onnx --data mnist --json --dump-features DIR > report.json
    python scripts/bench/metrics.py DIR report.json

Fails if a metric differs by more than --tolerance, relative.
"""

import argparse
import json
import pathlib
import sys

import numpy as np
import scipy.linalg
from prdc import compute_prdc
from scipy.ndimage import correlate1d
from scipy.spatial.distance import cdist


def frechet(real, fake):
    """Heusel et al. 2017, as pytorch-fid computes it."""
    a, b = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    root = scipy.linalg.sqrtm(a @ b)
    return ((real.mean(0) - fake.mean(0)) ** 2).sum() + np.trace(a + b - 2 * root.real)


def subsets(real, fake):
    """Disjoint subsets in order, as many of each side."""
    size = max(1, min(1000, min(len(real), len(fake)) // 4))
    for start in range(0, min(len(real), len(fake)) - size + 1, size):
        yield real[start : start + size], fake[start : start + size]


def kernel(real, fake):
    """Bińkowski et al. 2018; mean over subsets and standard error."""
    found = []
    for x, y in subsets(real, fake):
        size = len(x)
        k = lambda p, q: (p @ q.T / p.shape[1] + 1) ** 3
        xx, yy, xy = k(x, x), k(y, y), k(x, y)
        pairs = size * (size - 1)
        found.append((xx.sum() - np.trace(xx)) / pairs + (yy.sum() - np.trace(yy)) / pairs - 2 * xy.mean())
    return np.mean(found), np.std(found, ddof=1) / np.sqrt(len(found))


def inception(probabilities, splits=10):
    """Salimans et al. 2016; mean and standard deviation over parts."""
    rows = len(probabilities) // splits
    scores = []
    for i in range(splits):
        p = probabilities[i * rows : (i + 1) * rows]
        marginal = p.mean(0)
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(p > 0, p * np.log(p / marginal), 0)
        scores.append(np.exp(terms.sum(1).mean()))
    return np.mean(scores), np.std(scores)


def by_torch_fidelity(real, fake, probabilities):
    """The metrics that torch-fidelity has, from the same features and the same parts; nothing where it is not installed."""
    try:
        import torch
        from torch_fidelity import metric_fid, metric_isc, metric_kid
    except ImportError:
        return {}
    statistics = [metric_fid.fid_features_to_statistics(torch.from_numpy(x)) for x in (real, fake)]
    found = {"frechet_distance": metric_fid.fid_statistics_to_metric(*statistics, verbose=False)[metric_fid.KEY_METRIC_FID]}
    polynomial = {"kid_kernel": "poly", "kid_kernel_poly_degree": 3, "kid_kernel_poly_gamma": None, "kid_kernel_poly_coef0": 1}
    found["kernel_distance"] = np.mean([metric_kid.kernel_mmd(x, y, **polynomial) for x, y in subsets(real, fake)])
    if probabilities is not None:
        # It takes logits, and the logarithm of a probability is one.
        logits = torch.from_numpy(np.log(np.maximum(probabilities, 1e-300)))
        score = metric_isc.isc_features_to_metric(logits, splits=10, shuffle=False)
        found["inception_score"] = score[metric_isc.KEY_METRIC_ISC_MEAN]
    return found


def sliced_wasserstein(real, fake, directions):
    n = min(len(real), len(fake))
    flat = lambda x: x[:n].reshape(n, -1).astype(np.float64) / 255
    a, b = np.sort(flat(real) @ directions.T, axis=0), np.sort(flat(fake) @ directions.T, axis=0)
    return np.abs(a - b).mean()


def ms_ssim(pixels, pairs):
    """Wang et al. 2003, with as many scales as an 11x11 window fits into."""
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])
    window = np.exp(-((np.arange(11) - 5.0) ** 2) / (2 * 1.5**2))
    window /= window.sum()

    def smooth(x):
        for axis in (-2, -1):
            x = correlate1d(x, window, axis=axis)
        return x[..., 5:-5, 5:-5]

    x, y = (pixels[pairs[:, i]].astype(np.float64) / 255 for i in (0, 1))
    scales = sum(min(x.shape[-2:]) >> s >= 11 for s in range(5))
    product = np.ones(x.shape[:2])
    for scale in range(scales):
        mx, my = smooth(x), smooth(y)
        contrast = (2 * (smooth(x * y) - mx * my) + 9e-4) / (smooth(x * x) - mx**2 + smooth(y * y) - my**2 + 9e-4)
        if scale + 1 == scales:
            contrast = contrast * (2 * mx * my + 1e-4) / (mx**2 + my**2 + 1e-4)
        term = np.maximum(contrast.mean((-2, -1)), 0)
        product *= term ** (weights[scale] / weights[:scales].sum())
        h, w = x.shape[-2] // 2 * 2, x.shape[-1] // 2 * 2
        halve = lambda v: v[..., :h, :w].reshape(*v.shape[:2], h // 2, 2, w // 2, 2).mean((-3, -1))
        x, y = halve(x), halve(y)
    return product.mean()


def nearest(images, training):
    return np.concatenate([cdist(images[i : i + 500], training).min(1) for i in range(0, len(images), 500)])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("report", type=pathlib.Path)
    parser.add_argument("--tolerance", type=float, default=1e-3)
    args = parser.parse_args()
    report = json.loads(args.report.read_text())
    metrics = {f["key"]: f for f in report["figures"]}

    def load(name):
        path = args.folder / f"{name}.npy"
        return np.load(path) if path.exists() else None

    real, fake = load("real").astype(np.float64), load("fake").astype(np.float64)
    found, errors, probabilities = {}, {}, None
    if "frechet_distance" in metrics:
        found["frechet_distance"] = frechet(real, fake)
    if "kernel_distance" in metrics:
        found["kernel_distance"], errors["kernel_distance"] = kernel(real, fake)
    if "inception_score" in metrics:
        probabilities = load("fake_probabilities").astype(np.float64)
        found["inception_score"], errors["inception_score"] = inception(probabilities)
    if "precision" in metrics:
        overlap = compute_prdc(real, fake, nearest_k=3)
        found |= {key: overlap[key] for key in ("precision", "recall")}
    if "density" in metrics:
        overlap = compute_prdc(real, fake, nearest_k=5)
        found |= {key: overlap[key] for key in ("density", "coverage")}
    if "sliced_wasserstein" in metrics:
        directions = load("directions").astype(np.float64)
        found["sliced_wasserstein"] = sliced_wasserstein(load("real_pixels"), load("fake_pixels"), directions)
    if "ms_ssim" in metrics:
        found["ms_ssim"] = ms_ssim(load("fake_pixels"), load("pairs"))
    if "memorized_ratio_features" in metrics:
        training = load("train").astype(np.float64)
        a, b = nearest(fake, training), nearest(real, training)
        found["memorized_share_features"] = (a < np.quantile(b, 0.01)).mean()
        found["memorized_ratio_features"] = np.median(a) / np.median(b)

    worst = 0.0
    print(f"{'metric':<34} {'dreamlet':>14} {'python':>14} {'relative':>10}")
    rows = [(key, metrics[key]["value"], value) for key, value in found.items()]
    rows += [(f"{key} ±", metrics[key]["error"], value) for key, value in errors.items()]
    others = by_torch_fidelity(real, fake, probabilities)
    rows += [(f"{key}, torch-fidelity", metrics[key]["value"], value) for key, value in others.items() if key in metrics]
    for key, ours, theirs in rows:
        difference = abs(ours - theirs) / max(abs(theirs), 1e-9) if ours != theirs else 0.0
        worst = max(worst, difference)
        print(f"{key:<34} {ours:>14.7g} {theirs:>14.7g} {difference:>10.1e}")
    left = sorted(set(metrics) - set(found))
    print(f"not compared: {', '.join(left) or 'nothing'}")
    if worst > args.tolerance:
        sys.exit(f"the largest relative difference is {worst:.1e}, more than {args.tolerance:.0e}")


if __name__ == "__main__":
    main()
