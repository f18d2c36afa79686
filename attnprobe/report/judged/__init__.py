"""What the formats of a judged scan share: order and wording of findings, places in the code, budgets."""
