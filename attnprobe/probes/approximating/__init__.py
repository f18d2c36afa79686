"""Helpers of the probes that ask what a cheaper attention would lose on the data at hand."""
