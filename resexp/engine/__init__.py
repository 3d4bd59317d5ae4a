"""How it is trained: pack, optimizer, the loop."""
