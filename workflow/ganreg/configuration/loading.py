"""From files and overlays to the typed configuration; every mistake is one line."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ganreg.configuration.model import Config, Whole
from ganreg.configuration.validation import validate
from ganreg.errors import InputError

# in the order in which the Snakefile reads them
FILES = ("config.yaml", "config/data.yaml", "config/networks.yaml", "config/tools.yaml")
LIMITS = {
    "greater_than": ("gt", "more than {}"),
    "greater_than_equal": ("ge", "{} or more"),
    "less_than": ("lt", "less than {}"),
    "less_than_equal": ("le", "{} or less"),
    "multiple_of": ("multiple_of", "a multiple of {}"),
    "too_short": ("min_length", "{} or more entries"),
    "too_long": ("max_length", "{} entries or fewer"),
    "string_pattern_mismatch": ("pattern", "text like {}"),
}
# how pydantic names the alternatives of a value in the place of a problem
ALTERNATIVES = ("constrained-", "function-", "nullable", "literal[")


def _known_keys(place: Iterable[int | str]) -> list[str]:
    """The keys of the block at a place of the configuration."""
    model: Any = Config
    for part in place:
        if part in getattr(model, "model_fields", {}):
            model = model.model_fields[part].annotation
            # of a list of blocks, or of a block or nothing, the block
            while not isinstance(model, type) and getattr(model, "__args__", None):
                model = model.__args__[0]
    return sorted(model.model_fields)


def _place(error: Any) -> list[Any]:
    """Where a problem is, without the names of the alternatives that a value may be."""
    return [part for part in error["loc"] if not str(part).startswith(ALTERNATIVES)]


def _expected(error: Any) -> str:
    """What was expected in the place of a problem."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "literal_error":
        listed = context["expected"].replace(chr(39), "")
        return f"one of {listed.replace(' or ', ', ')}" if " or " in listed else str(listed)
    if kind in LIMITS:
        key, words = LIMITS[kind]
        return words.format(context[key])
    if kind == "value_error":
        return str(context["error"])
    return str(error["msg"].removeprefix("Input should be "))


def _one_line(error: ValidationError) -> str:
    """The first problem: place, what was expected, what was found."""
    # what `runtime` says is in many blocks, too: it is wrong where it was written
    first = min(error.errors(), key=lambda each: (each["loc"][:1] != ("runtime",), list(map(str, each["loc"]))))
    place, kind = _place(first), first["type"]
    if kind == "extra_forbidden":
        *place, unknown = place
        expected, found = f"one of {', '.join(_known_keys(place))}", f", found {unknown}"
    elif kind == "missing":
        expected, found = "a value", ", found none"
    else:
        # a value that may be one thing or another has a problem for each
        expected = " or ".join(dict.fromkeys(_expected(each) for each in error.errors() if _place(each) == place))
        found = "" if kind == "value_error" else f", found {first['input']!r}"
    return f"config: {'.'.join(map(str, place)) or 'top level'}: expected {expected}{found}"


def load(content: dict[str, Any]) -> Whole:
    """The typed configuration of what files and overlays say.

    Raises
    ------
    InputError
        With the first problem, in one line.
    """
    try:
        config = Config.model_validate(content)
    except ValidationError as error:
        raise InputError(_one_line(error)) from None
    validate(config)
    return config


def merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Values of the second over those of the first, block by block, as Snakemake merges files."""
    result = dict(first)
    for key, value in second.items():
        both = isinstance(result.get(key), dict) and isinstance(value, dict)
        result[key] = merged(result[key], value) if both else value
    return result


def load_project(root: Path, overlays: Iterable[Path | str] = ()) -> Whole:
    """The configuration of a project's folder under some overlays, as the workflow would have it.

    Parameters
    ----------
    root : Path of the folder with config.yaml
    overlays : paths of YAML files, relative to `root`, such as presets/bench.yaml
    """
    content: dict[str, Any] = {}
    for name in (*FILES, *overlays):
        content = merged(content, yaml.safe_load(Path(root, name).read_text()) or {})
    return load(content)
