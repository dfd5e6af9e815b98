"""One place around an upstream call: deadline, pace, bulkhead, retry, breaker, credentials, error table."""

from sources.calling.alarms import Alarm, Alarms
from sources.calling.allowance import Allowance, AllowanceReader, rate_limit_headers, usage_header
from sources.calling.allowed import Allowed
from sources.calling.answers import Nonconforming, Reader
from sources.calling.authorizing import Anonymous, Authorizer, StaticBearer
from sources.calling.backend_services import backend_services
from sources.calling.chunks import in_chunks
from sources.calling.client_credentials import client_credentials
from sources.calling.flaws import Flaw
from sources.calling.httpx_transport import HttpxTransport
from sources.calling.keyed import Dropped, Identified, Unasked, many_each, one_each, only_asked
from sources.calling.limits import Limits
from sources.calling.observing import Event, Observer, Outcome
from sources.calling.operation import Operation, current_operation, operating, tallied
from sources.calling.pacing import Quota
from sources.calling.rows import RowReader, Unread
from sources.calling.signing import SigningKey, signing_key
from sources.calling.tally import SourceTally, Status, Tally
from sources.calling.tls import BadTls, Tls
from sources.calling.transport import Fault, Reply, Request, Transport, TransportFault
from sources.calling.upstream import Upstream
from sources.calling.wreq_transport import WreqTransport

__all__ = [
    "Alarm",
    "Alarms",
    "Allowance",
    "AllowanceReader",
    "Allowed",
    "Anonymous",
    "Authorizer",
    "BadTls",
    "Dropped",
    "Event",
    "Fault",
    "Flaw",
    "HttpxTransport",
    "Identified",
    "Limits",
    "Nonconforming",
    "Observer",
    "Operation",
    "Outcome",
    "Quota",
    "Reader",
    "Reply",
    "Request",
    "RowReader",
    "SigningKey",
    "SourceTally",
    "StaticBearer",
    "Status",
    "Tally",
    "Tls",
    "Transport",
    "TransportFault",
    "Unasked",
    "Unread",
    "Upstream",
    "WreqTransport",
    "backend_services",
    "client_credentials",
    "current_operation",
    "in_chunks",
    "many_each",
    "one_each",
    "only_asked",
    "operating",
    "rate_limit_headers",
    "signing_key",
    "tallied",
    "usage_header",
]
