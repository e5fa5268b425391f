"""Measure one fold's synthetic subjects of each kind: likeness, diversity, fidelity, memorization."""

from collections.abc import Sequence
from itertools import groupby

import pandas as pd

from ganreg import cli, io
from ganreg.evaluate import quality
from ganreg.evaluate.cohort import Cohort
from ganreg.segment.crossfit import refuse_seen
from ganreg.segment.features import encoder
from ganreg.segment.segmenting import segmenter
from ganreg.segment.settings import RdnnPart
from ganreg.split import folds
from ganreg.synthesize.samples import map_of_vector
from ganreg.synthesize.settings import Quality
from ganreg.volumes import bids, labels
from ganreg.volumes.subjects import Subjects


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(
        cli.parser(__doc__, Quality), "folds", "structures", "subjects", "network", "network_manifest", "output",
        many=("samples",), any_number=("vectors",),
    )  # fmt: skip
    parser.add_argument("--fold", required=True)
    args = parser.parse_args(argv)
    cli.set_threads(args.options.threads)
    structures = pd.read_csv(args.structures, sep="\t")
    fold, trained = folds.select(io.read_json(args.folds), args.fold), io.read_json(args.network_manifest)
    model = RdnnPart.model_validate(trained["options"])
    # it has seen neither what samples are made from nor what they are compared with
    held_out = dict.fromkeys([*fold["train"], *fold["test"]], model.part)
    refuse_seen(held_out, {model.part: trained["opened"]}, fold)
    real = Subjects(args.subjects, model.modalities)
    groups = [Cohort(real, fold[part]) for part in ("train", "test")]
    features, segment = (make(args.network, model, structures) for make in (encoder, segmenter))
    count = len(list(labels.measured(structures)))
    measured = []
    for folder in args.samples:
        names = bids.subjects_in(folder)[-args.options.subjects :]
        samples = Cohort(Subjects(folder, model.modalities), names)
        table = quality.measure(samples, *groups, features, segment, count, args.options)
        measured.append(table.assign(kind=folder.name))
    for folder in args.vectors:
        subjects = Subjects(folder, model.modalities)
        of_maps = [Cohort(subjects, [*names]) for _, names in groupby(bids.subjects_in(folder), map_of_vector)]
        table = quality.measure_vectors(of_maps, groups[0], count, args.options)
        measured.append(table.assign(kind="pgan"))
    columns = ["fold", "kind", "measure", "reference", "value"]
    io.write_table(args.output, pd.concat(measured).assign(fold=fold["fold"])[columns])


if __name__ == "__main__":
    cli.run(main)
