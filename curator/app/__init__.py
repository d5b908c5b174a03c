"""The pages and the HTTP routes: they ask a function and draw its answer. No rule, no SQL, no pixel arithmetic."""
