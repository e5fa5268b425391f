"""The files that are written from the typed model: the configuration's YAML files and the JSON schema."""

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic.fields import FieldInfo

from ganreg.configuration.model import ABOUT, Config
from ganreg.register.methods import ARMS, METHODS, NETWORKS, REFINED
from ganreg.settings import RUNTIME, Block

WIDTH = 120
TOOLS = [method.block for method in METHODS.values() if method.tool and method.block]
# file -> its introduction and blocks
FILES: dict[str, tuple[str, list[str]]] = {
    "config.yaml": (
        "The experiment: data, task, methods, folds, figures. config/ has all that tunes a network (networks.yaml) or "
        "a registration tool (tools.yaml), and the downloads (data.yaml). A typo or an impossible value stops the "
        "workflow with one line. Change a value and run again: exactly what depends on it is made anew. "
        "presets/*.yaml are overlays: snakemake --configfile presets/smoke.yaml.",
        [
            *("dataset", "pathvars", "conda_pytorch", "runtime", "cohort", "bids", "external", "template", "task"),
            *("preprocess", "split", "registration", "uncertainty", "evaluation", "robustness", "plot"),
        ],
    ),
    "config/data.yaml": (
        "Downloads and conversions: `make data DATA=ixi`, `make data DATA=rire`, `make data DATA=dicom`. Each becomes "
        "a BIDS folder for `bids.root`: data/ixi, data/rire, data/dicom.",
        ["ixi", "rire", "dicom"],
    ),
    "config/networks.yaml": (
        "All that tunes a network: the segmentation network, the GANs and their controls, the registration networks.",
        [
            *(
                "augmentation",
                "rdnn",
                "deformation",
                "pgan",
                "random_contrast",
                "dagan",
                "quality",
                "synthetic",
                "known",
            ),
            *(network.id for network in NETWORKS),
            "refinement",
        ],
    ),
    "config/tools.yaml": (
        "Settings of the registration tools, a block a method, and of the SyN that propagates labels.",
        [*TOOLS, "propagation"],
    ),
}
# around the list of methods in README
MARKS = ("<!-- methods: written by make config -->", "<!-- end of methods -->")
REFINED_ABOUT = "the same; its velocity is then optimized on each test pair, without labels"
NOTE = "Written from ganreg.configuration by `make config`: values may be changed here, words there."


