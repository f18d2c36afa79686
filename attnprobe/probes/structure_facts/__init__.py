"""What the probes of structure report, and what they work out of a trace."""
