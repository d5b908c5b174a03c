"""Connections that ask for nothing: each is closed after half a minute, and there is a limit to their number.

Uvicorn has a time limit only between two requests, and Streamlit starts it with settings of its own. So some hundred half-open
connections would keep everybody else out for as long as their sender likes.
"""

from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEAD_SECONDS = 30.0  # for the first line and the headers of a request to arrive in
MOST = 2000  # open connections; a browser opens six


def limit_connections(seconds: float = HEAD_SECONDS, most: int = MOST) -> None:
    """Let this process's server close a connection whose request does not arrive, and one that is too many."""
    protocol: Any = AutoHTTPProtocol
    connection_made = protocol.connection_made

    def limited(self: Any, transport: Any) -> None:
        connection_made(self, transport)
        if len(self.connections) > most:
            transport.close()
        else:
            self.loop.call_later(seconds, give_up, self, None)

    def give_up(self: Any, before: object) -> None:
        if self.transport.is_closing() or self.transport.get_protocol() is not self:  # a websocket is another protocol
            return
        waiting = self.cycle is None or self.cycle.response_complete
        if waiting and self.cycle is before:  # no request has come since
            self.transport.close()
        else:
            self.loop.call_later(seconds, give_up, self, self.cycle if waiting else self)

    protocol.connection_made = limited
