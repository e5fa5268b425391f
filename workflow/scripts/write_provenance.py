"""Write what the run was: configuration, code, tools, machine, data and seconds by rule."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from ganreg import cli, io
from ganreg.report import provenance

PROJECT = Path(__file__).resolve().parents[2]


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(cli.parser(__doc__), "benchmarks", "output", "output_page", many=("data",))
    args = parser.parse_args(argv)
    config = json.loads(os.environ["GANREG_CONFIG"])
    content = provenance.collect(config, PROJECT, args.benchmarks, args.data)
    io.write_json(args.output, content)
    io.write_text(args.output_page, provenance.as_html(content))


if __name__ == "__main__":
    cli.run(main)
