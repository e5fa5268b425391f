"""What every block of the configuration is made of: the base of the typed models, and types with their limits.

Importable without the imaging packages, as all settings are: a run is planned where they may be missing.
"""

import json
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Item = TypeVar("Item")
Smaller = TypeVar("Smaller", bound="Block")


def _each_once(values: list[Item]) -> list[Item]:
    if twice := [value for place, value in enumerate(values) if value in values[:place]]:
        raise ValueError(f"each value once, found {twice[0]!r} twice")
    return values


Unique = Annotated[list[Item], AfterValidator(_each_once), Field(json_schema_extra={"uniqueItems": True})]
Positive = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Whole = Annotated[int, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, Field(min_length=1)]
# a BIDS label, such as a subject's
Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9]+$")]
Widths = Annotated[list[Count], Field(min_length=1)]
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "float32", "bfloat16"]

RUNTIME = "runtime"


class Block(BaseModel):
    """A block of the configuration: immutable, without unknown keys; numbers and booleans are not made from text."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True)

    def only(self, smaller: type[Smaller]) -> Smaller:
        """What a smaller class of settings has of this block: the less a job is handed, the less makes it anew."""
        return smaller(**{name: getattr(self, name) for name in smaller.model_fields})


def of_runtime(default: Any) -> Any:
    """A field that is taken from the block `runtime` where a configuration does not set it."""
    return Field(default, json_schema_extra={RUNTIME: True})


class Seeded(Block):
    """A block with a seed."""

    seed: Whole = of_runtime(1)


class Runtime(Block):
    """Seeds, devices and threads, said once; a block that sets one of these keys itself differs."""

    seed: Whole = Field(1, description="Every random draw follows from it; patients have a seed of their own.")
    device: Device = Field("auto", description="auto takes a GPU where there is one; cpu; cuda.")
    precision: Precision = Field(
        "auto", description="auto: bfloat16 on GPUs that compute it fast, else float32; float32; bfloat16."
    )
    threads: Count = Field(
        1, description="Of each network's and NiftyReg's jobs. Results depend on it: it is not taken from --cores."
    )
    workers: Whole = Field(0, description="Processes of each data loader.")


class Trained(Seeded):
    """A block of a network: how it computes."""

    device: Device = of_runtime("auto")
    precision: Precision = of_runtime("auto")
    threads: Count = of_runtime(1)
    workers: Whole = of_runtime(0)


def plain(part: object) -> object:
    """A block as a dict, a path as text: the `default` of `json.dumps`.

    Raises
    ------
    TypeError
        If it is anything else.
    """
    if isinstance(part, Block):
        return part.model_dump(mode="json")
    if isinstance(part, Path):
        return str(part)
    raise TypeError(f"expected a block of settings or a path, found {type(part).__name__}")


def canonical(content: object) -> str:
    """One JSON string for a block or a structure of blocks, keys sorted: equal ones give one string, others never."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), default=plain)
