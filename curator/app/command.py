"""The command `winnow`: the curator's commands, and `winnow app`, which starts the app."""

from pathlib import Path
from typing import Annotated

import typer

from curator.__main__ import app as curator_commands
from db.commands import Version

HERE = Path(__file__).parent

winnow = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
winnow.add_typer(curator_commands)


@winnow.callback()
def main(version: Version = False) -> None:
    """Curate hair masks: ingest, review and export them, or start the app with `winnow app`. `winnow-train` trains.

    WINNOW_HOME is the folder of the database, the pictures and the runs; without it, winnow-home in the current folder.
    """


@winnow.command("app")
def start_app(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 8501,
    address: Annotated[
        str,
        typer.Option(
            help="The network address to listen on. Keep localhost: any other address shows people's faces to the network. "
            "A container needs 0.0.0.0, and must publish the port on 127.0.0.1 only."
        ),
    ] = "localhost",
) -> None:
    """Start the app on this machine, and print its address."""
    from streamlit.web.cli import main as streamlit  # a second of imports that no other command needs

    # Both are always passed, so that no STREAMLIT_SERVER_... variable or config file opens the app to the network.
    streamlit(["run", str(launcher()), "--server.port", str(port), "--server.address", address], prog_name="streamlit")


def launcher() -> Path:
    """The file that Streamlit runs, with `.streamlit/config.toml` beside it: the wheel's (see setup.py), or the checkout's."""
    packed = HERE / "launcher" / "streamlit_app.py"
    return packed if packed.exists() else HERE.parents[1] / "streamlit_app.py"
