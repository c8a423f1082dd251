"""`inc-hf demo`: the main job of the package on a real model and real text, from download to a loaded INT8 model."""
