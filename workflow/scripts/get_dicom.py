"""Write folders of DICOM files as a raw BIDS folder."""

from ganreg import cli
from ganreg.get import dicom
from ganreg.get.settings import Dicom


def main(argv=None):
    args = cli.add_paths(cli.parser(__doc__, Dicom), "output").parse_args(argv)
    dicom.get(args.output, args.options)


if __name__ == "__main__":
    cli.run(main)
