"""Decisions without hardware: what to trust, what to install, what to run, what to answer."""
