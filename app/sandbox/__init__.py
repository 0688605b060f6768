"""What `make run` starts beside the product, and tests use: a careers site and sample data. Not in the wheel."""
