"""Metrics, health and the control API."""
