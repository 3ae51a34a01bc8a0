"""The judgement of a training run: pure, without I/O, clock or threads.

Nothing in this package imports ``monitor`` or anything that reads a file, a clock or a socket; time comes in as ``now``
(Unix seconds). ``tests/test_layout.py`` holds it to that.
"""
