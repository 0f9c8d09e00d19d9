"""What is learnt from skims, for selections of the same measurement."""
