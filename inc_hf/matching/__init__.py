"""Which modules a name, a type or a model family means."""
