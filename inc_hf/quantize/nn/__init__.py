"""The modules of few bits, and the weights that they run on."""
