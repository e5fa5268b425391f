"""Segmentation of T1w and T2w together by a recurrent network (RDNN), trained inside each fold."""
