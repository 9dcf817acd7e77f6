"""A small study as the content of a report, and a reader of the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from one_format import one_format
from voxel_rows import encodings, partitions
from watched_pages import shared_page, watched

from alignhouse.analysis.figures.best_layer import best_layer_by_group
from alignhouse.analysis.figures.catalog import Drawn
from alignhouse.analysis.report.content import ReportContent
from alignhouse.analysis.report.page import write_report
from alignhouse.analysis.report.pictures import Planned
from alignhouse.warehouse.progress import Progress

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

NETWORKS = (
    ("AlexNet", "image-in1k", "CNNs"),
    ("ViT", "image-in1k", "Transformers"),
    ("TSN", "video-k400", "CNNs"),
)
REGIONS = (("V1", "early", 0), ("V2", "early", 1), ("MT", "lateral", 15))
Content = Callable[..., ReportContent]


@pytest.fixture(scope="session")
def content() -> Content:
    """`content(remark=..., protocols=..., **fields)`: a study of three networks and three regions.

    The best layer's rho in V1 is .1 for AlexNet, .2 for ViT, .3 for TSN; .01 less in V2, .02 less in MT. Each
    network has two layers: conv, with half of that, and fc.
    """

    def build(
        *, remark: str = "", protocols: tuple[str, ...] = ("sound",), best_network: str = "TSN", **fields: Any
    ) -> ReportContent:
        names = {"TSN": best_network}
        place_keys = ("protocol", "dataset", "split", "roi", "roi_group", "roi_order", "remark")
        places: list[dict[str, Any]] = [
            {"protocol": protocol, "dataset": "bmd", "split": "test"}
            | {"roi": roi, "roi_group": group, "roi_order": order, "remark": ""}
            for protocol in protocols
            for roi, group, order in REGIONS
        ]
        best = [
            place
            | {"model": names.get(model, model), "model_type": model_type, "arch_type": arch_type}
            | {"layer": "fc" if place["protocol"] == "sound" else "conv", "depth": 0.75, "p_value": 0.0004}
            | {"rho": 0.1 * (n + 1) - 0.01 * ["V1", "V2", "MT"].index(place["roi"])}
            | {"family": "f", "training_dataset": "d", "objective": "o", "sem": 0.01}
            | {"rho_lower": 0.0, "rho_upper": 0.4, "q_value": 0.04, "p_family": 0.06}
            | {"share_of_ceiling": 0.5, "chosen_layer": "fc", "chosen_rho": 0.05}
            for place in places
            for n, (model, model_type, arch_type) in enumerate(NETWORKS)
        ]
        ranked = [
            {key: row[key] for key in (*place_keys, "model", "model_type", "arch_type", "rho")}
            | {"place": place, "mean_place_in_group": place, "mean_place": place, "n_regions": 3}
            for row in best
            for place in [3.0 - [names.get(model, model) for model, _, _ in NETWORKS].index(row["model"])]
        ]
        depth = [
            {key: row[key] for key in (*place_keys, "model", "model_type", "arch_type")}
            | {"depth": at, "rho": at * row["rho"]}
            for row in best
            for at in (0.0, 1.0)
        ]
        made = ReportContent(
            title="A small study",
            remark=remark,
            best_layer=pl.DataFrame(best),
            noise_ceiling=pl.DataFrame(
                [
                    place
                    | {"lower": 0.35, "upper": 0.4, "p_value": 0.001, "is_reliable": True, "n_subjects": 10}
                    for place in places
                ]
            ),
            depth_profile=pl.DataFrame(depth),
            networks=pl.DataFrame(
                [
                    {
                        "model": names.get(model, model),
                        "family": "f",
                        "parameters": 61_100_840,
                        "gflops": 0.714,
                    }
                    for model, _, _ in NETWORKS
                ]
            ),
            group_answers={
                "alignment_by_model_type": pl.DataFrame(
                    {"roi": ["V1"], "median_rho": [0.25], "p_value": [0.0001]}
                )
            },
            settings={
                "analysis": {"permutations": 1000, "protocols": list(protocols)},
                "brain": {"path": None},
            },
            protocols={
                name: {"description": f"What {name} is.", "null": {"p_value": name, "seed": 0}}
                for name in protocols
            },
            inputs=pl.DataFrame(
                {"kind": ["betas"], "name": ["a.pkl"], "sha256": ["ab" * 32], "bytes": [12_345_678]}
            ),
            run={"version": "0.1.0"},
            group_by=["model_type"],
            leaderboard=pl.DataFrame(ranked),
            layer_score=pl.DataFrame(
                [
                    {key: row[key] for key in (*place_keys, "model")}
                    | {"layer": layer, "layer_index": index, "depth": 0.75 * index, "rho": share * row["rho"]}
                    for row in best
                    for index, (layer, share) in enumerate((("conv", 0.5), ("fc", 1.0)))
                ]
            ),
            stimuli="102 videos",
        )
        return replace(made, **fields)

    return build


@pytest.fixture(scope="session")
def write() -> Callable[..., Path]:
    """`write(content, folder)`: the page, with two figures a protocol that are drawn from its own frames.

    briefly : writes figures as SVG alone, for tests whose subject is not the files of the figures.
    n_figures : draws only so many figures a protocol.
    """

    def written(
        made: ReportContent,
        folder: Path,
        progress: Progress | None = None,
        *,
        briefly: bool = False,
        n_figures: int = 2,
    ) -> Path:
        figures = {protocol: planned[:n_figures] for protocol, planned in _figures(made).items()}
        with one_format() if briefly else nullcontext():
            return write_report(made, folder, progress, figures=figures)

    return written


def _figures(made: ReportContent) -> dict[str, list[Planned]]:
    frames = [
        frame if frame.is_empty() else frame.with_columns(remark=pl.lit(made.remark))
        for frame in (made.best_layer, made.noise_ceiling)
    ]

    def draw(protocol: str, group_by: str, progress: Progress, widths: Sequence[float]) -> list[Drawn]:
        return [
            Drawn(
                "best_layer",
                f"Best layer by {group_by}",
                "Points.",
                best_layer_by_group(*frames, protocol=protocol, group_by=group_by, width=width),
            )
            for width in widths
        ]

    return {
        protocol: [
            Planned(f"{protocol} best layer by {group_by}", "Best layers.", partial(draw, protocol, group_by))
            for group_by in ("model_type", "arch_type")
        ]
        for protocol in made.protocols
    }


@pytest.fixture(scope="session")
def url(content: Content, write: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report of two protocols and a voxel encoding; AlexNet has no score in V1 under `sound`."""
    made = content(
        encoding=encodings(("AlexNet", "V1", 0.3), ("TSN", "V1", 0.2), ("TSN", "MT", 0.4)),
        variance_partition=partitions(("AlexNet", "V1", 0.3, 0.1), ("TSN", "V1", 0.2, 0.1)),
        encodings={"sound-encoding": {"encoding": {"refits": 7}}},
        protocols=("paper", "sound"),
        remark="synthetic brains",
        networks=pl.DataFrame({"model": ["ViT", "AlexNet", "TSN"], "gflops": [17.5, None, 0.714]}),
        group_answers={
            "alignment_by_model_type": pl.DataFrame(
                {"roi": ["V1", "V1"], "model_type": ["image-in1k", "video-k400"], "median_rho": [0.15, 0.3]}
            )
        },
    )
    lacking = (pl.col("model") == "AlexNet") & (pl.col("roi") == "V1") & (pl.col("protocol") == "sound")
    made = replace(made, leaderboard=made.leaderboard.filter(~lacking), group_by=["model_type", "arch_type"])
    address: str = write(made, tmp_path_factory.mktemp("browser"), briefly=True).as_uri()
    return address


@pytest.fixture(scope="session")
def desktop(chromium: Browser) -> Iterator[Tab]:
    with shared_page(chromium) as page:
        yield page


@pytest.fixture
def visit(chromium: Browser, desktop: Tab, url: str) -> Iterator[Callable[..., Tab]]:
    """`visit(**options)`: the report, all parts unfolded; fails if the page had an error during the test.

    folded : leaves the page as it opens. Options, as of a phone, ask for a window of its own.
    """
    with watched(chromium, desktop) as watch:

        def open_page(*, folded: bool = False, **options: Any) -> Tab:
            page = watch.open(**options)
            page.goto(url)
            if not folded:
                page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
            return page

        yield open_page
        desktop.emulate_media(media="null", color_scheme="null")
    assert {each for each in watch.requests if not each.startswith("data:")} == {url}


class Page(HTMLParser):
    """The content of a page: its links, its texts by element, its headings in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.elements.append((tag, given))
        self.links += [
            str(given[name]) for name in ("src", "href", "action", "srcset", "data") if name in given
        ]
        if tag not in ("meta", "link", "img", "input", "source"):
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self._open):
            self.texts[tag][-1] += data


@pytest.fixture(scope="session")
def read() -> Callable[[str], Page]:
    return Page
