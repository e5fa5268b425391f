"""Register a fold's test pairs with a trained network."""

from ganreg import cli, io
from ganreg.register import batch, learned
from ganreg.register.settings import Refinement, Unet, Unrolled, Voxelmorph
from ganreg.resume import resume_key
from ganreg.settings import Block, Label
from ganreg.split import folds


class Options(Block):
    """How pairs are registered, and what their images are."""

    settings: Unet | Unrolled | Voxelmorph
    fixed: Label
    moving: Label
    partial: bool
    refinement: Refinement | None


def main(argv: list[str] | None = None) -> None:
    parser = cli.add_paths(cli.parser(__doc__, Options), "folds", "subjects", "weights", "output")
    parser.add_argument("--fold", required=True)
    parser.add_argument("--method", required=True)
    args = parser.parse_args(argv)
    options = args.options
    cli.set_threads(options.settings.threads)
    fold = folds.select(io.read_json(args.folds), args.fold)
    register = learned.registrar(args.weights, options.settings, options.refinement)
    batch.register_batch(
        fold["pairs"],
        fold["fold"],
        args.method,
        options.settings.threads,
        batch.inputs_of_pairs(args.subjects, options.fixed, options.moving, options.partial),
        batch.in_common_field_of_view(register) if options.partial else register,
        args.output,
        resume_key(options, args.code, io.sha256(args.weights)),
    )


if __name__ == "__main__":
    cli.run(main)
