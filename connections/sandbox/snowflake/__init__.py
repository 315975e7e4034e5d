"""The Snowflake SQL API: accounts, keys, roles, warehouses, and tables that can be queried.

Reference: the project's notes on Snowflake ("snowflake.md"); section numbers below are theirs.
"""

from connections.sandbox.snowflake.sandbox import SnowflakeSandbox

__all__ = ["SnowflakeSandbox"]
