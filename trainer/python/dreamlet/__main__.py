"""`python -m dreamlet`: the program."""

import subprocess
import sys

from dreamlet import program

sys.exit(subprocess.call([program(), *sys.argv[1:]]))
