"""Raw BIDS to the working grid: brain masks, alignment, bias fields, B-spline resampling, classic augmentation."""
