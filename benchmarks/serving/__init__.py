"""What `dim_trt.serve` does under load, and how soon a stroke is seen. Read `__main__` first."""
