"""Estimate the velocity that leads from the template to a subject, by instance optimization of T1w images."""

import numpy as np
import torch
from scipy import ndimage

from ganreg import cli, io
from ganreg.learn.devices import choose_device
from ganreg.register.instance import Instance
from ganreg.register.refine import optimize
from ganreg.volumes import normalize

# full width at half maximum of a Gaussian in units of its standard deviation
FWHM = 2.3548


def on_grid(data, affine, shape, target):
    """A volume on a coarser grid of the same space, low-passed to its voxels, linearly interpolated."""
    old, new = (np.linalg.norm(each[:3, :3], axis=0) for each in (affine, target))
    sigma = np.sqrt(np.maximum(new**2 - old**2, 0)) / FWHM / old
    matrix = np.linalg.inv(affine) @ target
    smooth = ndimage.gaussian_filter(data.astype(np.float32), sigma)
    return ndimage.affine_transform(smooth, matrix[:3, :3], matrix[:3, 3], shape, order=1)


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__, Instance), "template_image", "template_mask", "image", "output")
    args = parser.parse_args(argv)
    settings = args.options
    cli.set_threads(settings.threads)
    template, mask = io.load_image(args.template_image), io.load_labels(args.template_mask)
    subject, brain = io.load_image(args.image), np.asarray(mask.dataobj) > 0
    there, share = (
        on_grid(each, template.affine, subject.shape, subject.affine)
        for each in (np.where(brain, np.asarray(template.dataobj), 0), brain)
    )
    scores = normalize.zscore(there, share > 0.5, args.template_image)
    device = choose_device(settings.device)
    images = (torch.from_numpy(np.asarray(each))[None, None].to(device) for each in (scores, subject.dataobj))
    velocity = optimize(*images, settings, settings.integration_steps)[0].cpu().numpy()
    with io.atomic(args.output) as beside, beside.open("wb") as file:
        np.save(file, velocity)


if __name__ == "__main__":
    cli.run(main)
