"""Many engines that share calls over one Redis."""
