"""Private numerics that every public package builds on."""
