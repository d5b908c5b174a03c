"""What curator and trainer both build on: settings, schema, sessions, migrations, the blob store and jobs."""
