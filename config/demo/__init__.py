"""The demonstration: a shop with a month of sales, booked for real in a sandbox of both vendors."""
