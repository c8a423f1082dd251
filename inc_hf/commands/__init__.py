"""What the commands of `inc-hf` do."""
