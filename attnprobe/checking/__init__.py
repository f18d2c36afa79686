"""Rules over numbers: packs, settings, suppression, baselines, budgets. Never imports torch."""
