"""Corrections of objects and weights of events: arrays in, arrays out; no configuration, no files of events."""
