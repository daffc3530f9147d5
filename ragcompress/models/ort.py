"""ONNX Runtime, imported in this one place, with its telemetry off.

From version 1.32 on its wheels hold a client that looks up a host of Microsoft some seconds after the import.
``disable_telemetry_events()`` does not stop it; a variable that is set before the import does. Who wants it
sets ``ORT_DISABLE_TELEMETRY=0``; any other value, an empty one too, leaves it off.
"""

from __future__ import annotations

import os

if os.environ.get("ORT_DISABLE_TELEMETRY") != "0":
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

__all__ = ["onnxruntime"]
