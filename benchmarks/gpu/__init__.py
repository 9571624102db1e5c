"""`python -m benchmarks.gpu`: everything that is to be known of a GPU; its steps are processes of their own."""
