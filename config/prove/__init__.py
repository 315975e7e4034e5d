"""Random schedules of kills, faults and late arrivals over the whole engine, and whether each cent came out once."""