def schema() -> dict[str, Any]:
    """The JSON schema of the whole configuration."""
    found = Config.model_json_schema()
    found["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    found["title"] = "Configuration of ganreg"
    return found


def schema_text() -> str:
    """The JSON schema as it lies in workflow/schemas."""
    return json.dumps(schema(), indent=2) + "\n"


def _comment(text: str, indent: int) -> Iterator[str]:
    margin = " " * indent + "# "
    for paragraph in text.strip().split("\n\n"):
        yield from textwrap.wrap(" ".join(paragraph.split()), WIDTH, initial_indent=margin, subsequent_indent=margin)


def _scalar(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, str):
        plain_text = value and value[0].isalnum() and value not in ("null", "true", "false")
        return value if plain_text and not {*":#{}[],&*!|>'\"%@`"} & {*value} else json.dumps(value)
    return json.dumps(value)


def _flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _shown(block: Block) -> Iterator[tuple[str, FieldInfo, Any]]:
    """The fields of a block that the file lists: all but what it takes from `runtime`."""
    for name, field in type(block).model_fields.items():
        extra = field.json_schema_extra
        if not (isinstance(extra, dict) and extra.get(RUNTIME)):
            yield name, field, getattr(block, name)


def _values(value: Any) -> Any:
    """A value as it is shown, a block as a dict."""
    if isinstance(value, Block):
        return {name: _values(each) for name, _, each in _shown(value)}
    if isinstance(value, list):
        return [_values(each) for each in value]
    return value


def _choices(key: str, chosen: Sequence[str], about: Mapping[str, object], indent: int) -> Iterator[str]:
    """A list of which what is not chosen stands there, too, as comments."""
    yield f"{' ' * indent}{key}:"
    width = max(map(len, about)) + 5
    for name, words in about.items():
        entry = f"- {name}" if name in chosen else f"# - {name}"
        yield f"{' ' * (indent + 2)}{entry:<{width}} # {words}"


def _entry(key: str, field: FieldInfo, value: Any, indent: int, explained: set[type]) -> Iterator[str]:
    """The lines of one key: its comment beside it where it fits, else above."""
    extra = field.json_schema_extra
    margin, words = " " * indent, field.description or ""
    if isinstance(extra, dict) and isinstance(about := extra.get(ABOUT), dict):
        yield from _comment(words, indent)
        yield from _choices(key, value, about, indent)
        return
    line = f"{margin}{key}: {_flow(_values(value))}"
    listed = isinstance(value, list) and bool(value) and isinstance(value[0], Block)
    if isinstance(value, Block) and (type(value) not in explained or len(line) > WIDTH):
        # a block of the same kind as one before is not explained again
        again = type(value) in explained
        explained.add(type(value))
        yield from _comment(words, indent)
        yield f"{margin}{key}:"
        for name, inner, each in _shown(value):
            told = FieldInfo(annotation=inner.annotation, default=each) if again else inner
            yield from _entry(name, told, each, indent + 2, explained)
    elif listed:
        yield from _comment(words, indent)
        yield f"{margin}{key}:"
        yield from (f"{margin}  - {_flow(_values(each))}" for each in value)
    elif words and len(f"{line:<{indent + 26}}  # {words}") <= WIDTH:
        yield f"{line:<{indent + 26}}  # {words}"
    else:
        yield from _comment(words, indent)
        yield line


def yaml_text(name: str) -> str:
    """A configuration file with the default values, each explained.

    Parameters
    ----------
    name : key of `FILES`
    """
    introduction, blocks = FILES[name]
    defaults, explained = Config(), set[type]()
    lines = [*_comment(f"{introduction} {NOTE}", 0)]
    for block in blocks:
        field, value = Config.model_fields[block], getattr(defaults, block)
        about = METHODS[block].about if block in METHODS else ""
        words = field.description or about[:1].upper() + about[1:] + "." * bool(about) or type(value).__doc__ or ""
        told = FieldInfo(annotation=field.annotation, default=value, description=words)
        lines += ["", *_entry(block, told, value, 0, explained)]
    return "\n".join(lines) + "\n"


def methods_table() -> str:
    """The list of methods as Markdown; every network in its plain form, then the arms."""
    rows = [(f"`{method.id}`", method.about) for method in METHODS.values() if method.tool]
    rows += [(f"`{network.id}`", network.about) for network in NETWORKS if not network.refinable]
    rows += [
        (f"`{network.id}_{{arm}}`", f"{network.about}, in one of the arms") for network in NETWORKS if network.refinable
    ]
    rows += [(f"... arm `{arm.id}`", f"trained on the real subjects and {arm.about}") for arm in ARMS]
    rows += [(f"`{network.id}_{{arm}}{REFINED}`", REFINED_ABOUT) for network in NETWORKS if network.refinable]
    return "\n".join(["| method | what it is |", "|---|---|", *(f"| {name} | {about} |" for name, about in rows)])


def with_methods(readme: str) -> str:
    """README with the list of methods between its two marks written anew.

    Raises
    ------
    ValueError
        If a mark is missing.
    """
    before, rest = readme.split(MARKS[0])
    _, after = rest.split(MARKS[1])
    return f"{before}{MARKS[0]}\n\n{methods_table()}\n\n{MARKS[1]}{after}"


def texts(readme: str) -> dict[str, str]:
    """Path in the project -> text of every file that is written from the model.

    Parameters
    ----------
    readme : str, README as it is
    """
    written = {name: yaml_text(name) for name in FILES}
    return {"workflow/schemas/config.schema.json": schema_text(), **written, "README.md": with_methods(readme)}
