"""Proves that providers can reach the receiver from outside, or says what is in the way and what to do about it."""
