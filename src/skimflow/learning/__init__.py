"""What is learned from simulated tt̄: which jet is which quark, and tt̄ against the other processes."""
