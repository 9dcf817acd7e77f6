"""The transform of a model of transformers: its own image or video processor.

Importing this module loads no deep-learning library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alignhouse.ingest.models.sources.transformers_files import MODEL_TYPE, Place
from alignhouse.warehouse.errors import BadInput, error_in_words, near_names

if TYPE_CHECKING:
    import torch

PIXELS = ("pixel_values_videos", "pixel_values")


@dataclass(frozen=True)
class ImageInput:
    """PIL image -> (3, height, width) float32. A class, so that it can be sent to other processes.

    processor : an image processor of transformers. network : for errors.
    """

    processor: Any
    network: str

    def __call__(self, image: Any) -> torch.Tensor:
        pixels = _pixels(self.processor(images=image, return_tensors="pt"), self.network)
        if pixels.ndim != 3 or pixels.shape[0] != 3:
            raise BadInput(
                f"transform of network {self.network}: {type(self.processor).__name__}",
                expected="an image of (3, height, width)",
                found=tuple(pixels.shape),
            )
        return pixels


@dataclass(frozen=True)
class ClipInput:
    """(frames, 3, height, width) uint8 of one clip -> (frames, 3, height, width) float32.

    processor : a video processor of transformers. network : for errors.
    """

    processor: Any
    network: str

    def __call__(self, clip: torch.Tensor) -> torch.Tensor:
        # The house has chosen the frames; the processor must not choose among them.
        made = self.processor(videos=[clip], do_sample_frames=False, return_tensors="pt")
        pixels = _pixels(made, self.network)
        if pixels.ndim != 4 or pixels.shape[:2] != (len(clip), 3):
            raise BadInput(
                f"transform of network {self.network}: {type(self.processor).__name__}",
                expected=f"a clip of ({len(clip)}, 3, height, width)",
                found=tuple(pixels.shape),
            )
        return pixels


def saved_processor(
    network: str, place: Place, settings: Mapping[str, Any], *, video: bool, untrained: bool
) -> Any:
    """The processor that the files of a folder describe.

    settings : untrained, they replace those of the files. Trained weights go with the published transform, so
        they must be equal.

    Raises
    ------
    BadInput : transformers cannot read the files, or a setting does not exist or is not equal.
    """
    from transformers import AutoImageProcessor, AutoVideoProcessor

    kind = AutoVideoProcessor if video else AutoImageProcessor
    try:
        found = kind.from_pretrained(place.folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # a description of the study's own may hold anything
        raise BadInput(
            f"transform of network {network}",
            expected=f"a {'video' if video else 'image'} processor of transformers in {place.folder}",
            found=error_in_words(error),
        ) from error
    made = _with_settings(network, found, settings)
    if not untrained:
        published, declared = found.to_dict(), made.to_dict()
        for key in settings:
            if published.get(key) != declared.get(key):
                raise BadInput(
                    f"processor of network {network}",
                    expected=f"{key} = {settings[key]!r}, as declared",
                    found=f"{published.get(key)!r} in {place.folder}",
                    hint="correct the declaration: trained weights go with the published transform",
                )
    return made


def default_processor(
    network: str, model_type: str, config: Any, settings: Mapping[str, Any], *, video: bool
) -> Any:
    """The default processor of a model type, at the size that the configuration of the network expects.

    settings : replace those of the processor.

    Raises
    ------
    BadInput : the type has none, or a setting does not exist.
    """
    from transformers import CONFIG_MAPPING
    from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING
    from transformers.models.auto.video_processing_auto import VIDEO_PROCESSOR_MAPPING

    mapping = VIDEO_PROCESSOR_MAPPING if video else IMAGE_PROCESSOR_MAPPING
    known: Any = mapping.get(CONFIG_MAPPING[model_type], None) or {}
    kind = known.get("torchvision") or known.get("pil")
    if kind is None:
        raise BadInput(
            f"transform of network {network}",
            expected=f"a default {'video' if video else 'image'} processor of {model_type}",
            found="none in transformers",
            hint=f'name a model whose transform it uses, such as transform = "{MODEL_TYPE}dinov2"',
        )
    return _with_settings(network, kind(**_of_size(kind(), _size(config))), settings)


def _with_settings(network: str, processor: Any, settings: Mapping[str, Any]) -> Any:
    """The processor with other settings."""
    if not settings:
        return processor
    described, kind = processor.to_dict(), type(processor)
    what = f"processor of network {network}"
    known = {*described, *getattr(kind.valid_kwargs, "__annotations__", {})}
    for key in settings:
        if key not in known:
            raise BadInput(
                what, expected=f"settings of {kind.__name__}", found=key, hint=near_names(key, known)
            )
    try:
        return kind.from_dict({**described, **settings})
    except Exception as error:  # each processor checks its values in its own way
        raise BadInput(what, expected=f"values of {kind.__name__}", found=error_in_words(error)) from error


def _size(config: Any) -> int | None:
    """The height and width of the images that a network expects, where its configuration says it."""
    for key in ("image_size", "crop_size"):
        size = getattr(config, key, None)
        if isinstance(size, (list, tuple)) and len(set(size)) == 1:
            size = size[0]
        if isinstance(size, int):
            return size
    return None


def _of_size(processor: Any, size: int | None) -> dict[str, Any]:
    """Settings with which a processor's images are `size` x `size`; a crop keeps its share of the image."""
    edges = {key: edge for key, edge in dict(processor.size or {}).items() if edge}
    cropped = dict(getattr(processor, "crop_size", None) or {}) if _crops(processor) else {}
    shown = cropped.get("height") or next(iter(edges.values()), None)
    if size is None or shown is None or shown == size:
        return {}
    by = size / shown
    crop = {"crop_size": {"height": size, "width": size}} if cropped else {}
    return {"size": {key: round(edge * by) for key, edge in edges.items()}, **crop}


def _crops(processor: Any) -> bool:
    return bool(getattr(processor, "do_center_crop", False))


def _pixels(made: Mapping[str, torch.Tensor], network: str) -> torch.Tensor:
    for key in PIXELS:
        if key in made:
            first: torch.Tensor = made[key][0]
            return first
    raise BadInput(f"transform of network {network}", expected=" or ".join(PIXELS), found=", ".join(made))
