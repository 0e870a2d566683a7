"""ONNX files, float or int8 (QDQ, QLinear), as networks of `mapping.network`."""

from mapping.onnx_import.importer import ImportedNetwork, import_network
from mapping.onnx_import.read import network_files

__all__ = ["ImportedNetwork", "import_network", "network_files"]
