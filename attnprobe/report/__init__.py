"""One output format per file: `<format>_report.py` defines `report`, an `output.Report`.

A format turns a saved `Scan` into bytes, without the model and without torch. Rounding and units happen here
and nowhere else.
"""
