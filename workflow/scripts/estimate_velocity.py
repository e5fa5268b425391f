"""Estimate the velocity that leads from the template to a subject, by instance optimization of T1w images."""

import nibabel as nib
import numpy as np
import SimpleITK as sitk
import torch

from ganreg import cli, io
from ganreg.learn.devices import choose_device
from ganreg.preprocess import resample
from ganreg.register.instance import Instance, optimize
from ganreg.volumes import normalize


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__, Instance), "template_image", "template_mask", "image", "output")
    args = parser.parse_args(argv)
    settings = args.options
    cli.set_threads(settings.threads)
    template, mask = io.load_image(args.template_image), io.load_labels(args.template_mask)
    subject, identity = io.load_image(args.image), sitk.Transform(3, sitk.sitkIdentity)
    brain = np.where(np.asarray(mask.dataobj) > 0, np.asarray(template.dataobj), 0)
    there = resample.resample_image(nib.Nifti1Image(brain, template.affine), identity, subject.shape, subject.affine)
    scores = normalize.zscore(there, resample.resample_mask(mask, identity, subject), args.template_image)
    device = choose_device(settings.device)
    images = (torch.from_numpy(np.asarray(each))[None, None].to(device) for each in (scores, subject.dataobj))
    velocity = optimize(*images, settings)[0].cpu().numpy()
    with io.atomic(args.output) as beside, beside.open("wb") as file:
        np.save(file, velocity)


if __name__ == "__main__":
    cli.run(main)
