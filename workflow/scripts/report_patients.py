"""The table of the patients of another data set: Dice between patients, target registration error within one."""

import pandas as pd

from ganreg import cli, io, manifest
from ganreg.evaluate import patients_table, tables

CAPTION = (
    "Patients of another data set, registered by the networks of the main one as they are, those of fold f to the "
    "patients' fold f. modality: of the moving image; the fixed one is T1w. dice_mean: pairs of patients, {labels}, on "
    "the fixed patient's own grid, with a 95 % interval (bootstrap over patients). tre: target registration error in "
    "mm of a patient's own images over the voxels of the brain (median of the patients' medians; largest) and at the "
    "corners of the volume. headers: as the scanners left it; initial: after the rigid alignment and, between "
    "patients, the affine to the template."
)

SILVER = " SyN made the silver labels: it is shown on them, but not to be ranked."


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "output", many=("dice", "errors"))
    args = parser.parse_args(argv)
    options = args.options
    dice = pd.concat([pd.read_csv(path) for path in args.dice])
    errors = pd.concat([pd.read_csv(path) for path in args.errors])
    methods = list(dict.fromkeys([*errors["method"], *dice["method"]]))
    table = patients_table.summary(
        dice[~dice["structure"].isin(options["exclude"])], errors, methods, options["evaluation"]
    )
    caption = CAPTION.format(labels=options["labels"]) + (SILVER if "silver" in options["labels"] else "")
    io.write_table(args.output / "patients.csv", table)
    io.write_text(args.output / "patients.md", tables.to_markdown(table, caption))
    opened = {str(path): io.sha256(path) for path in [*args.dice, *args.errors]}
    content = {"options": options, "seed": options["evaluation"]["seed"], "caption": caption, "opened": opened}
    manifest.write(args.output / "patients.json", ["pandas", "numpy"], **content)


if __name__ == "__main__":
    cli.run(main)
