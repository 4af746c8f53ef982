"""What Cueline is compared with: the decoder alone, a tutorial's script per call, and a plain recognition server."""
