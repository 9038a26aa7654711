"""A socket that speaks TLS and behaves as a bare one: the same words, and the same endings.

Python's own SSLSocket hides what these tests speak of. Here the engine has no socket (ssl.MemoryBIO), so that the end of one side
(shutdown(SHUT_WR): close_notify, and reading goes on), an end without close_notify (Cut, which is a ConnectionError) and a reset are
told apart, one thread may read while another one writes, and a select on fileno() with take() works. The handshake is made by
handshake(), or by the first call that moves bytes: who resets right after accept does so before it.
"""

import socket
import ssl
import threading

RECORD = 16384
BYE_S = 10.0  # what a server waits for a client that takes its last bytes; a client closes at once


class Cut(ConnectionError):
    """The peer has ended the connection without close_notify."""


class Failed(ConnectionError):
    """TLS went wrong; the reason is OpenSSL's."""

    def __init__(self, error):
        super().__init__(f"{getattr(error, 'reason', None) or ''} {error}".strip())
        self.reason = getattr(error, "reason", None)


class TlsSocket:
    """Takes over a connected socket. name: whom a client asks for (SNI, and whose certificate it must be); session: to be resumed."""

    def __init__(self, sock, context, is_server=False, name=None, session=None):
        self.sock = sock
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.engine = context.wrap_bio(self.incoming, self.outgoing, is_server, server_hostname=name, session=session)
        self.bye_s = BYE_S if is_server else 0.0
        self.engine_lock, self.send_lock, self.shake_lock = threading.RLock(), threading.RLock(), threading.RLock()
        self.plain, self.unsent = bytearray(), b""
        self.is_open, self.has_ended, self.has_said_bye, self.is_to_reset = False, False, False, False
        self.failure = None

    def __getattr__(self, name):
        return getattr(self.sock, name)

    # ---- the engine

    def step(self, function, *arguments):
        """(Is it done?, what it gave): False when it wants more from the peer. What it has to say is sent, also when it fails."""
        try:
            with self.engine_lock:
                return True, function(*arguments)
        except ssl.SSLWantReadError:
            return False, None
        except ssl.SSLZeroReturnError:  # close_notify, when we have said ours
            return True, b""
        except (ssl.SSLError, ssl.CertificateError) as error:
            self.failure = Failed(error)
            raise self.failure from error
        finally:
            self.flush()

    def flush(self, is_patient=False):
        """Who reads does not wait for who writes and has to wait: that one takes along what is there to be sent."""
        while self.outgoing.pending and self.send_lock.acquire(blocking=is_patient):
            try:
                self.push()
            except OSError:
                if is_patient:
                    raise
                return  # the call that moves bytes meets it, too
            finally:
                self.send_lock.release()

    def push(self):
        with self.engine_lock:
            self.unsent += self.outgoing.read()
        while self.unsent:
            self.unsent = self.unsent[self.sock.send(self.unsent):]

    def take_in(self):
        data = self.engine.read(1 << 18)
        self.plain += data
        return data

    def decrypt(self):
        while not self.has_ended:
            is_done, data = self.step(self.take_in)
            if not is_done:
                return
            self.has_ended = not data  # close_notify

    def shut(self):
        """unwrap() reads, too, and what it finds is lost: nothing may be left for it."""
        try:
            while self.take_in():
                pass
            self.has_ended = True
        except ssl.SSLWantReadError:
            pass
        self.engine.unwrap()

    # ---- reading

    def hear(self):
        """One read of the socket, and what follows from it."""
        if self.failure:
            raise self.failure
        data = self.sock.recv(1 << 18)
        if not data:
            raise Cut("an end without close_notify" if self.is_open else "an end in the handshake")
        with self.engine_lock:
            self.incoming.write(data)
        if not self.is_open:
            self.is_open = self.step(self.engine.do_handshake)[0]
        if self.is_open:
            self.decrypt()

    def handshake(self):
        with self.shake_lock:
            if not self.is_open and not self.has_ended:
                self.is_open = self.step(self.engine.do_handshake)[0]
                self.flush(is_patient=True)
            while not self.is_open and not self.has_ended:
                self.hear()
        return self

    def recv(self, limit):
        self.handshake()
        while not self.plain:
            if self.has_ended:
                return b""
            self.hear()
        data = bytes(self.plain[:limit])
        del self.plain[:len(data)]  # who writes may have put more there
        return data

    def take(self):
        """For whom select woke: (plain bytes, perhaps none; is this the end?). Never waits when the socket is readable."""
        if not self.has_ended:
            self.hear()
        data = bytes(self.plain)
        del self.plain[:len(data)]
        return data, self.has_ended

    # ---- writing

    def send(self, data):
        """Whole records; after a time-out what is left of one goes first the next time."""
        self.handshake()
        with self.send_lock:
            self.push()
            part = memoryview(data)[:RECORD]
            with self.engine_lock:
                if self.failure:
                    raise self.failure
                self.engine.write(part)
            try:
                self.push()
            except TimeoutError:
                pass
            return len(part)

    def sendall(self, data):
        rest = memoryview(data)
        self.handshake()
        with self.send_lock:
            while rest:
                rest = rest[self.send(rest):]
                self.push()

    # ---- endings

    def send_last(self, data):
        """The data, and that no more comes, in one piece."""
        self.handshake()
        with self.send_lock:
            with self.engine_lock:
                self.engine.write(data)
            self.say_bye()

    def say_bye(self):
        """close_notify; reading goes on."""
        if self.is_open and not self.has_said_bye and not self.failure:
            self.has_said_bye = True
            with self.send_lock:
                try:
                    self.step(self.shut)
                except Failed:
                    self.failure = None  # the peer has broken off meanwhile: who reads hears of it
                self.flush(is_patient=True)

    def shutdown(self, how):
        """The end of what we say is close_notify and FIN, as from who closes; say_bye() has no FIN."""
        if how == socket.SHUT_WR:
            self.handshake()
            self.say_bye()
        self.sock.shutdown(how)

    def setsockopt(self, level, name, value):
        self.is_to_reset = self.is_to_reset or (level, name) == (socket.SOL_SOCKET, socket.SO_LINGER)
        self.sock.setsockopt(level, name, value)

    def close(self):
        """With close_notify, unless a reset is prepared, it can't be said any more or is not to be (bye_s None)."""
        if not self.is_to_reset and self.bye_s is not None and self.sock.fileno() >= 0:
            try:
                self.sock.settimeout(self.bye_s)
                self.say_bye()
            except (OSError, ssl.SSLError):
                pass
        self.sock.close()

    def cut(self):
        """An end without close_notify."""
        self.bye_s = None
        self.close()

    # ---- what was agreed

    @property
    def version(self):
        return self.engine.version()

    @property
    def is_resumed(self):
        return self.engine.session_reused

    @property
    def session(self):
        return self.engine.session

    def peer_der(self):
        """The peer's certificate as it came."""
        return self.engine.getpeercert(True)


def ask_server(sock, context, name=None, session=None):
    """The client's side, once the handshake is made."""
    return TlsSocket(sock, context, name=name, session=session).handshake()


def serve_client(sock, context):
    """The server's side; the handshake comes with the first bytes."""
    return TlsSocket(sock, context, is_server=True)
