"""A loaded model made ready to run fast."""
