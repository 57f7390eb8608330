"""The kinds of criterion a policy may use, and their evaluation."""
