"""From a curated set to a file for a device. Never imports streamlit or curator."""
