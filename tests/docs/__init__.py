"""The documentation: what of it is made from the code, and the tests that hold the rest to it."""
