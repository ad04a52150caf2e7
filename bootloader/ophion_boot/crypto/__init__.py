"""Signature checks in plain Python, for firmware whose C part has none. They raise on failure."""


class CryptoError(ValueError):
    """A signature or key that is not valid; `str(error)` names the rule it breaks."""
