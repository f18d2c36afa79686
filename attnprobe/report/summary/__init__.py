"""The summary for a terminal: one screen of a scan, drawn with rich."""
