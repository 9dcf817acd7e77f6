"""Networks that a function of the user's own gives: `package.module:function`.

The function is called without arguments and gives (module, transform, name). Importing this module loads no
deep-learning library.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from alignhouse.ingest.models.catalog import Network
from alignhouse.warehouse.errors import BadInput, in_words, near_names
from alignhouse.warehouse.files import sha256_of

if TYPE_CHECKING:
    import torch

_GIVES = "(module, transform, name)"
# File -> sha256 when this process first used what it defines: Python imports a module once, so later changes
# of the file are not what would run.
_imported: dict[Path, str] = {}


def source_sha256(network: str, address: str, folder: Path) -> str:
    """The sha256 of the file that defines a function.

    Parameters
    ----------
    network : what the network is called, for errors. address : "package.module:function".
    folder : is looked into first when the module is imported.

    Raises
    ------
    BadInput : there is no such module or function, its import fails, another module of that name is loaded,
        or the file has changed since this process imported it.
    """
    return _file_sha256(network, *_find(network, address, folder))


def build_function(network: Network) -> tuple[torch.nn.Module, Callable[[Any], torch.Tensor], str]:
    """Call a network's function; gives the module, its transform and what identifies code and weights.

    The identity holds the sha256 of the file that defines the function, and one over the module's state_dict:
    names, dtypes, shapes and bytes.

    Raises
    ------
    BadInput : the function cannot be found, fails, or gives something else than the three.
    """
    assert network.own is not None
    found, function = _find(network.name, network.source_id, network.own.folder)
    code = _file_sha256(network.name, found, function)
    try:
        with _importable(network.own.folder):
            given = function()
    except Exception as error:
        raise BadInput(
            _what(network.name, network.source_id), expected=_GIVES, found=in_words(error)
        ) from error
    module, transform = _checked(network, given)
    return module, _Checked(network, transform), f"function:{code}:state={state_sha256(module)}"


def state_sha256(module: torch.nn.Module) -> str:
    """The sha256 over a module's state_dict: of each entry its name, dtype, shape and bytes, in its order."""
    import torch

    digest = hashlib.sha256()
    for name, value in module.state_dict().items():
        if isinstance(value, torch.Tensor):
            tensor = value.detach().cpu().contiguous()
            digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
        else:
            # What a module gives as its extra state.
            digest.update(f"{name}\0{value!r}\0".encode())
    return digest.hexdigest()


class _Checked:
    """A transform whose results are looked at: what is wrong is better told here than inside the network."""

    def __init__(self, network: Network, transform: Callable[[Any], Any]) -> None:
        self._network, self._transform = network, transform

    def __call__(self, given: Any) -> torch.Tensor:
        import torch

        made = self._transform(given)
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


def _find(network: str, address: str, folder: Path) -> tuple[ModuleType, Callable[[], Any]]:
    where, colon, name = address.partition(":")
    if not (where and colon and name):
        raise BadInput(f"network {network}, id", expected="package.module:function", found=repr(address))
    try:
        with _importable(folder):
            module = importlib.import_module(where)
    except Exception as error:
        raise BadInput(
            _what(network, address),
            expected=f"a module {where} that can be imported",
            found=in_words(error),
            hint=f"looked for in {folder}, then where Python looks",
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


def _refuse_another(network: str, module: ModuleType, folder: Path) -> None:
    """What is in the folder is meant, but Python gives a module of the same name that is loaded already."""
    stem = folder.joinpath(*module.__name__.split("."))
    for meant in (stem.with_suffix(".py"), stem / "__init__.py"):
        loaded = _file(module)
        if meant.is_file() and not (loaded and meant.samefile(loaded)):
            raise BadInput(
                f"module {module.__name__} of network {network}",
                expected=meant,
                found=f"{loaded or 'a module of Python itself'}, which is loaded already",
                hint="give the file another name",
            )


def _file_sha256(network: str, module: ModuleType, function: Callable[[], Any]) -> str:
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
            found="a file that was changed since",
            hint="start Python anew",
        )
    return digest


def _source(module: ModuleType, function: Callable[[], Any]) -> Path | None:
    plain = inspect.unwrap(function)
    source = _file(module)
    # Of other objects that can be called, such as a partial function, only the module says where they are.
    if inspect.isfunction(plain) or (inspect.isclass(plain) and plain.__module__ != "builtins"):
        source = inspect.getsourcefile(plain)
    return Path(source).resolve() if source and Path(source).is_file() else None


def _file(module: ModuleType) -> str | None:
    # Modules that are part of Python itself have none.
    return getattr(module, "__file__", None)


def _checked(network: Network, given: Any) -> tuple[torch.nn.Module, Callable[[Any], Any]]:
    import torch

    what = _what(network.name, network.source_id)
    if not isinstance(given, (tuple, list)) or len(given) != 3:
        length = f" of {len(given)}" if isinstance(given, (tuple, list)) else ""
        raise BadInput(what, expected=_GIVES, found=f"{type(given).__name__}{length}")
    module, transform, name = given
    if not isinstance(module, torch.nn.Module):
        raise BadInput(what, expected="a torch.nn.Module first", found=type(module).__name__)
    if not callable(transform):
        raise BadInput(what, expected="a transform that can be called second", found=type(transform).__name__)
    if name != network.name:
        raise BadInput(
            what, expected=f"the name {network.name!r} third, as the study has it", found=repr(name)
        )
    return module, transform


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    entry = str(folder)
    sys.path.insert(0, entry)
    # A file that was written a moment ago may be younger than what Python remembers of its folder.
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(entry)


def _what(network: str, address: str) -> str:
    return f"function {address} of network {network}"
