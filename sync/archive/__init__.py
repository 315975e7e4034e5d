"""Exact Online archived in Snowflake."""
