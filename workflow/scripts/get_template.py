"""Write the template space: brain-extracted images, mask, and labels where there are some."""

import numpy as np

from ganreg import cli, io
from ganreg.get import template
from ganreg.get.settings import Template


def main(argv=None):
    args = cli.add_paths(cli.parser(__doc__, Template), "output").parse_args(argv)
    volumes, affine = template.load_template(template.files_of(args.options))
    with io.atomic(args.output) as folder:
        for name, path in template.files_in(folder, *volumes).items():
            dtype = np.float32 if volumes[name].dtype == np.float32 else np.int16
            io.save(path, volumes[name], affine, dtype)


if __name__ == "__main__":
    cli.run(main)
