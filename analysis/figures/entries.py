"""The list of all figures: name, title, queries, options, and place in the report.

To add a figure, write a query in `sql/figures`, a function that draws the query's answer, and an entry here.
The command line and the report read this list; there is no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from alignhouse.warehouse.errors import BadInput

OPTIONS = ("group_by", "rois", "models", "layers", "other", "most", "stimuli")
InReport = Literal["every protocol", "first protocol", "encoding", "variance partition", "no"]
# Parts of the report, in the order of a paper: where networks align, at which depth, which groups of networks
# align better, what explains it, how robust it is, and the voxels.
Section = Literal["regions", "depth", "groups", "explains", "robustness", "encoding", "variance partition"]


@dataclass(frozen=True)
class Figure:
    """An entry of the catalog.

    Attributes
    ----------
    title, help : the title, and one sentence on what the figure shows.
    draw : "module:name" of the function that draws the figure; imported when it is called.
    queries : names in `sql/figures`; `draw` takes their answers as its first arguments.
    options : the names in OPTIONS that the figure takes.
    few_regions : without requested regions, the figure shows only some of many; see `chosen_regions`.
    by_protocol : networks can also be grouped by protocol.
    names_score : `draw` takes `score`, the name of the protocol's scores on an axis.
    of_sides : regions are named without their hemisphere: V1 stands for lV1 and rV1.
    of_voxels : the figure is of the voxel encoding with the features of the protocol: `sound` and
        `sound-encoding` both name that.
    frames : "module:name" of a function of (warehouse, scope, request, tick) that returns the frames to draw.
        It replaces `queries` for data that are not in tables.
    in_report : "every protocol" draws the figure for each protocol and each grouping of networks. "first
        protocol" draws it once, for the report's first protocol and grouping. "encoding" and "variance
        partition" draw it in that section, for the first grouping. "no" needs `not_in_report`.
    not_in_report : why the report lacks the figure.
    section : the part of the report that shows the figure. further : the part that shows it by the second
        and every further grouping of networks, if that is another one.
    """

    name: str
    title: str
    help: str
    draw: str
    queries: tuple[str, ...] = ()
    options: tuple[str, ...] = ("group_by", "rois", "models")
    few_regions: bool = False
    by_protocol: bool = False
    names_score: bool = True
    of_sides: bool = False
    of_voxels: bool = False
    frames: str | None = None
    in_report: InReport = "first protocol"
    not_in_report: str = ""
    section: Section = "regions"
    further: Section | None = None

    def __post_init__(self) -> None:
        if (self.in_report == "no") != bool(self.not_in_report):
            raise BadInput(
                f"figure {self.name}",
                expected="a place in the report, or in_report='no' with the reason in not_in_report",
                found=f"in_report={self.in_report!r}, not_in_report={self.not_in_report!r}",
            )


FIGURES = (
    Figure(
        "best_layer",
        "Best layer",
        "The best layer of every network in every region: medians of groups, noise ceilings, tests.",
        "alignhouse.analysis.figures.best_layer:best_layer_by_group",
        ("best_layer", "noise_ceiling", "group_pairs"),
        by_protocol=True,
        in_report="every protocol",
        further="groups",
    ),
    Figure(
        "depth",
        "Alignment over depth",
        "The mean alignment of each group of networks from first to last layer, with noise ceilings.",
        "alignhouse.analysis.figures.depth:depth_bands",
        ("depth_band", "noise_ceiling"),
        by_protocol=True,
        in_report="every protocol",
        section="depth",
    ),
    Figure(
        "profile",
        "Brain-region profile",
        "Best-layer scores of all networks in all regions, as a heat map.",
        "alignhouse.analysis.figures.profile:region_profile",
        ("best_layer",),
    ),
    Figure(
        "signature",
        "Signatures of networks",
        "How much better or worse each network aligns with each region than networks do on average.",
        "alignhouse.analysis.figures.profile:signatures",
        ("signature",),
        in_report="no",
        not_in_report="the profile shows the same networks and regions",
    ),
    Figure(
        "ranking",
        "Ranking of networks",
        "Networks ranked by their best layer in a region, with intervals and the score of every subject.",
        "alignhouse.analysis.figures.ranking:ranking",
        ("ranking", "noise_ceiling"),
        ("group_by", "rois", "models", "most"),
        few_regions=True,
    ),
    Figure(
        "depth_networks",
        "Alignment over depth, network by network",
        "Every layer of the best or the requested networks, region by region, with bootstrap intervals.",
        "alignhouse.analysis.figures.depth_networks:depth_of_networks",
        ("layer_score",),
        ("rois", "models", "most"),
        few_regions=True,
        section="depth",
    ),
    Figure(
        "training_dataset",
        "Best layer by training data",
        "Best layers by training data set; lines join the medians of families trained on several data sets.",
        "alignhouse.analysis.figures.training_dataset:by_training_dataset",
        ("training_dataset",),
        section="explains",
    ),
    Figure(
        "complexity",
        "Alignment against size, cost and accuracy",
        "Best layers against parameters, GFLOPs and top-1 accuracy, with regression line and correlation.",
        "alignhouse.analysis.figures.complexity:alignment_against_complexity",
        ("complexity",),
        ("group_by", "rois"),
        few_regions=True,
        section="explains",
    ),
    Figure(
        "protocol_difference",
        "Difference between two protocols",
        "How much higher networks score under one protocol than under another.",
        "alignhouse.analysis.figures.protocol_difference:protocol_difference",
        ("protocol_difference",),
        ("group_by", "rois", "models", "other"),
        section="robustness",
    ),
    Figure(
        "hemispheres",
        "Left and right hemisphere",
        "Best layers in the left and the right part of each region, where the data set has both.",
        "alignhouse.analysis.figures.hemispheres:hemispheres",
        ("hemispheres",),
        ("rois", "models"),
        of_sides=True,
    ),
    Figure(
        "encoding",
        "Voxel encoding",
        "How well the best layer of every network predicts the voxels of every region, with intervals.",
        "alignhouse.analysis.figures.voxel_encoding:encoding_by_region",
        ("encoding",),
        names_score=False,
        of_voxels=True,
        in_report="encoding",
        section="encoding",
    ),
    Figure(
        "encoding_rsa",
        "Voxel encoding beside RSA",
        "The encoding of every network in a region against its alignment by RSA.",
        "alignhouse.analysis.figures.voxel_encoding:encoding_beside_rsa",
        ("encoding",),
        few_regions=True,
        of_voxels=True,
        in_report="encoding",
        section="encoding",
    ),
    Figure(
        "variance_partition",
        "Variance partitioning",
        "The variance of voxels that is unique to networks, unique to control models, and shared.",
        "alignhouse.analysis.figures.variance_partition:partition_by_region",
        ("variance_partition",),
        ("rois", "models"),
        names_score=False,
        of_voxels=True,
        in_report="variance partition",
        section="variance partition",
    ),
    Figure(
        "rdms",
        "RDMs",
        "RDMs of regions, and of the network layers that align best with them, in one order of stimuli.",
        "alignhouse.analysis.figures.rdms:rdm_pictures",
        (),
        ("rois", "models", "layers", "stimuli"),
        few_regions=True,
        frames="alignhouse.analysis.figures.rdm_frames:picture_frames",
        names_score=False,
    ),
    Figure(
        "rdm_map",
        "Map of RDMs",
        "Regions and layers in two dimensions (MDS); similar RDMs lie close together.",
        "alignhouse.analysis.figures.rdm_map:rdm_map",
        (),
        ("rois", "models", "layers"),
        frames="alignhouse.analysis.figures.rdm_frames:map_frames",
        names_score=False,
    ),
)
