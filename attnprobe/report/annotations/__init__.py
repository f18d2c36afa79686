"""Findings at lines of the code, in the forms of two CI systems."""
