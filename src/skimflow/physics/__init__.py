"""Physics on arrays: arrays in, arrays out."""
