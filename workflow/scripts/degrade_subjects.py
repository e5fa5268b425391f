"""Write degraded copies of all moving test subjects, the untouched beside them, and the folds that pair them."""

import shutil

import numpy as np

from ganreg import cli, io
from ganreg.evaluate import degrade


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "folds", "subjects", "output_folds", "output_subjects")
    args = parser.parse_args(argv)
    options = args.options
    content = io.read_json(args.folds)
    folds = content["folds"][: options["folds"]]
    pairs = [pair for fold in folds for pair in fold["pairs"]]
    image_name, labels_name = f"desc-preproc_{options['moving']}.nii.gz", "res-evaluation_dseg.nii.gz"
    with io.atomic(args.output_subjects) as folder:

        def path(root, subject, name):
            return root / f"sub-{subject}" / "anat" / f"sub-{subject}_{name}"

        for subject in sorted({pair[role] for pair in pairs for role in ("fixed", "moving")}):
            for name in {image_name, labels_name, f"desc-preproc_{options['fixed']}.nii.gz"}:
                copy = path(folder, subject, name)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path(args.subjects, subject, name), copy)
        for subject in sorted({pair["moving"] for pair in pairs}):
            image = io.load_image(path(args.subjects, subject, image_name))
            labels = io.load_labels(path(args.subjects, subject, labels_name))
            data, structures = np.asarray(image.dataobj), np.asarray(labels.dataobj).astype(np.uint8)
            for kind, level, suffix in degrade.conditions(options):
                if not suffix:
                    continue
                # one draw a subject and kind: a higher level is more of the same
                rng = np.random.default_rng([options["seed"], *degrade.KINDS[kind].encode(), *subject.encode()])
                degraded = degrade.degrade(kind, level, rng, data, image.affine, structures, labels.affine)
                io.save(path(folder, subject + suffix, image_name), degraded[0], image.affine)
                io.save(path(folder, subject + suffix, labels_name), degraded[1], labels.affine, np.uint8)
    io.write_json(args.output_folds, {**content, "folds": degrade.degraded_folds(folds, options)})


if __name__ == "__main__":
    cli.run(main)
