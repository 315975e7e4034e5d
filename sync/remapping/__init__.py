"""After a mapping has changed: what was booked otherwise than it would be now, taken back and booked again.

What is booked stays until a person plans its correction and a person approves that plan. It is an undo (`undo`) of
just these amounts, whose records are let go on by themselves once their reversal stands in the ledger, under their next
ordinal. Orders move nothing in the ledger: what is written in them is changed without a plan (`orders`).
"""
