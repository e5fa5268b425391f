"""Raw BIDS to the working grid: alignment, normalisation, B-spline resampling, classic augmentation."""
