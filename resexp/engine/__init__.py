"""Training: packs of replicates, the step and its capture, optimizers, the loop and its events."""
