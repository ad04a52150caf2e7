"""Adapters to hardware and simulation. They take no decisions."""
