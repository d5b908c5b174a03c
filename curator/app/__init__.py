"""The pages and the HTTP routes: they call a function and show its result. No rules, no SQL, no pixel arithmetic."""
