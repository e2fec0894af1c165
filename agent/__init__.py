"""Watchkeeper: a predictive-maintenance agent for the edge.

The package is laid out as a house with one path for the data; start reading at
``agent/monitoring/monitor.py`` (what is done with a sample) or ``agent/app.py``
(how the parts are put together).
"""

__version__ = "0.1.0"
