"""What text and plain data may be: addresses, cells, masks, shapes, invisible characters."""
