"""The conformance table: raw bytes in, and what the origin and the client must have received.

table.py says what a row is, stage.py plays one, cases_*.py are the rows, a file for each subject. The rows are run by
integration/test_conform.py, one test each.
"""
