"""The ``densing`` command: thin commands, heavy imports inside them."""
