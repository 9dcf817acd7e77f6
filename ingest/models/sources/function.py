"""Networks that a function of the study's own returns: `package.module:function`.

The function is called with the arguments of the declaration. It returns (module, transform), or (module,
transform, name). Importing this module loads no deep-learning library.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from alignhouse.ingest.models.declaration import PLAIN, RANDOM, Declaration, fits_job_key
from alignhouse.ingest.models.network import Network, WeightsKind
from alignhouse.ingest.models.seeding import seeded
from alignhouse.ingest.models.sources.automatic_layers import automatic_layers
from alignhouse.ingest.models.sources.compat_torchvision import mend_imports
from alignhouse.ingest.models.sources.source import Built, ImageTransform, MissingWeights, TransformStyle
from alignhouse.warehouse.errors import BadInput, error_in_words, near_names
from alignhouse.warehouse.files import sha256_of

if TYPE_CHECKING:
    import torch

_RETURNS = "(module, transform) or (module, transform, name)"
# File -> sha256 when this process first used it. Python imports a module only once, so this process would
# not run later changes of the file.
_imported: dict[Path, str] = {}


class FunctionSource:
    """Networks of any library or of none, with their transforms."""

    name = "function"
    keys = frozenset({"takes", "arguments", "untrained"})
    has_random_weights = False
    uses_transform_setting = False
    runs_code_of_declaration = True

    def versions(self) -> dict[str, str]:
        return {"torch": importlib.metadata.version("torch")}

    def check_declaration(self, declared: Declaration) -> None:
        if declared.weights not in (None, RANDOM):
            raise ValueError(
                "weights of a function: leave them out, since it returns them; or random, if they are"
            )
        if declared.untrained is not None and declared.weights == RANDOM:
            raise ValueError(
                'untrained = { ... } beside weights = "random", with which it is untrained already'
            )
        given = [*(declared.arguments or {}).items(), *(declared.untrained or {}).items()]
        for name, value in given:
            if not fits_job_key(value):
                raise ValueError(f"arguments of a function: {PLAIN}; {name} holds another value")

    def record(self, name: str, declared: Declaration) -> dict[str, Any]:
        """The sha256 of the file that defines the function.

        Raises
        ------
        BadInput : no such module or function, its import fails, another module of that name is loaded, the
            file has changed since this process imported it, or the function does not take these arguments.
        """
        module, function = _find(name, declared.id, declared.folder)
        arguments = declared.arguments or {}
        for given in (arguments, {**arguments, **(declared.untrained or {})}):
            _check_arguments(_what(name, declared.id), function, given)
        return {"code": _file_sha256(name, module, function)}

    def check_record(self, network: Network) -> None:
        if network.own is None:
            raise ValueError("a network of the catalog comes from a library, not from a function")

    def build(self, network: Network, weights: WeightsKind, folder: Path | None) -> Built:
        """What the function returns; with random weights, for the arguments that give it untrained, if any.

        Raises
        ------
        BadInput : the function cannot be found, fails, or returns something else.
        """
        assert network.own is not None
        found, function = _find(network.name, network.source_id, network.own.folder)
        code = _file_sha256(network.name, found, function)
        arguments = dict(network.own.arguments or {})
        if weights == "random":
            arguments |= network.own.untrained or {}
        try:
            with _importable(network.own.folder):
                returned = function(**arguments)
        except Exception as error:
            raise BadInput(
                _what(network.name, network.source_id), expected=_RETURNS, found=error_in_words(error)
            ) from error
        module, transform = _checked(network, returned)
        identity = f"function:{code}:state={state_sha256(module)}"
        return Built(module, _CheckedTransform(network, transform), identity)

    def weights_identity(self, network: Network, weights: WeightsKind, seed: int) -> str:
        """sha256 of the function's file and of the module's tensors, for which the function is called."""
        with seeded(seed):
            return self.build(network, weights, None).found_weights

    def missing_weights(
        self, network: Network, folder: Path | None, answers: Callable[[str], bool]
    ) -> MissingWeights | None:
        return None

    def transform(self, network: Network, style: TransformStyle) -> ImageTransform:
        raise BadInput(
            f"transform of network {network.name}",
            expected="the transform that its function returns",
            found="none",
            hint="pass transform=built.transform, of what build_network returns",
        )

    def default_layers(self, module: torch.nn.Module) -> Sequence[str]:
        return automatic_layers(module)

    def forward(self, module: torch.nn.Module, call: torch.Tensor) -> None:
        module(call)


def state_sha256(module: torch.nn.Module) -> str:
    """The sha256 of a module's state_dict: name, dtype, shape and bytes of each entry, in its order."""
    import torch

    digest = hashlib.sha256()
    for name, value in module.state_dict().items():
        if isinstance(value, torch.Tensor):
            tensor = value.detach().cpu().contiguous()
            digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
        else:
            # The extra state of a module is no tensor.
            digest.update(f"{name}\0{value!r}\0".encode())
    return digest.hexdigest()


