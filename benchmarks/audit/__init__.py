"""What recording an operation costs, as a share of what the operation costs."""
