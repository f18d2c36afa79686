"""The health of attention: metrics by topic, per head and layer."""
