"""What judgments say: leaderboards, agreement, how raters rate, when to decide, what to ask next, and simulated raters.

Everything reads `rostra.feedback.judged.Judged` values and nothing else. The libraries of the extra ``analysis`` are
imported where they are used.
"""
