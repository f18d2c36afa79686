"""model → op graph → attention sites; `tracing.tracing.trace` is the door."""
