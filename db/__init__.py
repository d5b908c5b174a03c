"""What both wings stand on: settings, schema, sessions, migrations, the blob store and jobs."""
