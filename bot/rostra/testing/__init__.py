"""Contract tests and fakes for anybody's components.

Subclass a contract, provide its fixture, inherit the tests.
"""
