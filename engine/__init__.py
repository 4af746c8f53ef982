"""Cueline: hears phrases on live calls and acts on them."""

__version__ = "0.1.0"
