"""Register a batch of pairs with a registration program."""

import importlib
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import ValidationError

from ganreg import cli, io
from ganreg.register import batch
from ganreg.resume import resume_key
from ganreg.settings import Block, Count, Label
from ganreg.split import folds


class Options(Block):
    """How pairs are registered, and what their images are."""

    settings: dict[str, Any]
    fixed: Label
    moving: Label
    pairs_per_batch: Count
    partial: bool


def main(argv: list[str] | None = None) -> None:
    parser = cli.add_paths(cli.parser(__doc__, Options), "folds", "subjects", "output")
    parser.add_argument("--fold", required=True)
    parser.add_argument("--method", required=True)
    parser.add_argument("--batch", type=int, default=1, help="number of this batch, from 1")
    parser.add_argument("--tool", required=True, help="module of the program, such as ganreg.tools.ants")
    args = parser.parse_args(argv)
    if not args.tool.startswith("ganreg."):
        parser.error(f"argument --tool: expected a module of ganreg, found {args.tool}")
    # nothing of other tools: one more of them makes nothing anew
    options, tool = args.options, importlib.import_module(args.tool)
    try:
        settings = get_type_hints(tool.register)["settings"].model_validate(options.settings)
    except ValidationError as error:
        first = error.errors()[0]
        parser.error(f"argument --options: settings.{'.'.join(map(str, first['loc']))}: {first['msg']}")
    # the first pair's seconds are those of a registration
    for package in tool.PACKAGES:
        importlib.import_module(package)
    threads = getattr(settings, "threads", 1)
    cli.set_threads(threads)

    def register_with_settings(fixed: Path, moving: Path, output: Path) -> float | None:
        return tool.register(fixed, moving, output, settings)

    fold = folds.select(io.read_json(args.folds), args.fold)
    batch.register_batch(
        batch.batch_of(fold["pairs"], args.batch, options.pairs_per_batch),
        fold["fold"],
        args.method,
        threads,
        batch.inputs_of_pairs(args.subjects, options.fixed, options.moving, options.partial),
        batch.in_common_field_of_view(register_with_settings) if options.partial else register_with_settings,
        args.output,
        resume_key(options, args.tool, args.code),
    )


if __name__ == "__main__":
    cli.run(main)
