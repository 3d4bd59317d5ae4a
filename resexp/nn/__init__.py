"""Networks: the residual block, the models built from it, and their initialization. One file per variant."""
