"""Snowflake, through its SQL API: statements with bound values, signed in by a key pair."""
