"""Activations of a network's layers over images or videos, as arrays with names."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from alignhouse.ingest.features import devices
from alignhouse.ingest.features.dry_pass import choose_by_dry_pass
from alignhouse.ingest.features.inputs import Frames, NetworkInputs
from alignhouse.ingest.features.options import DEFAULTS, How, Video
from alignhouse.ingest.features.recipe import Features, Recipe
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.features.showing import Showing
from alignhouse.ingest.models.build import build_network
from alignhouse.ingest.models.network import Network, WeightsKind
from alignhouse.ingest.models.selection import known_network
from alignhouse.warehouse.errors import BadInput, near_names
from alignhouse.warehouse.sizes import size_in_words

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

    Shown = str | Path | Image | NDArray[np.uint8] | Video

FLOAT32_BYTES = 4


class Activations(Mapping[str, "NDArray[np.float32]"]):
    """Layer -> activations (n, *shape of the layer) float32, in the order of the network's modules.

    Attributes
    ----------
    network, weights : the network's name, and its weights in words.
    conditions : (n,) names of the images: file names without suffix, or image_1, image_2, ...
    """

    def __init__(
        self,
        network: str,
        weights: str,
        conditions: tuple[str, ...],
        layers: Mapping[str, NDArray[np.float32]],
    ) -> None:
        self.network, self.weights, self.conditions = network, weights, conditions
        self._layers = dict(layers)

    def __getitem__(self, layer: str) -> NDArray[np.float32]:
        if layer not in self._layers:
            raise BadInput(
                f"there are no activations of layer {layer!r}", hint=near_names(layer, self._layers)
            )
        return self._layers[layer]

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def __contains__(self, layer: object) -> bool:
        return layer in self._layers

    def __repr__(self) -> str:
        size = size_in_words(sum(each.nbytes for each in self._layers.values()))
        lines = [f"  {name}  {each.shape}" for name, each in self._layers.items()]
        count = f"{len(self.conditions):,} image{'' if len(self.conditions) == 1 else 's'}"
        title = f"<Activations {self.network} ({self.weights}), {count}, {size}>"
        return "\n".join([title, *lines])


def features(
    network: str | Network,
    images: Sequence[Shown] | NDArray[np.uint8],
    *,
    layers: Sequence[str] | None = None,
    weights: WeightsKind = "pretrained",
    seed: int = 0,
    module: torch.nn.Module | None = None,
    settings: ExtractionSettings | None = None,
    device: str = "cpu",
    memory: float = 4e9,
    folder: Path | str | None = None,
) -> Activations:
    """The activations of a network's layers for each image, as the study's RDMs use them.

    Activations of a video are averaged over its frames or clips, and those of a layer that returns tokens or
    crops as separate rows over these.

    Parameters
    ----------
    network : a name in the catalog, or a `Network`.
    images : paths, PIL images, or arrays (height, width, 3) uint8 RGB; also one array (n, height, width, 3).
        Videos are paths, arrays (frames, height, width, 3), or functions that return such arrays.
    layers : names of layers or of modules; None for the network's layers in a study.
    weights : "random" for an untrained network; its `seed`.
    module : the built network, to use it again; None builds it, which may download its weights.
    settings : how stimuli are shown; default: those of the protocol "sound". Settings of RDMs do not matter.
    memory : bytes that the result may take in memory, beside the network and buffers of the same size.
    folder : a folder for one file `LAYER.npy` per layer. The arrays are then memory-mapped, and `memory` does
        not limit them.

    Raises
    ------
    BadInput : an unknown network or layer, missing weights, images of another kind, activations that need
        more than `memory` and no folder, a folder that has such files, or a disk that is too small.
    """
    network = _network(network)
    shown, conditions = _stimuli(images)
    transform, used = None, "weights of the given module"
    if module is None:
        used = weights
        built = build_network(network, weights=weights, seed=seed)
        module, transform = built.module, built.transform
    options = cast(How, DEFAULTS | {"device": device, "memory": memory, "transform": transform})
    module = module.to(device)
    devices.convolutions_last(module)
    recipe = _Collecting(network, module, settings or ExtractionSettings(), options, layers)
    showing = Showing(network, module, options)
    choose_by_dry_pass(network, showing, [recipe], shown[0], options, choosing=layers is None)
    with recipe:
        showing.measure(shown[0], [recipe])
        shapes = recipe.chosen_shapes()
        with _arrays(
            shapes, len(shown), network.name, memory, None if folder is None else Path(folder)
        ) as made:
            recipe.fill(made)
            showing.pass_over(shown, [recipe], lambda number: None)
    return Activations(network.name, used, conditions, made)


class _Collecting(Recipe):
    """Reads the activations of some layers into arrays."""

    def __init__(
        self,
        network: Network,
        module: torch.nn.Module,
        settings: ExtractionSettings,
        options: How,
        layers: Sequence[str] | None,
    ) -> None:
        super().__init__(network, module, settings, options)
        self._wanted = None if layers is None else list(dict.fromkeys(layers))
        if self._wanted is not None:
            modules = [name for name, _ in module.named_modules() if name]
            # Names of single calls, "act@2", and of single tensors, "blocks.3_0", are not of modules.
            called = [name if name in modules else name.partition("@")[0] for name in self._wanted]
            given = [name for name in called if name in modules]
            tapped = {*given, *(self._layers if len(given) < len(self._wanted) else ())}
            self._layers = [name for name in modules if name in tapped]
        self._arrays: Mapping[str, NDArray[np.float32]] = {}
        self._row = 0

    def _check_seen(self) -> None:
        """Accept modules that cannot be read: `chosen_shapes` refuses those that are wanted."""

    def chosen_shapes(self) -> dict[str, tuple[int, ...]]:
        """Layer -> the shape of its activations for one image; call it after `Showing.measure`."""
        if self._wanted is None:
            return self.shapes
        chosen: set[str] = set()
        for wanted in self._wanted:
            found = _tensors_of(wanted, self.shapes)
            if not found:
                known = dict.fromkeys(
                    [*self.shapes, *(name for name, _ in self.module.named_modules() if name)]
                )
                raise BadInput(f"there is no layer {wanted!r}", hint=near_names(wanted, known))
            chosen |= found
        return {name: shape for name, shape in self.shapes.items() if name in chosen}

    def fill(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Keep the activations of the next images in the rows of these arrays."""
        self.taps.keep_only(frozenset(arrays))
        self._arrays, self._row = arrays, 0

    def keep(self, stimulus: str, inputs: NetworkInputs, added: int, features: Features) -> None:
        """Keep the activations of one image."""
        for name, array in self._arrays.items():
            values = features[name]
            if values.numel() != math.prod(array.shape[1:]):
                raise BadInput(
                    f"activations of layer {name} for {stimulus}",
                    expected=f"{math.prod(array.shape[1:])} values, as for the first image",
                    found=values.numel(),
                )
            array[self._row] = values.cpu().numpy().reshape(array.shape[1:])
        self._row += 1


