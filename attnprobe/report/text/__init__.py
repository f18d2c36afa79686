"""The verdict of a check as text: on a terminal, in a log, in a file."""
