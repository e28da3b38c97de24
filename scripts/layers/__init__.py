"""What `scripts/check-layers` is made of."""
