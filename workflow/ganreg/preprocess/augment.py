"""Classic augmentation with TorchIO (Perez-Garcia et al. 2021): images and labels together."""

import torch
import torchio


def build_transform(options):
    """Scaling, rotation, down- and up-sampling, as one TorchIO transform.

    Parameters
    ----------
    options : dict
        `scale` (fraction), `rotation_deg`, `downsampling` (factor), `probability` of each.
    """
    scale, rotation = options["scale"], options["rotation_deg"]
    return torchio.Compose(
        [
            torchio.RandomAffine(
                scales=(1 - scale, 1 + scale),
                degrees=(-rotation, rotation),
                default_pad_value=0,
                p=options["probability"],
            ),
            torchio.RandomAnisotropy(downsampling=(1, options["downsampling"]), p=options["probability"]),
        ]
    )


def augment(images, labels, affine, options, count):
    """Augmented copies of one subject.

    Parameters
    ----------
    images : dict of float32 arrays (X, Y, Z)
    labels : int array (X, Y, Z)
    affine : array (4, 4)
    options : dict, block `augmentation`
    count : int

    Returns
    -------
    list of (images, labels), seeded
    """
    transform = build_transform(options)
    subject = torchio.Subject(
        dseg=torchio.LabelMap(tensor=torch.from_numpy(labels)[None], affine=affine),
        **{
            name: torchio.ScalarImage(tensor=torch.from_numpy(data)[None], affine=affine)
            for name, data in images.items()
        },
    )
    torch.manual_seed(options["seed"])
    copies = [transform(subject) for _ in range(count)]
    return [({name: copy[name].data[0].numpy() for name in images}, copy["dseg"].data[0].numpy()) for copy in copies]
