"""What is trained: the block, the network, its initialisation; bodies and residuals, a file per variant."""
