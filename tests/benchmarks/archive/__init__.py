"""The archive in Snowflake, measured next to dlt."""
