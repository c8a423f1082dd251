"""What `inc-hf train`, `prune` and `distill` share: one job, of which each command asks for a part."""
