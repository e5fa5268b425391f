"""Grids, warps, integration, composition, Jacobians and transform files, shared by every method.

Conventions: arrays are (X, Y, Z) in RAS order; tensors (B, C, X, Y, Z); a displacement is (B, 3, X, Y, Z) in voxels,
channel order = axis order, and a warped image is the moving image sampled at x + u(x), corners aligned. The paper's
160x192x224 counts left-right, inferior-superior, anterior-posterior; in this order it is 160x224x192.
"""
