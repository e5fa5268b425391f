"""RIRE's files as small stand-ins: a volume's archive, and a gold standard."""

import numpy as np
import SimpleITK as sitk
from loopback import packed

from ganreg.spatial import itk

SIZE = (6, 5, 4)
SPACING = (1.25, 1.25, 4.0)
# a real one has more entries, in five groups
HEADER = """Group length := 100
Modality := MR
Slice thickness := 4.000000

Patient Orientation := L : P : H

Rows := 5
Columns := 6
Slices := 4
Pixel size := 1.250000 : 1.250000
Bits allocated := 16
Pixel representation := 1
"""


def voxels(size=SIZE):
    return np.arange(np.prod(size), dtype=np.int16)


def volume_archive(header=HEADER, name="image.bin", content=None):
    content = voxels().astype(">i2").tobytes() if content is None else content
    return packed(("mr_T1/header.ascii", header.encode()), (f"mr_T1/{name}", content), mode="w:gz")


def planted():
    """A rigid motion in LPS mm."""
    matrix = np.eye(4)
    matrix[:3, :3] = itk.affine_matrix(sitk.Euler3DTransform((0, 0, 0), 0.1, -0.05, 0.2))[:3, :3]
    matrix[:3, 3] = [5, -17, -27]
    return matrix


def truth(matrix, size=SIZE, spacing=SPACING, source="CT", target="mr_T1"):
    """A gold standard as RIRE writes it."""
    extent = (np.array(size) - 1) * spacing
    corners = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)]) * extent
    moved = corners @ matrix[:3, :3].T + matrix[:3, 3]
    lines = [
        f"{number:3d}  " + "".join(f"{value:11.4f}" for value in (*corner, *new))
        for number, (corner, new) in enumerate(zip(corners, moved, strict=True), start=1)
    ]
    head = f"Transformation Parameters\n\nDate: 9th August 1996\nPatient number: 001\nFrom: {source}\nTo: {target}\n\n"
    return "\n".join([head, "Point      x          y          z        new_x       new_y       new_z", "", *lines, ""])
