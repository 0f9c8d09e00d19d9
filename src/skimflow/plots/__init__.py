"""Figures, from tables to files."""
