"""List the evaluation structures of a label table."""

from ganreg import cli, io
from ganreg.volumes import labels


def main(argv=None):
    args = cli.add_paths(cli.parser(__doc__), "label_table", "output").parse_args(argv)
    listed = labels.structures(labels.read_table(args.label_table))
    with io.atomic(args.output) as beside:
        listed.to_csv(beside, sep="\t", index=False)


if __name__ == "__main__":
    cli.run(main)
