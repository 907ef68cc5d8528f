"""Reference implementations and small plans that tests of several networks read."""
