"""A local Genesys Cloud to try and test Cueline with."""
