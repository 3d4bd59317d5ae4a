"""Bodies, the branches of a block, one file per variant. Parameter counts are those with nn.Linear.

A body may name some of its linear layers in class attributes: in `beside_activation` those whose initial weights
compensate for an activation, in `aside` those that do not carry the signal, such as queries and keys.
"""