def _tensors_of(wanted: str, names: Iterable[str]) -> set[str]:
    """The layer of that name, or else the layers of all calls and tensors of the module of that name."""
    known = set(names)
    return (
        {wanted}
        if wanted in known
        else {name for name in known if name.startswith(f"{wanted}@") or name.rpartition("_")[0] == wanted}
    )


def _network(network: str | Network) -> Network:
    if isinstance(network, Network):
        return network
    return known_network(network)


def _stimuli(images: Any) -> tuple[list[Video], tuple[str, ...]]:
    """What to show, and the names of the images."""
    if isinstance(images, str | Path) or not hasattr(images, "__len__"):
        raise BadInput(
            "images for activations",
            expected="a list of images",
            found=type(images).__name__,
            hint="for one image, write [image]",
        )
    if not len(images):
        raise BadInput("images for activations", expected="at least one", found="none")
    shown = [_stimulus(image, number) for number, image in enumerate(images, start=1)]
    names = [
        each.stem if isinstance(each, Path) else f"image_{number}"
        for number, each in enumerate(shown, start=1)
    ]
    return shown, tuple(names)


def _stimulus(image: Any, number: int) -> Video:
    if isinstance(image, str | Path):
        path = Path(image)
        if not path.is_file():
            raise BadInput(f"image {number}", expected="a file", found=str(path))
        return path
    if isinstance(image, np.ndarray):
        return partial(_given, image if image.ndim == 4 else image[None])
    if hasattr(image, "convert"):
        return partial(_pixels, image)
    if callable(image):
        return cast(Video, image)
    raise BadInput(
        f"image {number}",
        expected="a path, a PIL image, an array of 8-bit RGB, or a function that returns frames",
        found=type(image).__name__,
    )


def _given(frames: Frames) -> Frames:
    return frames


def _pixels(image: Image) -> Frames:
    return np.asarray(image.convert("RGB"))[None]


@contextmanager
def _arrays(
    shapes: Mapping[str, tuple[int, ...]], n: int, what: str, memory: float, folder: Path | None
) -> Iterator[dict[str, NDArray[np.float32]]]:
    """Empty arrays for the activations, in memory or in files; if the block fails, the files are removed."""
    size = FLOAT32_BYTES * n * sum(math.prod(shape) for shape in shapes.values())
    if folder is None:
        if size > memory:
            raise BadInput(
                f"activations of {what} for {n:,} images, {len(shapes)} layers",
                expected=f"at most {size_in_words(memory)}",
                found=size_in_words(size),
                hint="choose layers=[...], name a folder=..., or allow more memory=...",
            )
        yield {name: np.empty((n, *shape), np.float32) for name, shape in shapes.items()}
        return
    files = {name: folder / f"{quote(name, safe='')}.npy" for name in shapes}
    if there := [file.name for file in files.values() if file.exists()]:
        raise BadInput(f"folder {folder}", expected="none of these files", found=", ".join(there[:5]))
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if size > free:
        raise BadInput(
            f"activations of {what} in {folder}",
            expected=size_in_words(size),
            found=f"{size_in_words(free)} free",
        )
    made: dict[str, np.memmap[Any, np.dtype[np.float32]]] = {}
    try:
        for name, shape in shapes.items():
            made[name] = np.lib.format.open_memmap(files[name], "w+", np.float32, (n, *shape))
        yield {**made}
        for array in made.values():
            array.flush()
            array.setflags(write=False)
    except BaseException:
        for file in files.values():
            file.unlink(missing_ok=True)
        raise
