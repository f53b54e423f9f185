"""The pure core: an event goes in, steps come out."""
