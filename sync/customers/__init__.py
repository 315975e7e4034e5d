"""Keeping the customers of a Square connection and of an Exact division in step, each phase picking up what is left.

It books nothing, so it has neither legs nor entries and is no `Flow`: what it writes may be written twice without harm
(the same value again), but for a new account, which has an intent of its own (`creating`).
"""
