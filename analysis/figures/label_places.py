"""Place labels so that they overlap neither each other nor the points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Candidate directions from a point: sides first, then diagonals; each is tried at several distances.
DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
REACHES = (1.0, 1.6, 2.5, 4.0)


@dataclass(frozen=True)
class Box:
    """A rectangle, given by its centre and size."""

    x: float
    y: float
    width: float
    height: float

    def nearest(self, x: float, y: float) -> tuple[float, float]:
        """The place inside the box that is nearest to a point."""
        half_x, half_y = self.width / 2, self.height / 2
        return (
            min(max(x, self.x - half_x), self.x + half_x),
            min(max(y, self.y - half_y), self.y + half_y),
        )

    def overlap(self, other: Box) -> float:
        """The area of the intersection of both boxes."""
        across = (self.width + other.width) / 2 - abs(self.x - other.x)
        along = (self.height + other.height) / 2 - abs(self.y - other.y)
        return max(0.0, across) * max(0.0, along)

    def beyond(self, room: Box) -> float:
        """How far the box extends beyond `room`, weighted by its size."""
        out_x = max(0.0, abs(self.x - room.x) + self.width / 2 - room.width / 2)
        out_y = max(0.0, abs(self.y - room.y) + self.height / 2 - room.height / 2)
        return out_x * self.height + out_y * self.width


def label_places(
    points: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    obstacles: Sequence[tuple[float, float]],
    *,
    room: Box,
    gap: float,
) -> list[tuple[float, float]]:
    """The centre of the label of each point, in the unit of the points.

    Parameters
    ----------
    points : the points to label. sizes : width and height of each label.
    obstacles : points that labels should not hide, including `points`.
    room : the area for labels. gap : distance from a point to its label, and half the size of an obstacle.
    """
    taken = [Box(x, y, 2 * gap, 2 * gap) for x, y in obstacles]
    placed: list[Box] = []
    for (x, y), (width, height) in zip(points, sizes, strict=True):
        candidates = [
            Box(
                x + across * (width / 2 + gap * reach),
                y + along * (height / 2 + gap * reach),
                width,
                height,
            )
            for reach in REACHES
            for across, along in DIRECTIONS
        ]
        # Overlapping another label is worst. Among equal candidates the first, nearest one wins.
        placed.append(
            min(
                candidates,
                key=lambda box: (
                    10 * sum(box.overlap(other) for other in placed)
                    + 10 * box.beyond(room)
                    + sum(box.overlap(other) for other in taken)
                    + 1e-3 * (abs(box.x - x) + abs(box.y - y)) * gap
                ),
            )
        )
    return [(box.x, box.y) for box in placed]
