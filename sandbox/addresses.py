"""Owns where the stand-ins listen: their ports, their URLs, and the sockets they are held by."""

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

HOST = "127.0.0.1"


class PortTaken(Exception):
    """A port that a stand-in should listen on is in use."""

    def __init__(self, name: str, port: int) -> None:
        super().__init__(
            f"port {port}, for the sandbox's {name}, is in use; stop what listens there or choose another"
            " first port with `--port`"
        )
        self.name = name
        self.port = port


@dataclass(frozen=True)
class Addresses:
    """The ports of the gateway, which is served elsewhere, and of the four stand-ins, all on this machine."""

    gateway_port: int
    idp_port: int
    ehr_port: int
    pms_port: int
    crm_port: int

    @classmethod
    def after(cls, first_port: int) -> "Addresses":
        """The demo's layout: the gateway at *first_port*, then identity provider, EHR, PMS and CRM."""
        return cls(*range(first_port, first_port + 5))

    @property
    def gateway(self) -> str:
        """The gateway's URL, and so the audience of the personas' tokens."""
        return _url(self.gateway_port)

    @property
    def idp(self) -> str:
        """The identity provider's URL, which is its issuer name."""
        return _url(self.idp_port)

    @property
    def ehr(self) -> str:
        """The EHR's FHIR base."""
        return f"{_url(self.ehr_port)}/fhir"

    @property
    def pms(self) -> str:
        """The PMS's URL; its interface is below `/v1`, its tokens come from `/oauth/token`."""
        return _url(self.pms_port)

    @property
    def crm(self) -> str:
        """The CRM's URL; its interface is below `/crm`, its tokens come from `/oauth/v1/token`."""
        return _url(self.crm_port)

    def knobs(self, name: str) -> str:
        """Where the knobs of `ehr`, `pms` or `crm` are; append `/requests` or `/faults`."""
        return f"{_url({'ehr': self.ehr_port, 'pms': self.pms_port, 'crm': self.crm_port}[name])}/sandbox"


@dataclass(frozen=True)
class Listeners:
    """A bound socket for each stand-in."""

    idp: socket.socket
    ehr: socket.socket
    pms: socket.socket
    crm: socket.socket


@contextmanager
def bound(addresses: Addresses) -> Iterator[Listeners]:
    """The sockets of *addresses*, all or none; closed at the end.

    Raises:
        PortTaken: naming the first port that is in use.
    """
    with ExitStack() as held:
        yield Listeners(
            idp=held.enter_context(listening("identity provider", addresses.idp_port)),
            ehr=held.enter_context(listening("EHR", addresses.ehr_port)),
            pms=held.enter_context(listening("PMS", addresses.pms_port)),
            crm=held.enter_context(listening("CRM", addresses.crm_port)),
        )


@contextmanager
def bound_anywhere() -> Iterator[tuple[Addresses, Listeners]]:
    """Sockets on ports of the system's choice, and a port for the gateway that was free a moment ago."""
    anywhere = Addresses(0, 0, 0, 0, 0)
    with listening("gateway", 0) as gateway, bound(anywhere) as listeners:
        each = (gateway, listeners.idp, listeners.ehr, listeners.pms, listeners.crm)
        addresses = Addresses(*(sock.getsockname()[1] for sock in each))
        gateway.close()
        yield addresses, listeners


def listening(name: str, port: int) -> socket.socket:
    """A socket that listens on *port* of this machine, for the stand-in *name*; 0 is any that is free.

    Raises:
        PortTaken: the port is in use.
    """
    # asyncio sets TCP_NODELAY only on sockets that name their protocol; without it an answer, which is
    # written head first, waits 40 ms for the client's delayed acknowledgement.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, port))
        sock.listen()  # two may bind a port, but only one may listen there
    except OSError as fault:
        sock.close()
        if fault.errno == errno.EADDRINUSE:
            raise PortTaken(name, port) from None
        raise
    return sock


def _url(port: int) -> str:
    return f"http://{HOST}:{port}"
