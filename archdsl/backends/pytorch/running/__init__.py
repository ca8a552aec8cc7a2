"""A compiled network at work: built, given weights, tuned, run and measured. Torch is imported here."""
