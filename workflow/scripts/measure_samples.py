"""Measure one fold's synthetic subjects of each kind: likeness, diversity, fidelity, memorisation."""

import pandas as pd

from ganreg import cli, io
from ganreg.evaluate import quality
from ganreg.preprocess.labels import REST
from ganreg.preprocess.subjects import Subjects
from ganreg.segment.features import encoder
from ganreg.segment.learned import segmenter
from ganreg.split import folds


def main(argv=None):
    parser = cli.add_paths(
        cli.parser(__doc__), "folds", "structures", "subjects", "encoder", "encoder_manifest", "judge",
        "judge_manifest", "output", many=("samples",),
    )  # fmt: skip
    parser.add_argument("--fold", required=True)
    args = parser.parse_args(argv)
    cli.set_threads(args.options["threads"])
    structures = pd.read_csv(args.structures, sep="\t")
    trained, judge = (io.read_json(path) for path in (args.encoder_manifest, args.judge_manifest))
    content = io.read_json(args.folds)
    fold, other = folds.select(content, args.fold), folds.select(content, str(judge["fold"]))
    modalities = trained["options"]["modalities"]
    real = Subjects(args.subjects, modalities)
    groups = [quality.Cohort(real, part) for part in (fold["train"], fold["test"], other["test"])]
    features = encoder(args.encoder, trained["options"], structures)
    segment = segmenter(args.judge, judge["options"], structures)
    count = int((structures["name"] != REST).sum())
    measured = []
    for folder in args.samples:
        synthetic = Subjects(folder, modalities)
        names = sorted(path.name.removeprefix("sub-") for path in folder.glob("sub-*"))[-args.options["subjects"] :]
        samples = quality.Cohort(synthetic, names)
        table = quality.measure(samples, *groups, features, segment, count, args.options)
        measured.append(table.assign(fold=fold["fold"], kind=folder.name))
    columns = ["fold", "kind", "measure", "reference", "value"]
    io.write_table(args.output, pd.concat(measured)[columns])


if __name__ == "__main__":
    cli.run(main)
