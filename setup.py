"""Puts into the wheel what a checkout keeps where Streamlit looks for it: the launcher, and the settings beside it.

Everything else about the package stands in pyproject.toml.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

LAUNCHER = ("streamlit_app.py", ".streamlit/config.toml")


class BuildWithLauncher(build_py):
    """Copies the launcher to where `curator.app.command.launcher` finds it; an editable install uses the checkout's own."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for name in LAUNCHER:
            target = Path(self.build_lib, "curator/app/launcher", name)
            self.mkpath(str(target.parent))
            self.copy_file(name, str(target))


setup(cmdclass={"build_py": BuildWithLauncher})
