"""Parts of `image.process`. What is imported here is imported in every process of the pool: keep it light."""
