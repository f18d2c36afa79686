"""The web page: a scan turned into plain display data, which the templates only place."""
