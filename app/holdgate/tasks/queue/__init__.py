"""The hot path: claims, moves, limits, retention and orphans."""
