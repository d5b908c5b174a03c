"""Fixtures: the routes on a test's own database and store, asked by a page of Winnow's."""

from tests.curator.app.test_routes import client, examples, ours

__all__ = ["client", "examples", "ours"]
