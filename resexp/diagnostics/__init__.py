"""What is measured inside a network, layer by layer: a file per quantity.

Each is a function of a `Probe`. What it gives is (R,) of the whole network, (R, L) of its L blocks, or (R, L + 1) of
the stream before, between and after them; None where the network has no such thing.
"""
