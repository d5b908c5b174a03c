"""Remembers in this browser who reviews; a page can read a cookie, but only a component can set one."""

from urllib.parse import quote

import streamlit as st

from curator.app.guard import COOKIE

_JS = """
export default function ({ data }) {
  document.cookie = `${data.cookie}=${data.name}; path=/; max-age=31536000; samesite=strict`;
}
"""
_component = st.components.v2.component("winnow_me", html="<span></span>", js=_JS)


def remember(name: str) -> None:
    """Set the cookie that names this browser's reviewer."""
    _component(key="me", data={"cookie": COOKIE, "name": quote(name, safe="")})
