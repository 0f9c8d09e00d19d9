"""Fits of templates, with pyhf and cabinetry."""
