"""The appearance of colours to colour-blind people, and the differences between them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

# Machado, Oliveira & Fernandes (2009), IEEE Trans Vis Comput Graph 15, 1291, severity 1.0; on linear RGB.
MATRICES = {
    "none": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
# IEC 61966-2-1: linear sRGB to CIE XYZ; white point D65.
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = np.array([0.95047, 1.0, 1.08883])


def lab(colours: Float, seen_with: str) -> Float:
    """CIE L*a*b* (n, 3) of sRGB colours (n, 3) in [0, 1], for a person with this colour vision."""
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ MATRICES[seen_with].T, 0, 1)
    ratio = seen @ TO_XYZ.T / WHITE
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack(
        [
            116 * root[:, 1] - 16,
            500 * (root[:, 0] - root[:, 1]),
            200 * (root[:, 1] - root[:, 2]),
        ],
        axis=1,
    )


def from_hex(colours: tuple[str, ...]) -> Float:
    """sRGB (n, 3) in [0, 1] of colours such as "#0072B2"."""
    return np.array([[int(each[i : i + 2], 16) / 255 for i in (1, 3, 5)] for each in colours])


def smallest_distance(colours: Float, seen_with: str) -> float:
    """The smallest CIE 1976 difference between two of the colours, for a person with this colour vision."""
    seen = lab(colours, seen_with)
    distances = np.linalg.norm(seen[:, None] - seen[None], axis=2)
    return float(distances[np.triu_indices(len(seen), 1)].min())
