"""Proving exactly once on the live books: each booked leg stands in exactly one document of Exact, to the cent.

Pure: `evidence` (which of our references the ledger shows, and where), `judging` (our legs and entries against it).
With rows and calls: `making`, `keeping`.
"""
