"""What is trained: the block, the network, its initialization; bodies and residuals, a file per variant."""
