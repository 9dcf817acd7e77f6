"""The objects of the demo clips, one painter per category.

A painter is created once per clip with a random generator, which sets its traits (colours, proportions,
poses). It is then called for each frame with a pen at the object's position and the time in seconds.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from alignhouse.demo.shapes import Array, Colour, Pen, Rng, between, cloud, colour_of, darker, sampled, tone

ObjectPainter = Callable[[Pen, float], None]

RIPPLE_SIDE = 256


def face(rng: Rng) -> ObjectPainter:
    """A head seen from the front: the gaze wanders, the mouth opens and closes."""
    skin = colour_of(rng.uniform(0.04, 0.09), rng.uniform(0.3, 0.6), rng.uniform(0.4, 0.95))
    hair, iris, shirt = tone(rng, (0.1, 0.7), (0.05, 0.6)), tone(rng), tone(rng)
    lips = colour_of(0.98, 0.5, 0.8 * skin[0])
    wide, eye_gap, brow = rng.uniform(0.62, 0.78), rng.uniform(0.24, 0.34), rng.uniform(-0.05, 0.05)
    long_hair, rate, phase = rng.random() < 0.5, rng.uniform(1, 3), rng.uniform(0, 2 * np.pi)

    def paint(pen: Pen, time: float) -> None:
        swing = np.sin(2 * np.pi * rate * time + phase)
        pen.box(0, 1.35, 0.95, 0.45, shirt, round_by=0.35)
        pen.box(0, 0.9, 0.24, 0.3, darker(skin, 0.8))
        pen.ellipse(0, -0.2 if not long_hair else 0.1, wide + 0.14, 0.9 if not long_hair else 1.1, hair)
        pen.ellipse(0, 0.05, wide, 0.9, skin, shade=0.18)
        pen.ellipse(0, -0.72, wide * 0.85, 0.26, hair)
        for side in (-1, 1):
            pen.ellipse(side * eye_gap, -0.12, 0.15, 0.085, (0.95, 0.95, 0.93), shade=0)
            pen.ellipse(side * eye_gap + 0.05 * swing, -0.12, 0.075, 0.08, iris, shade=0)
            pen.ellipse(side * eye_gap + 0.05 * swing, -0.12, 0.035, 0.04, (0.02, 0.02, 0.02), shade=0)
            brows = (side * (eye_gap - 0.15), -0.32 + brow), (side * (eye_gap + 0.15), -0.32 - brow)
            pen.limb(*brows, 0.035, 0.02, hair)
        pen.limb((0.0, -0.1), (0.06, 0.22), 0.03, 0.06, darker(skin, 0.85))
        pen.ellipse(0, 0.5, 0.24, 0.05 + 0.07 * abs(swing), lips)
        pen.ellipse(0, 0.5, 0.17, 0.01 + 0.05 * abs(swing), (0.2, 0.05, 0.05), shade=0)

    return paint


def body(rng: Rng) -> ObjectPainter:
    """A person walking in profile."""
    skin = colour_of(rng.uniform(0.04, 0.09), rng.uniform(0.3, 0.6), rng.uniform(0.4, 0.95))
    top, trousers, hair = (
        tone(rng, (0.3, 0.9)),
        tone(rng, (0.1, 0.7), (0.1, 0.6)),
        tone(rng, (0.1, 0.6), (0.05, 0.4)),
    )
    rate, phase, stride = rng.uniform(1.2, 2.6), rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 0.75)
    lean, raised = rng.uniform(-0.05, 0.15), rng.uniform(0.1, 2.2)

    def two_parts(
        pen: Pen,
        start: tuple[float, float],
        angle: float,
        bend: float,
        length: float,
        colours: tuple[Colour, Colour],
    ) -> None:
        knee = (start[0] + length * np.sin(angle), start[1] + length * np.cos(angle))
        foot = (knee[0] + length * np.sin(angle + bend), knee[1] + length * np.cos(angle + bend))
        pen.limb(start, knee, 0.115, 0.085, colours[0])
        pen.limb(knee, foot, 0.085, 0.055, colours[1])

    def paint(pen: Pen, time: float) -> None:
        swing = np.sin(2 * np.pi * rate * time + phase)
        far = darker(trousers, 0.7), darker(trousers, 0.65)
        pen = pen.at(0, 0, scale=1.25)
        shoulder, hip = (lean, -0.5), (0.0, 0.15)
        two_parts(pen, shoulder, stride * swing, 0.4, 0.3, (darker(top, 0.7), skin))
        two_parts(pen, hip, -stride * swing, -0.35 - 0.3 * swing, 0.42, far)
        pen.limb(shoulder, hip, 0.2, 0.16, top)
        two_parts(pen, hip, stride * swing, -0.35 + 0.3 * swing, 0.42, (trousers, trousers))
        two_parts(pen, shoulder, -stride * swing + raised, 0.5, 0.3, (top, skin))
        pen.limb((lean, -0.62), (lean + 0.02, -0.75), 0.07, 0.07, skin)
        pen.ellipse(lean + 0.03, -0.9, 0.15, 0.18, skin)
        pen.ellipse(lean - 0.02, -0.96, 0.16, 0.14, hair)

    return paint


def building(rng: Rng) -> ObjectPainter:
    """Three or four houses side by side, with windows and roofs."""
    houses = []
    edge = -1.5
    for _ in range(int(rng.integers(3, 5))):
        half, height = rng.uniform(0.32, 0.5), rng.uniform(0.6, 1.5)
        windows = (int(rng.integers(2, 4)), int(rng.integers(2, 6)))
        lit = rng.random(windows) < 0.4
        wall, roof = tone(rng, (0.05, 0.45), (0.4, 0.9)), tone(rng, (0.2, 0.7), (0.2, 0.5))
        houses.append((edge + half, half, height, lit, wall, roof, rng.random() < 0.5))
        edge += 2 * half + rng.uniform(0, 0.08)
    glass, lamp = colour_of(0.58, 0.35, 0.3), colour_of(0.13, 0.4, 0.95)

    def paint(pen: Pen, time: float) -> None:
        for centre, half, height, lit, wall, roof, gabled in houses:
            top = 0.9 - height
            if gabled:
                for step in np.linspace(0, 1, 5):
                    pen.box(centre, top - 0.3 * step, half * (1.08 - step), 0.06, roof, shade=0)
            pen.box(centre, top + height / 2, half, height / 2, wall)
            pen.box(centre + 0.8 * half, top + height / 2, 0.2 * half, height / 2, darker(wall, 0.7))
            pen.box(centre, top, half * 1.05, 0.035, roof, shade=0)
            columns, rows = lit.shape
            for column in range(columns):
                for row in range(rows):
                    u = centre - 0.1 * half + half * 0.8 * ((column + 0.5) / columns * 2 - 1)
                    v = top + height * (row + 0.6) / (rows + 0.4)
                    size = (0.42 * half / columns, 0.26 * height / rows)
                    pen.box(u, v, size[0] + 0.015, size[1] + 0.015, (0.9, 0.9, 0.88), shade=0)
                    pen.box(u, v, *size, lamp if lit[column, row] else glass, shade=0.3)

    return paint


def plant(rng: Rng) -> ObjectPainter:
    """A branching plant: each twig splits in two or three, the outer ones carry leaves."""
    bark, leaf = (
        colour_of(rng.uniform(0.06, 0.11), 0.5, rng.uniform(0.2, 0.5)),
        tone(rng, (0.4, 0.9), (0.3, 0.8)),
    )
    leaf = (leaf[0] * 0.6, max(leaf[1], 0.45), leaf[2] * 0.6) if rng.random() < 0.7 else leaf
    rate, phase, slim = rng.uniform(0.8, 2.5), rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 0.7)
    twigs: list[tuple[int, float, float, int]] = [(-1, 0.0, 0.5, 0)]
    for parent, (_, _, length, depth) in enumerate(twigs):
        if depth < 4:
            for turn in np.linspace(-slim, slim, int(rng.integers(2, 4))):
                twigs.append(
                    (parent, turn + rng.uniform(-0.15, 0.15), length * rng.uniform(0.68, 0.84), depth + 1)
                )
        if len(twigs) > 90:
            break

    def paint(pen: Pen, time: float) -> None:
        sway = 0.09 * np.sin(2 * np.pi * rate * time + phase)
        ends: list[tuple[float, float, float]] = []
        for parent, turn, length, depth in twigs:
            u, v, heading = ends[parent] if parent >= 0 else (0.0, 1.0, 0.0)
            heading += turn + sway * (1 + 0.3 * depth)
            tip = (u + length * np.sin(heading), v - length * np.cos(heading))
            pen.limb((u, v), tip, 0.075 * 0.65**depth, 0.05 * 0.65**depth, bark)
            ends.append((tip[0], tip[1], heading))
        for (u, v, heading), (_, _, _, depth) in zip(ends, twigs, strict=True):
            if depth >= 2:
                pen.at(u, v, angle=heading).ellipse(0, 0, 0.06, 0.12, leaf, shade=0.4)

    return paint


def vehicle(rng: Rng) -> ObjectPainter:
    """A car or a van from the side; its wheels turn."""
    paintwork, glass = tone(rng, (0.3, 0.95), (0.4, 0.95)), colour_of(0.56, 0.3, rng.uniform(0.3, 0.7))
    van, length = rng.random() < 0.4, rng.uniform(1.0, 1.2)
    roof, turns = rng.uniform(0.26, 0.36), rng.uniform(1.0, 3.0)
    rim = tone(rng, (0, 0.2), (0.6, 0.9))

    def paint(pen: Pen, time: float) -> None:
        if van:
            pen.box(-0.1, -0.3, length * 0.85, 0.42, paintwork, round_by=0.1)
        else:
            pen.box(-0.08, -0.2, length * 0.58, roof, paintwork, round_by=0.2)
        for u in (-0.42, 0.28):
            pen.box(u, -0.3, 0.27, 0.15, glass, round_by=0.06, shade=-0.4)
        pen.box(0, 0.12, length, 0.24, paintwork, round_by=0.12)
        pen.box(0, 0.28, length * 0.97, 0.06, darker(paintwork, 0.45), shade=0)
        pen.box(length - 0.08, 0.06, 0.07, 0.06, (0.98, 0.95, 0.7), round_by=0.03, shade=0)
        pen.box(0.05 - length, 0.06, 0.06, 0.06, (0.8, 0.1, 0.1), round_by=0.03, shade=0)
        for u in (-0.6 * length, 0.6 * length):
            wheel = pen.at(u, 0.36, angle=2 * np.pi * turns * time)
            wheel.ellipse(0, 0, 0.22, 0.22, (0.06, 0.06, 0.07))
            wheel.ellipse(0, 0, 0.13, 0.13, rim, shade=0)
            for spoke in np.arange(3) * np.pi / 3:
                tip = (0.12 * np.cos(spoke), 0.12 * np.sin(spoke))
                wheel.limb((-tip[0], -tip[1]), tip, 0.018, 0.018, (0.15, 0.15, 0.15))

    return paint


def texture(rng: Rng) -> ObjectPainter:
    """A large round window on a drifting grating, plaid, field of dots or rippled surface."""
    kind = str(rng.choice(["grating", "plaid", "dots", "ripples"]))
    dark, light = tone(rng, (0.2, 0.9), (0.05, 0.4)), tone(rng, (0.05, 0.6), (0.6, 1.0))
    cycles, angle, drift = rng.uniform(1.5, 5.0), rng.uniform(0, 2 * np.pi), rng.uniform(1.0, 4.0)
    image = cloud(rng, RIPPLE_SIDE, 1.2)

    def share(a: Array, b: Array, time: float) -> Array:
        along, across = np.cos(angle) * a + np.sin(angle) * b, np.cos(angle) * b - np.sin(angle) * a
        moving = 2 * np.pi * (cycles * along - drift * time)
        if kind == "grating":
            return 0.5 + 0.5 * np.sin(moving)
        if kind == "plaid":
            return 0.5 + 0.25 * (np.sin(moving) + np.sin(2 * np.pi * cycles * across - 3 * drift * time))
        if kind == "dots":
            return np.clip(3 * np.sin(moving) * np.sin(2 * np.pi * cycles * across) - 0.5, 0, 1)
        bent = sampled(image, 90 * a + 30 * drift * time, 90 * b)
        return 0.5 + 0.5 * np.sin(moving + 2.5 * bent)

    def paint(pen: Pen, time: float) -> None:
        large = pen.at(0, 0, scale=1.4)
        large.ellipse(0, 0, 1.0, 1.0, lambda a, b: between(dark, light, share(a, b, time)), shade=0)

    return paint


PAINTERS: dict[str, Callable[[Rng], ObjectPainter]] = {
    "face": face,
    "body": body,
    "building": building,
    "plant": plant,
    "vehicle": vehicle,
    "texture": texture,
}
