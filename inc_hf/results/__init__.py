"""What a verb gives back: a model, its story, how it is kept and published."""
