"""Every exception that Ophion's host library raises on purpose, in one tree.

    OphionError                  exit 1   something was asked that cannot be done
    |-- UsageError               exit 2   the arguments contradict each other or name nothing
    |-- InputError               exit 3   a file given is missing, damaged or not what it should be
    |   |-- ImageError                    not a well-formed image
    |   |-- KeyFileError                  not a usable key, wrong passphrase, or a published sample key
    |   |-- BuildError                    an application folder that cannot become a payload
    |   `-- PatchError                    not a delta patch, damaged, or for another image
    |-- DeviceNotFound           exit 4   no device of that name or address answered
    |-- RefusedError             exit 5   the device understood the request and said no
    |   `-- RevertedError                 the device tried the new image and went back
    |-- LinkLost                 exit 6   the connection broke and retries are used up
    `-- VerificationFailed       exit 7   the image is well-formed, but a device would not run it

`ophion.sim.SimError` is also an `OphionError`. Exit 130 means interrupted (Ctrl-C), as shells expect.

An error is one line that says what is wrong and where (`str(error)`), and `hint`: what to do next, or "".
Foreign exceptions (of imgtool, smpclient, bleak, cryptography) are converted where they enter.
"""

from __future__ import annotations

from typing import ClassVar

EXIT_INTERRUPTED = 130


class OphionError(Exception):
    """Base of all; `message` is one line without a full stop, `hint` says what to do next."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(OphionError):
    """The call itself is wrong: options that exclude each other, an unknown scheme, a bad number."""

    exit_code = 2


class InputError(OphionError):
    """A file that was given cannot be used."""

    exit_code = 3


class ImageError(InputError):
    """Bytes that are not a well-formed image."""


class KeyFileError(InputError):
    """A key that cannot be read, is of the wrong kind, or must not be used."""


class BuildError(InputError):
    """An application folder that cannot be built."""


class PatchError(InputError):
    """A delta patch that cannot be made or applied."""


class DeviceNotFound(OphionError):
    """Nothing answers to this name or address."""

    exit_code = 4


class RefusedError(OphionError):
    """The device answered with an error.

    `group` and `rc` are the SMP error (group -1: the generic codes), `reason` is the device's own
    text, "" if unknown.
    """

    exit_code = 5

    def __init__(
        self, message: str, hint: str = "", *, group: int = -1, rc: int = 0, reason: str = ""
    ) -> None:
        super().__init__(message, hint)
        self.group = group
        self.rc = rc
        self.reason = reason


class RevertedError(RefusedError):
    """The update was installed and started, and the device went back to the image it had before."""


class LinkLost(OphionError):
    """The connection broke or an answer stayed away, more often than the caller allows."""

    exit_code = 6


class VerificationFailed(OphionError):
    """The device's own verification code refuses this image."""

    exit_code = 7
