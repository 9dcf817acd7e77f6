"""What alignhouse must know about a library to use its networks: the `Source` protocol.

Importing this module loads no deep-learning library.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from alignhouse.ingest.models.declaration import Declaration
from alignhouse.ingest.models.network import Network, WeightsKind
from alignhouse.warehouse.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

TransformStyle = Literal["weights", "squash224"]
# PIL image -> (3, height, width) float32.
ImageTransform = Callable[[Any], "torch.Tensor"]


@dataclass(frozen=True)
class Built:
    """A network that can be shown stimuli.

    module : in evaluation mode, without gradients, on the CPU, once `build.build_network` returns it.
    transform : the network's own input transform; None: use the transform of its source.
    found_weights : identity of the weights, where only building can confirm it (checkpoint files of a study's
        own, functions); it must equal `weights_identity`. Otherwise "".
    """

    module: torch.nn.Module
    transform: Callable[[Any], torch.Tensor] | None = None
    found_weights: str = ""


@dataclass(frozen=True)
class MissingWeights:
    """Why a network's weights are not available, in one line, and how to get them."""

    reason: str
    hint: str


class Source(Protocol):
    """A library of networks, or another place that they come from.

    Attributes
    ----------
    name : as in the catalog's column `source` and in study files.
    keys : those of `declaration.KEYS_OF_SOURCES` that a declaration of this source may set.
    has_random_weights : whether the source can initialise its networks; False: it returns them as they are.
    uses_transform_setting : whether `transform` depends on its argument `style`.
    runs_code_of_declaration : whether an own network of a study names Python code, which is run.
    """

    @property
    def name(self) -> str: ...

    @property
    def keys(self) -> frozenset[str]: ...

    @property
    def has_random_weights(self) -> bool: ...

    @property
    def uses_transform_setting(self) -> bool: ...

    @property
    def runs_code_of_declaration(self) -> bool: ...

    def versions(self) -> dict[str, str]:
        """Package -> installed version, for the packages that decide what a network computes."""

    def check_declaration(self, declared: Declaration) -> None:
        """Check what can be checked without the library.

        Raises
        ------
        ValueError : the declaration contradicts itself.
        """

    def record(self, name: str, declared: Declaration) -> dict[str, Any]:
        """The fields of `Network` that the source finds out, and `transform` and `code` of `network.Own`.

        May import the library.

        Raises
        ------
        BadInput : an unknown identifier (names close matches) or unknown weights.
        """

    def check_record(self, network: Network) -> None:
        """Check a record of the catalog or of a study.

        Raises
        ------
        ValueError : a field that this source needs is missing.
        """

    def build(self, network: Network, weights: WeightsKind, folder: Path | None) -> Built:
        """Build the network on the CPU; random weights come from torch's global generator.

        Parameters
        ----------
        folder : folder of the catalog's checkpoint files; None: `weights_files.weights_folder()`.

        Raises
        ------
        BadInput : weights or a package are missing, cannot be downloaded, or do not fit.
        """

    def weights_identity(self, network: Network, weights: WeightsKind, seed: int) -> str:
        """The identity of the weights in job keys: equal strings mean equal weights."""

    def missing_weights(
        self, network: Network, folder: Path | None, answers: Callable[[str], bool]
    ) -> MissingWeights | None:
        """Why pretrained weights cannot be loaded, or None. Downloads nothing.

        Parameters
        ----------
        folder : as in `build`.
        answers : tells whether a server answers; asks each address once.
        """

    def transform(self, network: Network, style: TransformStyle) -> ImageTransform:
        """The transform of single frames; called only for networks that take frames.

        Parameters
        ----------
        style : "weights", the transform published with the weights; "squash224", see `ExtractionSettings`.
        """

    def default_layers(self, module: torch.nn.Module) -> Sequence[str]:
        """The layers to read where neither the catalog nor the study lists any, in the network's order."""

    def forward(self, module: torch.nn.Module, call: torch.Tensor) -> None:
        """Run one forward pass. What it returns is not used: hooks read the layers."""


@runtime_checkable
class ClipSource(Source, Protocol):
    """A source whose networks may be shown clips that the source itself samples."""

    def sample_clips(self, network: Network, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Sample, resize and crop clips from `frames`, (frames, height, width, 3) uint8 RGB.

        Returns
        -------
        (frames, 3, crop, crop) for NCHW, (clips, 3, clip_len, crop, crop) for NCTHW; uint8, not normalised.
        """

    def normalise(self, module: torch.nn.Module, parts: torch.Tensor) -> torch.Tensor:
        """Normalise stacked parts on their device; float32, with the leading dimensions of a call."""


def refuse_missing(missing: Sequence[MissingWeights]) -> None:
    """Raise one BadInput that names all missing weights; nothing where none is missing."""
    if missing:
        hints = dict.fromkeys(each.hint for each in missing)
        raise BadInput(
            f"weights of {len(missing)} network{'s' if len(missing) > 1 else ''} are missing",
            found="; ".join(each.reason for each in missing),
            hint=f'{", ".join(hints)}, exclude these networks, or set weights = "random" on purpose',
        )
