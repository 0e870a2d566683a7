"""ONNX files, float or int8 (QDQ, QLinear), as networks of `mapping.network`."""

from mapping.onnx_import.importer import ImportedNetwork, import_network

__all__ = ["ImportedNetwork", "import_network"]
