"""Gram matrices of layers that are kept, and the RDMs that derive from them without the features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alignhouse.ingest.features import gram
from alignhouse.ingest.features.distances import rdm_of_rows
from alignhouse.ingest.inner_products import (
    Centering,
    OfInnerProducts,
    centred_rdm_of_gram,
    gram_of_triangle,
    triangle_of,
)

Matrix = NDArray[np.float64]
GRAMS = "grams"
# Up to so many stimuli, Gram matrices are kept unless the study says otherwise: one takes 1 MB then.
MOST_STIMULI = 512


@dataclass(frozen=True)
class LayerGram:
    """What is kept of one layer's features: n stimuli, D features.

    triangle : (n (n + 1) / 2,) float64, the upper triangle with the diagonal, row by row, of the inner
        products of the rows after subtracting each row's mean.
    means : (n,) float64, these means. width : D.
    anchors : (k,) float64, the signs of the principal components, if the layer is reduced to k of them; see
        `gram.anchors_of`.
    """

    triangle: Matrix
    means: Matrix
    width: int
    anchors: Matrix | None = None

    @classmethod
    def of(cls, products: Matrix, means: Matrix, width: int, anchors: Matrix | None = None) -> LayerGram:
        """From the whole Gram matrix (n, n)."""
        return cls(triangle_of(products), means, width, anchors)

    @property
    def products(self) -> Matrix:
        """The whole Gram matrix (n, n), exactly symmetric."""
        return gram_of_triangle(self.triangle, len(self.means))

    def rdm(self, distance: OfInnerProducts, centering: Centering = "none") -> Matrix:
        """The RDM (n (n - 1) / 2,) of the layer: of the component scores if there are anchors.

        Raises
        ------
        BadInput : a pattern has no variance (correlation), or is all zero (cosine).
        """
        if self.anchors is None:
            return centred_rdm_of_gram(self.products, self.means, self.width, distance, centering)
        return rdm_of_rows(self.scores(), distance)

    def scores(self) -> Matrix:
        """The scores of the stimuli on their principal components, (n, k)."""
        if self.anchors is None:
            raise ValueError("no signs of principal components are kept")
        components = gram.principal_components(self.products, self.means, self.width, len(self.anchors))
        return gram.scores_of(*components, gram.signs_of_anchors(components[1], self.anchors))


def kept_bytes(n_stimuli: int) -> int:
    """Bytes of what is kept of one layer, before compression."""
    return 8 * (n_stimuli * (n_stimuli + 1) // 2 + n_stimuli)


def padded_anchors(layers: Sequence[LayerGram]) -> Matrix | None:
    """The anchors of all layers, (layers, most components), with 0 where a layer has fewer; None: none."""
    found = [each.anchors for each in layers if each.anchors is not None]
    if not found:
        return None
    padded = np.zeros((len(found), max(map(len, found))))
    for row, anchors in zip(padded, found, strict=True):
        row[: len(anchors)] = anchors
    return padded
