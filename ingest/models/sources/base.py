"""What sources have in common: libraries that initialise networks, and hubs that publish their weights.

Importing this module loads no deep-learning library.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from alignhouse.ingest.models.declaration import Declaration
from alignhouse.ingest.models.network import Network, WeightsKind
from alignhouse.ingest.models.sources.automatic_layers import automatic_layers
from alignhouse.ingest.models.sources.source import Built, ImageTransform, MissingWeights, TransformStyle
from alignhouse.ingest.models.states import check_sha256, load_strictly, read_state
from alignhouse.warehouse.errors import AlignhouseError, BadInput, error_in_words

if TYPE_CHECKING:
    import torch

# Those of the hub's client, by its version; it passes on their errors, such as a lost connection.
_HTTP_LIBRARIES = ("httpx", "httpx2")


class LibrarySource(ABC):
    """A `Source` of networks that an installed package, called like the source, builds and initialises."""

    name: ClassVar[str]
    keys: ClassVar[frozenset[str]] = frozenset()
    has_random_weights: ClassVar[bool] = True
    uses_transform_setting: ClassVar[bool] = False
    runs_code_of_declaration: ClassVar[bool] = False

    @abstractmethod
    def record(self, name: str, declared: Declaration) -> dict[str, Any]: ...

    @abstractmethod
    def build_random(self, network: Network) -> torch.nn.Module:
        """The network with the library's own initialisation, drawn from torch's global generator."""

    @abstractmethod
    def build_pretrained(self, network: Network, folder: Path | None) -> torch.nn.Module:
        """The network with the published weights; `folder` as in `Source.build`."""

    @abstractmethod
    def missing_weights(
        self, network: Network, folder: Path | None, answers: Callable[[str], bool]
    ) -> MissingWeights | None: ...

    @abstractmethod
    def transform(self, network: Network, style: TransformStyle) -> ImageTransform: ...

    def versions(self) -> dict[str, str]:
        return {package: importlib.metadata.version(package) for package in ("torch", self.name)}

    def check_declaration(self, declared: Declaration) -> None:
        """Accepts every declaration: pydantic has checked its fields."""
        return

    def check_record(self, network: Network) -> None:
        """Accepts every record: pydantic has checked its fields."""
        return

    def default_layers(self, module: torch.nn.Module) -> Sequence[str]:
        return automatic_layers(module)

    def forward(self, module: torch.nn.Module, call: torch.Tensor) -> None:
        module(call)

    def build(self, network: Network, weights: WeightsKind, folder: Path | None) -> Built:
        if weights == "random":
            return Built(self._build_random(network))
        if network.own is not None and network.own.checkpoint is not None:
            identity = checkpoint_identity(network)
            state = read_state(network.own.checkpoint, network.name)
            module = self.build_from_state(network, state, network.own.checkpoint.name)
            return Built(module, found_weights=identity)
        return Built(self.build_pretrained(network, folder))

    def build_from_state(
        self, network: Network, state: dict[str, torch.Tensor], file: str
    ) -> torch.nn.Module:
        """The network with the tensors of a checkpoint; BadInput where they do not fit. file : for errors."""
        module = self._build_random(network)
        load_strictly(module, state, network.name, file)
        return module

    def weights_identity(self, network: Network, weights: WeightsKind, seed: int) -> str:
        if weights == "random":
            versions = ",".join(f"{package}={version}" for package, version in self.versions().items())
            return f"random:seed={seed}:{versions}"
        if network.own is not None and network.own.checkpoint is not None:
            return checkpoint_identity(network)
        sha = f":sha256-prefix={network.weights_sha_prefix}" if network.weights_sha_prefix else ""
        return f"pretrained:{self.name}:{network.weights}{sha}"

    def _build_random(self, network: Network) -> torch.nn.Module:
        try:
            return self.build_random(network)
        except Exception as error:
            if network.own is None or isinstance(error, AlignhouseError):
                raise
            # A configuration of the study's own may ask the library for anything.
            raise BadInput(
                f"network {network.name}",
                expected=f"{self.name} to build {network.source_id}",
                found=error_in_words(error),
            ) from error


class HubSource(LibrarySource):
    """A library that downloads its published weights from a hub and keeps them in a cache.

    hub : address of the hub's server.
    """

    hub: ClassVar[str]

    @abstractmethod
    def is_cached(self, network: Network) -> bool:
        """Whether this machine has the network's published weights."""

    @abstractmethod
    def build_from_hub(self, network: Network) -> torch.nn.Module:
        """The network with the hub's weights, downloaded if they are not cached."""

    def server(self, network: Network) -> str:
        """The server of the network's weights: that of their address, else the hub."""
        parts = urlsplit(network.weights_url or self.hub)
        return f"{parts.scheme}://{parts.netloc}"

    def build_pretrained(self, network: Network, folder: Path | None) -> torch.nn.Module:
        try:
            return self.build_from_hub(network)
        except _hub_errors() as error:
            raise BadInput(
                f"weights of {network.name}",
                expected=f"{network.weights} from {self.name}'s hub",
                found=str(error).splitlines()[0] if str(error) else type(error).__name__,
                hint='connect to the network, or set weights = "random" on purpose',
            ) from error

    def missing_weights(
        self, network: Network, folder: Path | None, answers: Callable[[str], bool]
    ) -> MissingWeights | None:
        of_hub = network.own is None or network.own.origin == "source"
        server = self.server(network)
        if not of_hub or self.is_cached(network) or answers(server):
            return None
        reason = f"{network.name}: {network.weights} not cached and {server} does not answer"
        return MissingWeights(reason, "connect to the hubs")


def need_package(network: str, module: str, distribution: str) -> None:
    """BadInput where an optional package is not installed. network : what needs it, for the error."""
    if importlib.util.find_spec(module) is None:
        raise BadInput(
            f"network {network}",
            expected=f"the package {module}",
            found="none installed",
            hint=f"pip install {distribution}",
        )


def checkpoint_identity(network: Network) -> str:
    """The identity of a checkpoint file of the study's own: its whole sha256.

    Raises
    ------
    BadInput : the file is missing, or differs from the declared sha256.
    """
    assert network.own is not None
    assert network.own.checkpoint is not None
    file = network.own.checkpoint
    if not file.is_file():
        raise BadInput(
            f"weights of network {network.name}", expected=f"a checkpoint file {file}", found="none"
        )
    hint = "give the path of the right file, or correct the sha256 in the declaration"
    return f"checkpoint:sha256={check_sha256(network.name, file, network.own.sha256 or '', hint)}"


def _hub_errors() -> tuple[type[Exception], ...]:
    """What the hubs' clients raise when weights cannot be downloaded or are damaged."""
    from huggingface_hub.errors import HfHubHTTPError
    from safetensors import SafetensorError

    # torch.hub raises RuntimeError for a file with a wrong hash.
    known: list[type[Exception]] = [OSError, HfHubHTTPError, RuntimeError, SafetensorError]
    for library in _HTTP_LIBRARIES:
        if importlib.util.find_spec(library) is not None:
            known.append(importlib.import_module(library).HTTPError)
    return tuple(known)
