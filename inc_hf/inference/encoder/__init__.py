"""Encoders that run all their layers in one native call, on the tokens that are not padding."""
