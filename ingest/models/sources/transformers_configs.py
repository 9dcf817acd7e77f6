"""The configuration of a model of transformers: of its folder, of the hub or of its type, and as declared.

Importing this module loads no deep-learning library.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alignhouse.ingest.models.declaration import Declaration
from alignhouse.ingest.models.network import Own
from alignhouse.ingest.models.sources.transformers_files import CONFIG, MAIN, MODEL_TYPE, Place, find_place
from alignhouse.warehouse.errors import BadInput, error_in_words, near_names

KIND = "model_type"


def describes_itself(identifier: str, declared: Declaration | Own) -> bool:
    """Whether the untrained network of a folder or of the hub is declared in full, and needs neither."""
    return not identifier.startswith(MODEL_TYPE) and KIND in (declared.config or {})


def described(
    network: str,
    identifier: str,
    folder: Path,
    revision: str = MAIN,
    *,
    declared: Mapping[str, Any] | None = None,
    untrained: bool,
) -> tuple[Place | None, Any]:
    """The place of a model, None if only its type is used, and its configuration.

    Parameters
    ----------
    declared : keys of the configuration.
    untrained : they replace those of the model; else they must be equal.

    Raises
    ------
    BadInput : see `find_place`; an unknown model type or key, a value that does not fit, or one that differs
        from that of the trained model.
    """
    keys = dict(declared or {})
    if identifier.startswith(MODEL_TYPE):
        place, config = None, _of_type(network, identifier.removeprefix(MODEL_TYPE), keys)
    elif untrained and KIND in keys:
        place, config = None, _of_type(network, keys.pop(KIND), keys)
    else:
        place = find_place(network, identifier, folder, revision)
        config = _of_place(network, place)
        if untrained:
            saved = json.loads((place.folder / CONFIG).read_text(encoding="utf-8"))
            config = _changed(network, config, keys, type(config), _merged(saved, keys))
        else:
            _check_equal(network, place, config.to_dict(), keys)
    if hasattr(config, "mask_ratio"):
        # Masked autoencoders hide parts of the image in training; here they are shown all of it.
        config.mask_ratio = 0.0
    return place, config


@contextmanager
def quietly() -> Iterator[None]:
    """Silences progress bars and reports; what matters in them is checked."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _of_type(network: str, kind: str, keys: Mapping[str, Any]) -> Any:
    from transformers import CONFIG_MAPPING

    if kind not in CONFIG_MAPPING:
        raise BadInput(
            f"network {network}: transformers has no model type {kind!r}",
            hint=near_names(kind, list(CONFIG_MAPPING)),
        )
    # Made from scratch: other values may follow from those that are declared.
    return _changed(network, CONFIG_MAPPING[kind](), keys, CONFIG_MAPPING[kind], keys)


def _of_place(network: str, place: Place) -> Any:
    from transformers import AutoConfig

    try:
        with quietly():
            return AutoConfig.from_pretrained(place.folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # a configuration of the study's own may hold anything
        raise BadInput(
            f"network {network}: {place.folder / CONFIG}",
            expected="a configuration of a model of transformers itself",
            found=error_in_words(error),
        ) from error


def _changed(
    network: str,
    config: Any,
    keys: Mapping[str, Any],
    make: Callable[..., Any],
    given: Mapping[str, Any],
) -> Any:
    """The configuration, or with declared keys what `make` makes of the values that are given."""
    if not keys:
        return config
    _check_keys(network, config.model_type, config.to_dict(), keys, "")
    try:
        return make(**given)
    except Exception as error:  # each type checks its values in its own way
        raise BadInput(
            f"config of network {network}",
            expected=f"values of a configuration of {config.model_type}",
            found=error_in_words(error),
        ) from error


def _check_keys(
    network: str, kind: str, known: Mapping[str, Any], keys: Mapping[str, Any], inside: str
) -> None:
    for key, value in keys.items():
        # Configurations accept and ignore other keys.
        if key not in known:
            raise BadInput(
                f"config of network {network}",
                expected=f"keys of a configuration of {kind}",
                found=inside + key,
                hint=near_names(key, known),
            )
        if isinstance(value, Mapping) and isinstance(known[key], Mapping):
            _check_keys(network, kind, known[key], value, f"{inside}{key}.")


def _merged(described: Mapping[str, Any], keys: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(described)
    for key, value in keys.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[key] = _merged(old, value)
        else:
            merged[key] = value
    return merged


def _check_equal(
    network: str, place: Place, described: Mapping[str, Any], keys: Mapping[str, Any], inside: str = ""
) -> None:
    for key, value in keys.items():
        found = described.get(key)
        if isinstance(value, Mapping) and isinstance(found, Mapping):
            _check_equal(network, place, found, value, f"{inside}{key}.")
        elif (list(found) if isinstance(found, tuple) else found) != value:
            raise BadInput(
                f"config of network {network}",
                expected=f"{inside}{key} = {value!r}, as declared",
                found=f"{found!r} in {place.folder / CONFIG}",
                hint="correct the declaration",
            )
