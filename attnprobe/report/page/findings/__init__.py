"""The section on findings: a card each, and what came of the rules that found nothing."""
