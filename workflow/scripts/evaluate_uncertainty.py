"""Measure a network's uncertainty against its true error, and its inverse consistency, over all test pairs."""

from functools import partial

from ganreg import cli, io
from ganreg.evaluate import pairs, uncertainty


def main(argv=None):
    parser = cli.add_paths(
        cli.parser(__doc__), "folds", "subjects", "output_pairs", "output_reliability",
        many=("transforms", "sampled", "manifests"),
    )  # fmt: skip
    parser.add_argument("--truth", help="folder of the cohort's true fields, where there is a truth")
    args = parser.parse_args(argv)
    folds = io.read_json(args.folds)["folds"]
    pairs.refuse_leakage(args.manifests, folds, partial(pairs.files_of, args.subjects))

    def mask_of(subject):
        return args.subjects / f"sub-{subject}" / "anat" / f"sub-{subject}_desc-brain_mask.nii.gz"

    lines, curve = uncertainty.evaluate_uncertainty(
        folds, args.options["method"], args.options["dataset"], list(zip(args.transforms, args.sampled, strict=True)),
        mask_of, pairs.true_field(args.subjects, args.truth),
    )  # fmt: skip
    io.write_table(args.output_pairs, lines)
    io.write_table(args.output_reliability, curve)


if __name__ == "__main__":
    cli.run(main)
