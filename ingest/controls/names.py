"""The control models that can be made, and what each of them compares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from alignhouse.warehouse.errors import BadInput, near_names

Source = Literal["frames", "annotations", "file"]


@dataclass(frozen=True)
class Control:
    """A control model.

    made_from : frames, annotations or a file. moving : whether it needs videos.
    distance : how two stimuli are compared. description : in words.
    """

    name: str
    made_from: Source
    distance: str
    description: str
    moving: bool = False


CONTROLS = {
    each.name: each
    for each in (
        Control("luminance", "frames", "euclidean", "luminance of the mean frame, 16 x 16"),
        Control("colour", "frames", "euclidean", "red-green and blue-yellow of the mean frame, 16 x 16"),
        Control(
            "luminance_over_time", "frames", "euclidean", "mean luminance of the frames at 16 times", True
        ),
        Control(
            "colour_over_time", "frames", "euclidean", "mean colour of the frames at 16 times", moving=True
        ),
        Control(
            "motion_energy",
            "frames",
            "euclidean",
            "log energy of spatiotemporal Gabor filters, mean over time",
            moving=True,
        ),
        Control("hog", "frames", "euclidean", "histograms of oriented gradients, mean over frames"),
        Control("gist", "frames", "euclidean", "energy of oriented filters in 4 x 4 cells, mean over frames"),
        Control("objects", "annotations", "jaccard", "labels of objects, all annotators together"),
        Control("scenes", "annotations", "jaccard", "labels of scenes, all annotators together"),
        Control("actions", "annotations", "jaccard", "labels of actions, all annotators together"),
        Control("memorability", "annotations", "absolute difference", "memorability scores"),
        Control("sentences", "annotations", "cosine", "words of the descriptions, weighted by TF-IDF"),
        Control("sentence_model", "annotations", "cosine", "descriptions, embedded by sentence-transformers"),
        Control("embeddings", "file", "cosine", "embeddings from a file"),
    )
}
GROUPS = {
    "pixels": ("luminance", "colour", "luminance_over_time", "colour_over_time"),
    "stimuli": tuple(name for name, each in CONTROLS.items() if each.made_from == "frames"),
    "annotations": ("objects", "scenes", "actions", "memorability", "sentences"),
}


def select_controls(include: Sequence[str], *, moving: bool) -> list[Control]:
    """The controls of names and groups, in the order of `CONTROLS`, each once.

    Parameters
    ----------
    moving : whether the stimuli are videos. If not, groups leave out controls that need videos.

    Raises
    ------
    BadInput : an unknown name; or a control that needs videos is named for images.
    """
    chosen = set()
    for name in include:
        if name in GROUPS:
            chosen |= {each for each in GROUPS[name] if moving or not CONTROLS[each].moving}
        elif name not in CONTROLS:
            raise BadInput(
                f"controls.include: there is no control {name!r}", hint=near_names(name, [*CONTROLS, *GROUPS])
            )
        elif CONTROLS[name].moving and not moving:
            raise BadInput(f"controls.include: {name}", expected="stimuli that are videos", found="images")
        else:
            chosen.add(name)
    return [each for name, each in CONTROLS.items() if name in chosen]
