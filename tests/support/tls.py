"""A TLS relay for stores that are built without TLS."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_SSL_REQUEST = bytes.fromhex("0000000804d2162f")


@dataclass(frozen=True)
class Authority:
    """A root certificate, and a server certificate for `localhost` that it signed, with its key."""

    root: Path
    certificate: Path
    key: Path


def new_authority(folder: Path) -> Authority:
    """Creates the certificates with the `openssl` command."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    root = ("-x509", "-days", "2", "-subj", "/CN=root", "-keyout", "root.key", "-out", "root.crt")
    openssl("req", *new_key, *root, "-addext", "keyUsage=critical,keyCertSign")
    openssl("req", *new_key, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr")
    (folder / "names").write_text("subjectAltName = DNS:localhost\n")
    signed_by = ("-CA", "root.crt", "-CAkey", "root.key", "-CAcreateserial", "-days", "1", "-extfile", "names")
    openssl("x509", "-req", "-in", "server.csr", *signed_by, "-out", "server.crt")
    return Authority(folder / "root.crt", folder / "server.crt", folder / "server.key")


@contextmanager
def tls_in_front(server: str | tuple[str, int], authority: Authority, postgres: bool) -> Iterator[int]:
    """Yields a TLS port on `localhost` that leads to the server: a Unix socket's path, or host and port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate, authority.key)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                threading.Thread(target=serve, args=(client,), daemon=True).start()

    def serve(client: socket.socket) -> None:
        # A client that does not trust the certificate hangs up in the handshake.
        with client, suppress(OSError):
            if postgres:
                assert client.recv(len(_SSL_REQUEST), socket.MSG_WAITALL) == _SSL_REQUEST
                client.sendall(b"S")
            with context.wrap_socket(client, server_side=True) as safe:
                behind = socket.socket(socket.AF_UNIX if isinstance(server, str) else socket.AF_INET)
                with behind:
                    behind.connect(server)
                    back = threading.Thread(target=copy, args=(behind, safe), daemon=True)
                    back.start()
                    copy(safe, behind)
                    back.join()

    def copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1]
        # Closing alone would leave the thread in accept().
        listening.shutdown(socket.SHUT_RDWR)
