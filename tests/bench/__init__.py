"""What the rendered code costs, measured beside its alternatives."""
