"""SARIF 2.1.0 (OASIS Standard, 27 March 2020), the part of it that GitHub's code scanning reads."""
