"""What we know of the models of transformers: their inputs, caches and batches."""
