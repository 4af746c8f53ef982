"""A worker's whole job: frames in, spotted phrases out."""
