"""Measure one fold's synthetic subjects of each kind: likeness, diversity, fidelity, memorization."""

from collections.abc import Sequence

import pandas as pd

from ganreg import cli, io
from ganreg.evaluate import quality
from ganreg.evaluate.cohort import Cohort
from ganreg.segment.features import encoder
from ganreg.segment.segmenting import segmenter
from ganreg.segment.settings import RdnnPart
from ganreg.split import folds
from ganreg.synthesize.settings import Quality
from ganreg.volumes import bids, labels
from ganreg.volumes.subjects import Subjects


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(
        cli.parser(__doc__, Quality), "folds", "structures", "subjects", "encoder", "encoder_manifest", "other",
        "other_manifest", "output", many=("samples",),
    )  # fmt: skip
    parser.add_argument("--fold", required=True)
    args = parser.parse_args(argv)
    cli.set_threads(args.options.threads)
    structures = pd.read_csv(args.structures, sep="\t")
    # the fold's own network tells images apart; that of another fold, which did not see these subjects, segments them
    own, other = (io.read_json(path) for path in (args.encoder_manifest, args.other_manifest))
    own_rdnn, other_rdnn = (RdnnPart.model_validate(content["options"]) for content in (own, other))
    content = io.read_json(args.folds)
    fold, unseen = folds.select(content, args.fold), folds.select(content, str(other["fold"]))["test"]
    real = Subjects(args.subjects, own_rdnn.modalities)
    groups = [Cohort(real, part) for part in (fold["train"], fold["test"], unseen)]
    features = encoder(args.encoder, own_rdnn, structures)
    segment = segmenter(args.other, other_rdnn, structures)
    count = len(list(labels.measured(structures)))
    measured = []
    for folder in args.samples:
        names = bids.subjects_in(folder)[-args.options.subjects :]
        samples = Cohort(Subjects(folder, own_rdnn.modalities), names)
        table = quality.measure(samples, *groups, features, segment, count, args.options)
        measured.append(table.assign(fold=fold["fold"], kind=folder.name))
    columns = ["fold", "kind", "measure", "reference", "value"]
    io.write_table(args.output, pd.concat(measured)[columns])


if __name__ == "__main__":
    cli.run(main)
