"""The data that the scripts of a page read, as JSON inside it: a page opened from disk cannot fetch files."""

from __future__ import annotations

from typing import Any

from alignhouse.analysis.site.boards import Board
from alignhouse.analysis.site.content import Site

# Depths and scores of lines are whole thousandths: a line is 84 pixels wide.
THOUSANDTHS = 1000


def board_data(site: Site, board: Board) -> dict[str, Any]:
    """A leaderboard: regions with their ceilings, and networks with score and interval in each region."""
    groups = list(dict.fromkeys(group for _, group in board.regions))
    return {
        **_common(board),
        "groups": groups,
        "networks": [
            [
                part.name,
                site.network_names[part.name],
                part.kind,
                board.fact(part.name, "arch_type"),
                board.fact(part.name, "weights"),
                _mean_place(board, part.name),
                [_mean_place(board, part.name, group) for group in groups],
                [_scores(board, part.name, roi) for roi, _ in board.regions],
            ]
            for part in board.parts
        ],
    }


def compared_data(site: Site, board: Board) -> dict[str, Any]:
    """A board for comparisons: of every network its layers' depths, and in each region its scores.

    A network has its name, the depths of its layers, its regions, and its remark. A region is null or: score,
    lower and upper bound, best layer, its depth, the scores of all layers; then their depths if these differ.
    """
    profiles = _profiles(board)
    networks = {}
    for part in board.parts:
        usual: list[int] | None = None
        rows: list[Any] = []
        for roi, _ in board.regions:
            best = board.best.get((part.name, roi))
            if best is None:
                rows.append(None)
                continue
            depths, scores = profiles.get((part.name, roi), ([], []))
            usual = depths if usual is None else usual
            row = [*_scores(board, part.name, roi), str(best["layer"]), _short(best["depth"]), scores]
            rows.append(row if depths == usual else [*row, depths])
        networks[site.network_names[part.name]] = [part.name, usual or [], rows, board.remarks[part.name]]
    return {**_common(board), "networks": networks}


def _common(board: Board) -> dict[str, Any]:
    levels = {row.get("level") for row in board.best.values()} - {None}
    return {
        "name": board.name,
        "score": board.score,
        "level": levels.pop() if len(levels) == 1 else None,
        "regions": [[roi, group, *_ceiling(board, roi)] for roi, group in board.regions],
    }


def _ceiling(board: Board, roi: str) -> list[Any]:
    """Lower and upper bound, and whether the ceiling was tested and is not above chance."""
    row = board.ceilings.get(roi, {})
    return [_short(row.get("lower")), _short(row.get("upper")), row.get("is_reliable") is False]


def _scores(board: Board, model: str, roi: str) -> list[Any]:
    row = board.best.get((model, roi))
    return [] if row is None else [_short(row.get(name)) for name in ("rho", "rho_lower", "rho_upper")]


def _mean_place(board: Board, model: str, group: str | None = None) -> float | None:
    for roi, its_group in board.regions:
        row = board.places.get((model, roi))
        if row is not None and group in (None, its_group):
            return _short(row["mean_place" if group is None else "mean_place_in_group"])
    return None


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")


def _profiles(board: Board) -> dict[tuple[str, str], tuple[list[int], list[int]]]:
    layers = board.frames["layer_score"]
    if layers.is_empty():
        return {}
    ordered = layers.drop_nulls(["depth", "rho"]).sort("depth", "layer_index")
    grouped = ordered.group_by("model", "roi", maintain_order=True).agg("depth", "rho")
    return {
        (str(model), str(roi)): (_thousandths(depths), _thousandths(rhos))
        for model, roi, depths, rhos in grouped.select("model", "roi", "depth", "rho").iter_rows()
    }


def _thousandths(values: list[float]) -> list[int]:
    return [round(THOUSANDTHS * value) for value in values]
