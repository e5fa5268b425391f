"""Write the template space: brain-extracted images, mask, labels where there are some, and the structure list."""

import numpy as np

from ganreg import cli, io
from ganreg.get import template
from ganreg.preprocess import labels


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "label_table", "output", "structures")
    args = parser.parse_args(argv)
    if args.options["image"]:
        files = {"T1w": args.options["image"], "mask": args.options["mask"]}
    else:
        files = template.icbm152_files()
    volumes, affine = template.load_template(files)
    listed = labels.structures(labels.read_table(args.label_table))
    with io.atomic(args.output) as folder:
        for name, data in volumes.items():
            dtype = np.float32 if data.dtype == np.float32 else np.int16
            io.save(folder / f"template_{name}.nii.gz", data, affine, dtype)
    with io.atomic(args.structures) as beside:
        listed.to_csv(beside, sep="\t", index=False)


if __name__ == "__main__":
    cli.run(main)
