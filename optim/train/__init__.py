"""Training for fluctuating hardware; needs the torch extra."""
