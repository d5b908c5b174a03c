"""Connections that ask for nothing, or never finish: they are closed, and there is a limit to their number.

Uvicorn has a time limit only between two requests, and Streamlit starts it with settings of its own. So some hundred half-open
connections would keep everybody else out for as long as their sender likes.
"""

import resource
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEAD_SECONDS = 30.0  # for the first line and the headers of a request to arrive in
BODY_ROUNDS = 6  # times as long for its body; a piece of an upload adapts to the line, and takes seconds
MOST = 2000  # open connections; a browser opens six


def limit_connections(seconds: float = HEAD_SECONDS, most: int = MOST) -> None:
    """Let this process's server close a connection whose request does not arrive, and one that is too many.

    Connections take half of the files that this process may open at most, so that pictures and the database have theirs.
    """
    most = min(most, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
    protocol: Any = AutoHTTPProtocol
    connection_made = protocol.connection_made

    def limited(self: Any, transport: Any) -> None:
        connection_made(self, transport)
        if len(self.connections) > most:
            transport.close()
        else:
            self.loop.call_later(seconds, give_up, self, None, 1)

    def give_up(self: Any, before: Any, rounds: int) -> None:
        """`before` is the request that was there when the time began to run, `rounds` ago; None if there was none yet."""
        if self.transport.is_closing() or self.transport.get_protocol() is not self:  # a websocket is another protocol
            return
        cycle: Any = self.cycle
        rounds = rounds + 1 if cycle is before else 1
        idle = cycle is None or cycle.response_complete
        if cycle is before and (idle or (cycle.more_body and rounds > BODY_ROUNDS)):
            self.transport.close()
        else:
            self.loop.call_later(seconds, give_up, self, cycle, rounds)

    protocol.connection_made = limited
