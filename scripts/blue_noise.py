"""Writes runtime/src/ink/blue_noise.bin: 32 by 32 thresholds, by void and cluster.

R. Ulichney, "The void-and-cluster method for dither array generation", 1993. Needs numpy.
"""
import sys

import numpy as np

SIDE, SIGMA = 32, 1.5
rng = np.random.default_rng(1)
distance = np.minimum(np.arange(SIDE), SIDE - np.arange(SIDE))
kernel = np.exp(-(distance[:, None] ** 2 + distance[None] ** 2) / (2 * SIGMA**2))


def energy(points):
    return np.fft.ifft2(np.fft.fft2(points.astype(float)) * np.fft.fft2(kernel)).real


def cluster(points):
    return np.unravel_index(np.argmax(np.where(points, energy(points), -np.inf)), points.shape)


def void(points):
    return np.unravel_index(np.argmin(np.where(points, np.inf, energy(points))), points.shape)


points = np.zeros((SIDE, SIDE), bool)
points.flat[rng.choice(SIDE * SIDE, SIDE * SIDE // 10, replace=False)] = True
while True:
    tight = cluster(points)
    points[tight] = False
    loose = void(points)
    points[loose] = True
    if tight == loose:
        break
ranks = np.zeros((SIDE, SIDE), int)
some = points.copy()
for rank in reversed(range(points.sum())):
    at = cluster(some)
    some[at] = False
    ranks[at] = rank
some = points.copy()
for rank in range(points.sum(), SIDE * SIDE):
    at = void(some)
    some[at] = True
    ranks[at] = rank
sys.stdout.buffer.write((ranks // 4).astype(np.uint8).tobytes())
