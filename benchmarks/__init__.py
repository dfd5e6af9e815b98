"""What one request costs: the gateway beside a textbook service and a hand-written floor."""
