"""Bodies, the branches of a block, one file per variant. Parameter counts are those with nn.Linear."""
