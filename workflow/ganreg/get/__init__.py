"""Bring data into raw BIDS: downloads and DICOM files; the template space; which subjects a BIDS folder has."""
