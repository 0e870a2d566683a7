"""Errors a user can cause; each message is one line: what, where, expected, found."""


class HwsimError(Exception):
    """Base of every error that is the input's fault; the command line exits with status 2."""


class SpecError(HwsimError):
    """A YAML or JSON description does not say what it must."""


class NetworkError(HwsimError):
    """A network file cannot be read or uses something that is not supported."""


class DataError(HwsimError):
    """A data set cannot be read, or does not fit the network."""


class MappingError(HwsimError):
    """A network cannot be placed on an architecture."""
