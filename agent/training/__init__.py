"""From recorded waveforms to an int8 bundle with its card (extra ``train``).

::

    records.py      waveform files -> levels over each machine's own median
    disturbance.py  normal levels -> what a fault might make of them
    network.py      levels -> a small autoencoder -> full int8      (tensorflow, only here)
    evaluation.py   what float, int8 and the plain octave rule notice on machines never seen
    bundle.py       model, card and golden vectors -> a folder
    recipe.py       every number that decides the result, from recipe.toml
"""
