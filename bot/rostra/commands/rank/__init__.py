"""``/rank``: answers to one question compared, one ballot after the other."""
