"""JUnit's XML: what CI systems show as tests."""
