"""`python -m benchmarks.report`: tables, charts and figures in prose, from the records in benchmarks/results."""
