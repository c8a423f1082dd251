"""The engines that are compared with ours, each at its best safe setting: how it makes a model, and runs it."""
