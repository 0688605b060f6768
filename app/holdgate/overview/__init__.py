"""The overview: what needs me now, and how the whole stands. It looks at every feature, and none looks at it."""
