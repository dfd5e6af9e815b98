"""One place around an upstream call: deadline, bulkhead, retry, breaker, credentials, one table of errors."""

from sources.calling.answers import Nonconforming, Reader
from sources.calling.authorizing import Anonymous, Authorizer, StaticBearer
from sources.calling.backend_services import backend_services
from sources.calling.chunks import in_chunks
from sources.calling.client_credentials import client_credentials
from sources.calling.httpx_transport import HttpxTransport
from sources.calling.keyed import Dropped, Unasked, many_each, one_each, only_asked
from sources.calling.observing import Observer, Outcome, Tally, current_tally, tallied
from sources.calling.rows import RowReader, Unread
from sources.calling.transport import Fault, Reply, Request, Transport, TransportFault
from sources.calling.upstream import Limits, Upstream
from sources.calling.wreq_transport import WreqTransport

__all__ = [
    "Anonymous",
    "Authorizer",
    "Dropped",
    "Fault",
    "HttpxTransport",
    "Limits",
    "Nonconforming",
    "Observer",
    "Outcome",
    "Reader",
    "Reply",
    "Request",
    "RowReader",
    "StaticBearer",
    "Tally",
    "Transport",
    "TransportFault",
    "Unasked",
    "Unread",
    "Upstream",
    "WreqTransport",
    "backend_services",
    "client_credentials",
    "current_tally",
    "in_chunks",
    "many_each",
    "one_each",
    "only_asked",
    "tallied",
]
