"""Measure one fold's synthetic subjects of one kind: likeness, diversity, fidelity, memorisation."""

import pandas as pd

from ganreg import cli, io
from ganreg.preprocess.labels import REST
from ganreg.register.dataset import Subjects
from ganreg.segment.features import encoder
from ganreg.segment.learned import segmenter
from ganreg.split import folds
from ganreg.synthesize import quality


def main(argv=None):
    parser = cli.add_paths(
        cli.parser(__doc__), "folds", "structures", "subjects", "samples", "encoder", "encoder_manifest", "judge",
        "judge_manifest", "output",
    )  # fmt: skip
    parser.add_argument("--fold", required=True)
    parser.add_argument("--kind", required=True)
    args = parser.parse_args(argv)
    cli.set_threads(args.options["threads"])
    structures = pd.read_csv(args.structures, sep="\t")
    trained, judge = (io.read_json(path) for path in (args.encoder_manifest, args.judge_manifest))
    content = io.read_json(args.folds)
    fold, other = folds.select(content, args.fold), folds.select(content, str(judge["fold"]))
    modalities = trained["options"]["modalities"]
    real, synthetic = Subjects(args.subjects, modalities), Subjects(args.samples, modalities)
    names = sorted(path.name.removeprefix("sub-") for path in args.samples.glob("sub-*"))[: args.options["subjects"]]
    segment = segmenter(args.judge, judge["options"], structures)
    table = quality.measure(
        [quality.read(synthetic, name) for name in names],
        *([quality.read(real, name) for name in part] for part in (fold["train"], fold["test"], other["test"])),
        encoder(args.encoder, trained["options"], structures),
        lambda folder, name: segment(folder, name)[0],
        int((structures["name"] != REST).sum()),
        args.options,
    )
    table.insert(0, "fold", fold["fold"])
    table.insert(1, "kind", args.kind)
    io.write_table(args.output, table)


if __name__ == "__main__":
    cli.run(main)
