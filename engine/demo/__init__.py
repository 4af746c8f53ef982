"""`cueline demo`: simulator and engine as separate processes, a webhook receiver, and what was heard of what was said."""
