"""Proxies: a small frozen language model behind one method, ``probe``. Backends are imported lazily."""
