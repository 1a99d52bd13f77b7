"""How customer numbers and PINs are kept: neither lies anywhere in plain."""

import hashlib
import hmac
import os


def digest(number: str) -> str:
    """What stands for a customer number in the file."""
    return hashlib.sha256(f"frontdesk bank customer {number}".encode()).hexdigest()


def new_salt() -> bytes:
    return os.urandom(16)


def scramble(pin: str, salt: bytes) -> bytes:
    """What is kept of a PIN. It takes some milliseconds, which are not Python's: call it beside the event loop."""
    return hashlib.scrypt(pin.encode(), salt=salt, n=2**12, r=8, p=1, dklen=32)


def matches(pin: str, salt: bytes, kept: bytes) -> bool:
    return hmac.compare_digest(scramble(pin, salt), kept)
