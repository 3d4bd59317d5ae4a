"""What is measured inside a network.

`suite` decides what is measured and when, and `quantities` holds the quantities. A quantity is a function of a `probe`,
which runs the network by `tracing`: it records what passes between the blocks, which `blocks` finds, and inside them.
"""
