"""How fast Cueline is and why its defaults are what they are: README.md says how to run and read it."""
