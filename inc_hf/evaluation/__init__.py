"""The score of a model on labelled data."""