class _CheckedTransform:
    """A transform whose results are checked, so that the error names the transform and not the network."""

    def __init__(self, network: Network, transform: Callable[[Any], Any]) -> None:
        self._network, self._transform = network, transform

    def __call__(self, shown: Any) -> torch.Tensor:
        import torch

        made = self._transform(shown)
        if self._network.takes == "frames":
            expected = "(3, height, width) for a frame"
            fits = isinstance(made, torch.Tensor) and made.ndim == 3 and made.shape[0] == 3
        else:
            expected = "(clips, ...) for a video, at least one clip"
            fits = isinstance(made, torch.Tensor) and made.ndim >= 2 and len(made) > 0
        if not fits:
            kind = type(made).__name__
            raise BadInput(
                f"transform of network {self._network.name}",
                expected=f"a tensor {expected}",
                found=f"{kind} {tuple(made.shape)}" if hasattr(made, "shape") else kind,
            )
        tensor: torch.Tensor = made
        return tensor


def _find(network: str, address: str, folder: Path) -> tuple[ModuleType, Callable[..., Any]]:
    where, colon, name = address.partition(":")
    if not (where and colon and name):
        raise BadInput(f"network {network}, id", expected="package.module:function", found=repr(address))
    mend_imports()
    try:
        with _importable(folder):
            module = importlib.import_module(where)
    except Exception as error:
        raise BadInput(
            _what(network, address),
            expected=f"a module {where} that can be imported",
            found=error_in_words(error),
            hint=f"searched in {folder}, then in sys.path",
        ) from error
    _refuse_another(network, module, folder)
    function = getattr(module, name, None)
    if not callable(function):
        functions = [each for each, value in vars(module).items() if inspect.isfunction(value)]
        raise BadInput(
            _what(network, address),
            expected=f"a function {name} in {_file(module) or where}",
            found="none of that name" if function is None else type(function).__name__,
            hint=near_names(name, functions) if functions else None,
        )
    return module, function


def _check_arguments(what: str, function: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    try:
        signature = inspect.signature(function)
    except ValueError:  # some compiled functions have none; the call itself then shows what does not fit
        return
    try:
        signature.bind(**arguments)
    except TypeError as error:
        names = [name for name in arguments if name not in signature.parameters]
        shown = signature.replace(return_annotation=inspect.Signature.empty)
        raise BadInput(
            what,
            expected=f"arguments that fit its parameters {shown}",
            found=str(error),
            hint=near_names(names[0], signature.parameters) if names and signature.parameters else None,
        ) from error


def _refuse_another(network: str, module: ModuleType, folder: Path) -> None:
    """BadInput where the folder has the module, but another one of the same name is already loaded."""
    stem = folder.joinpath(*module.__name__.split("."))
    for meant in (stem.with_suffix(".py"), stem / "__init__.py"):
        loaded = _file(module)
        if meant.is_file() and not (loaded and meant.samefile(loaded)):
            raise BadInput(
                f"module {module.__name__} of network {network}",
                expected=meant,
                found=f"{loaded or 'a module of Python itself'}, which is already loaded",
                hint="give the file another name",
            )


def _file_sha256(network: str, module: ModuleType, function: Callable[..., Any]) -> str:
    source = _source(module, function)
    if source is None:
        raise BadInput(
            f"network {network}",
            expected="a function that is defined in a file",
            found=f"{function!r}",
        )
    digest = sha256_of(source)
    if _imported.setdefault(source, digest) != digest:
        raise BadInput(
            f"network {network}: {source}",
            expected="what this process imported",
            found="a file that has changed since",
            hint="restart Python",
        )
    return digest


def _source(module: ModuleType, function: Callable[..., Any]) -> Path | None:
    plain = inspect.unwrap(function)
    source = _file(module)
    # Other callables, such as a partial function, do not know their file; the module does.
    if inspect.isfunction(plain) or (inspect.isclass(plain) and plain.__module__ != "builtins"):
        source = inspect.getsourcefile(plain)
    return Path(source).resolve() if source and Path(source).is_file() else None


def _file(module: ModuleType) -> str | None:
    # Built-in modules have no file.
    return getattr(module, "__file__", None)


def _checked(network: Network, returned: Any) -> tuple[torch.nn.Module, Callable[[Any], Any]]:
    import torch

    what = _what(network.name, network.source_id)
    if not isinstance(returned, (tuple, list)) or len(returned) not in (2, 3):
        length = f" of {len(returned)}" if isinstance(returned, (tuple, list)) else ""
        raise BadInput(what, expected=_RETURNS, found=f"{type(returned).__name__}{length}")
    module, transform, *named = returned
    if not isinstance(module, torch.nn.Module):
        raise BadInput(what, expected="a torch.nn.Module first", found=type(module).__name__)
    if not callable(transform):
        raise BadInput(what, expected="a transform that can be called second", found=type(transform).__name__)
    if named not in ([], [network.name]):
        raise BadInput(
            what,
            expected=f"the name {network.name!r} third, as the study has it, or no name",
            found=repr(named[0]),
        )
    return module, transform


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    entry = str(folder)
    sys.path.insert(0, entry)
    # Python caches the listing of a folder, which may be older than a file written a moment ago.
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(entry)


def _what(network: str, address: str) -> str:
    return f"function {address} of network {network}"
