"""One file per page. Not called pages/: Streamlit would serve a folder of that name itself, without main.py's frame."""
