"""Fits of templates: from a declared model to a measurement, with pyhf, cabinetry and MINUIT (extra `fit`).

`model` reads what is declared, `workspace` builds the HistFactory workspace of it, `likelihood` and `fitting` fit it,
`hypotests` gives limits and significances, `yields` and `toys` what a model predicts. The packages of the extra are
imported when a workspace is used, not before.
"""
