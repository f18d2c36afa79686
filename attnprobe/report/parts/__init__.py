"""What several formats share: wording, units, and the reading of a scan's lists."""
