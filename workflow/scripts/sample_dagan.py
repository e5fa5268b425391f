"""Write one fold's DAGAN samples: training subjects, augmented, under-sampled and restored."""

from ganreg import cli
from ganreg.synthesize import dagan


def main(argv=None):
    dagan.run_sampling(cli.parser(__doc__), argv)


if __name__ == "__main__":
    cli.run(main)
