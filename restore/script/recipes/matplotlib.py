# Recipe for scripts that use matplotlib: the figures of the frozen run, and its changes of the settings, are not those of the next run.
# Chosen by itself when matplotlib.pyplot is loaded, beside that of a program.

DETECT = 'matplotlib.pyplot'
GUARDS = ('MPLBACKEND', 'MPLCONFIGDIR', 'MATPLOTLIBRC')

import os
import sys


def thaw():
    if os.path.isfile('matplotlibrc'):
        return 'a matplotlibrc, which is read when matplotlib is imported'
    modules = sys.modules
    modules['matplotlib._pylab_helpers'].Gcf.figs.clear()
    matplotlib = modules['matplotlib']
    settings, first = matplotlib.rcParams, matplotlib.rcParamsOrig
    for key in list(dict.keys(settings)):
        if key in first:
            value = dict.__getitem__(first, key)
            if dict.__getitem__(settings, key) is not value:
                dict.__setitem__(settings, key, value)
    pyplot = modules['matplotlib.pyplot']
    if hasattr(pyplot, '_get_backend_mod'):  # 3.6: chosen at the first use
        pyplot._backend_mod = None
